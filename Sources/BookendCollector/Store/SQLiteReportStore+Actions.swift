package import BookendModel
import GRDB

/// What people did here, until the coordinator has written it into its audit log.
extension SQLiteReportStore {
    package func note(_ action: CollectorAction) throws(CollectorError) {
        try write { database in try Self.insert(action, database) }
    }

    package func actions(limit: Int) throws(CollectorError) -> (actions: [CollectorAction], through: Int64) {
        try read { database in
            var through: Int64 = 0
            let rows = try Row.fetchAll(
                database.cachedStatement(sql: "SELECT * FROM actions ORDER BY number LIMIT ?"), arguments: [limit])
            let actions = try rows.map { row in
                through = try row.decode(forColumn: "number")
                let what: String = try row.decode(forColumn: "what")
                guard let deed = Deed(rawValue: what) else {
                    throw CollectorError(.store, "something was done that this version does not know: '\(what)'")
                }
                return CollectorAction(
                    who: try row.decode(forColumn: "who"), what: deed, target: try row.decode(forColumn: "target"),
                    reason: try row.decode(forColumn: "reason"),
                    at: UnixTime(milliseconds: try row.decode(forColumn: "at")))
            }
            return (actions, through)
        }
    }

    package func forgetActions(through number: Int64) throws(CollectorError) {
        try write { database in
            try database.execute(sql: "DELETE FROM actions WHERE number <= ?", arguments: [number])
        }
    }

    static func insert(_ action: CollectorAction, _ database: Database) throws {
        try database.execute(
            sql: "INSERT INTO actions (who, what, target, reason, at) VALUES (?, ?, ?, ?, ?)",
            arguments: [action.who, action.what.rawValue, action.target, action.reason, action.at.milliseconds])
    }
}
