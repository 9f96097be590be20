package import BookendModel
import BookendWire
import FoundationEssentials
import GRDB

extension SQLiteReportStore {
    package func peers() throws(CollectorError) -> (peers: [Peer], through: Int64) {
        try read { database in
            let bodies = try Data.fetchAll(database, sql: "SELECT body FROM peers ORDER BY public_key")
            return (try bodies.map { try Wire.decodePeer([UInt8]($0)) }, try Self.fact("peers", database) ?? 0)
        }
    }

    static func savePeers(of roster: RosterReply, _ database: Database) throws {
        let epoch = try fact("roster_epoch", database) ?? 0
        let isOther = epoch != 0 && epoch != Int64(bitPattern: roster.epoch)
        if isOther {
            try database.execute(sql: "UPDATE peers SET is_stale = 1 WHERE is_revoked = 0")
            try set("peers_reload", 1, database)
        }
        for peer in roster.peers {
            try database.cachedStatement(
                sql: """
                    INSERT INTO peers (public_key, is_revoked, is_stale, body) VALUES (?, ?, 0, ?)
                    ON CONFLICT (public_key) DO UPDATE SET is_revoked = excluded.is_revoked, is_stale = 0,
                        body = excluded.body WHERE is_revoked = 0
                    """
            ).execute(arguments: [peer.key.text, peer.state == .revoked, Data(Wire.encode(peer))])
        }
        if isOther || !roster.peers.isEmpty { try set("peers", roster.peersThrough, database) }
        if roster.peers.contains(where: \.isNextOfAnother) { try forgetAbandoned(database) }
        if roster.peers.isEmpty, try fact("peers_reload", database) == 1 {
            try database.execute(sql: "DELETE FROM peers WHERE is_stale = 1")
            try set("peers_reload", 0, database)
        }
    }

    private static func forgetAbandoned(_ database: Database) throws {
        let peers = try Data.fetchAll(database, sql: "SELECT body FROM peers WHERE is_stale = 0")
            .map { try Wire.decodePeer([UInt8]($0)) }
        for key in PeerBook.abandoned(among: peers) {
            try database.cachedStatement(sql: "DELETE FROM peers WHERE public_key = ?").execute(arguments: [key.text])
        }
    }
}
