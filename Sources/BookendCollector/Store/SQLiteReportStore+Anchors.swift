package import BookendModel
import FoundationEssentials
import GRDB

extension SQLiteReportStore {
    package func anchor(_ head: AuditHead, at now: UnixTime) throws(CollectorError) -> Bool {
        try write { database in
            let highest = try Int64.fetchOne(database, sql: "SELECT max(sequence) FROM audit_anchors") ?? 0
            let isKnown =
                try Int.fetchOne(
                    database.cachedStatement(sql: "SELECT 1 FROM audit_anchors WHERE sequence = ? AND hash = ?"),
                    arguments: [head.sequence, Data(head.hash)]) != nil
            let isOdd = head.sequence <= highest
            if isKnown { return !isOdd || head.sequence == highest }
            let odd = isOdd ? try Int.fetchOne(database, sql: "SELECT count(*) FROM audit_anchors WHERE is_odd = 1") : 0
            if odd ?? 0 < AuditAnchors.oddLimit {
                try database.cachedStatement(
                    sql: "INSERT INTO audit_anchors (sequence, hash, seen_unix_ms, is_odd) VALUES (?, ?, ?, ?)"
                ).execute(arguments: [head.sequence, Data(head.hash), now.milliseconds, isOdd])
            }
            try Self.thinAnchors(at: now, database)
            return !isOdd
        }
    }

    package func anchors(after sequence: Int64, limit: Int) throws(CollectorError) -> [AuditAnchor] {
        try read { database in
            try Row.fetchAll(
                database,
                sql: "SELECT * FROM audit_anchors WHERE sequence > ? ORDER BY sequence, seen_unix_ms LIMIT ?",
                arguments: [sequence, min(max(1, limit), 1_000)]
            ).map { row in
                AuditAnchor(
                    head: AuditHead(
                        sequence: try row.decode(forColumn: "sequence"),
                        hash: [UInt8](try row.decode(Data.self, forColumn: "hash"))),
                    seenAt: UnixTime(milliseconds: try row.decode(forColumn: "seen_unix_ms")))
            }
        }
    }

    /// Leaves the first and the last of each hour.
    private static func thinAnchors(at now: UnixTime, _ database: Database) throws {
        try database.cachedStatement(
            sql: """
                DELETE FROM audit_anchors WHERE is_odd = 0 AND seen_unix_ms < ? AND sequence NOT IN (
                    SELECT min(sequence) FROM audit_anchors WHERE is_odd = 0 GROUP BY seen_unix_ms / 3600000
                    UNION SELECT max(sequence) FROM audit_anchors WHERE is_odd = 0 GROUP BY seen_unix_ms / 3600000)
                """
        ).execute(arguments: [AuditAnchors.thinned(at: now)])
    }
}
