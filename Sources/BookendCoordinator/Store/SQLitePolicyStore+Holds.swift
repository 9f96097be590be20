package import BookendModel
import GRDB

extension SQLitePolicyStore {
    package func record(_ hold: Hold, audit: [AuditDraft], at now: UnixTime) throws(CoordinatorError) {
        try write { database in
            try database.execute(
                sql: """
                    INSERT OR REPLACE INTO holds (target, reason, since_unix_ms, until_unix_ms, made_by)
                    VALUES (?, ?, ?, ?, ?)
                    """,
                arguments: [
                    hold.target.description, hold.reason, hold.since.milliseconds, hold.until.milliseconds, hold.madeBy,
                ])
            try Self.append(audit, at: now, database)
        }
    }

    package func release(_ target: Hold.Target, audit: [AuditDraft], at now: UnixTime) throws(CoordinatorError) {
        try write { database in
            try database.execute(sql: "DELETE FROM holds WHERE target = ?", arguments: [target.description])
            try Self.append(audit, at: now, database)
        }
    }

    /// All that are kept, in order of their target.
    static func holds(_ database: Database) throws -> [Hold] {
        try Row.fetchAll(database, sql: "SELECT * FROM holds ORDER BY target").map { row in
            let text = try row.decode(String.self, forColumn: "target")
            guard let target = Hold.Target(text) else {
                throw CoordinatorError(.store, "hold '\(text)': a newer bookend-coordinator wrote this row")
            }
            return try Hold(
                target: target, reason: row.decode(forColumn: "reason"),
                since: UnixTime(milliseconds: row.decode(forColumn: "since_unix_ms")),
                until: UnixTime(milliseconds: row.decode(forColumn: "until_unix_ms")),
                madeBy: row.decode(forColumn: "made_by"))
        }
    }
}
