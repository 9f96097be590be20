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
        if isOther { try database.execute(sql: "DELETE FROM peers WHERE is_revoked = 0") }
        for peer in roster.peers {
            try database.cachedStatement(
                sql: """
                    INSERT INTO peers (public_key, is_revoked, body) VALUES (?, ?, ?)
                    ON CONFLICT (public_key) DO UPDATE SET is_revoked = excluded.is_revoked, body = excluded.body
                        WHERE is_revoked = 0
                    """
            ).execute(arguments: [peer.key.text, peer.state == .revoked, Data(Wire.encode(peer))])
        }
        if isOther || !roster.peers.isEmpty { try set("peers", roster.peersThrough, database) }
    }
}
