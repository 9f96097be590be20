package import BookendModel
import BookendWire
import FoundationEssentials
import GRDB

extension SQLitePolicyStore {
    package func access() throws(CoordinatorError) -> (peers: [Peer], tokens: [EnrollmentToken]) {
        try write { database in
            let peers = try Data.fetchAll(database, sql: "SELECT body FROM peers ORDER BY generation")
            let tokens = try Row.fetchAll(database, sql: "SELECT body, secret_digest FROM tokens ORDER BY id")
            return (
                try peers.map { try Wire.decodePeer([UInt8]($0)) },
                try tokens.map { row in
                    var token = try Wire.decodeEnrollmentToken([UInt8](row.decode(Data.self, forColumn: "body")))
                    token.secretDigest = [UInt8](try row.decode(Data.self, forColumn: "secret_digest"))
                    return token
                }
            )
        }
    }

    package func record(
        _ change: AccessChange, audit: [AuditDraft], at now: UnixTime
    ) throws(CoordinatorError) -> [Peer] {
        try write { database in
            try Self.append(audit, at: now, database)
            for token in change.tokens { try Self.save(token, database) }
            for key in change.forgotten {
                try database.cachedStatement(
                    sql: "DELETE FROM peers WHERE public_key = ? AND state <> 'revoked'"
                ).execute(arguments: [key.text])
            }
            var recorded: [Peer] = []
            for var peer in change.peers {
                peer.generation = try Self.counter("peers", database) + 1
                try Self.save(peer, database)
                guard database.changesCount > 0 else { continue }
                try Self.set("peers", peer.generation, database)
                recorded.append(peer)
            }
            return recorded
        }
    }

    package func forget(_ tokens: [TokenID]) throws(CoordinatorError) {
        try write { database in
            let statement = try database.cachedStatement(sql: "DELETE FROM tokens WHERE id = ?")
            for token in tokens { try statement.execute(arguments: [token.rawValue]) }
        }
    }

    private static func save(_ peer: Peer, _ database: Database) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO peers (public_key, generation, identity, state, role, body) VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT (public_key) DO UPDATE SET generation = excluded.generation, identity = excluded.identity,
                    state = excluded.state, role = excluded.role, body = excluded.body WHERE state <> 'revoked'
                """
        ).execute(arguments: [
            peer.key.text, peer.generation, peer.identity.description, peer.state.rawValue, peer.role?.rawValue,
            Data(Wire.encode(peer)),
        ])
    }

    private static func save(_ token: EnrollmentToken, _ database: Database) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO tokens (id, uses_left, secret_digest, body) VALUES (?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET uses_left = excluded.uses_left, body = excluded.body
                """
        ).execute(arguments: [
            token.id.rawValue, token.usesLeft, Data(token.secretDigest), Data(Wire.encode(token)),
        ])
    }
}
