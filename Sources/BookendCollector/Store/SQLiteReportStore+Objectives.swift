package import BookendModel
import GRDB

/// What policies say of how old a good backup may be.
extension SQLiteReportStore {
    package func objectives() throws(CollectorError) -> PolicyObjectives? {
        try read { database in
            guard try Self.fact("objectives", database) == 1 else { return nil }
            let rows = try Row.fetchAll(database, sql: "SELECT policy, within_ms FROM objectives")
            return try PolicyObjectives(
                Dictionary(
                    rows.map { row in
                        let policy: String = try row.decode(forColumn: "policy")
                        let within: Int64 = try row.decode(forColumn: "within_ms")
                        return (PolicyName(rawValue: policy), .milliseconds(within))
                    }, uniquingKeysWith: { $1 }))
        }
    }

    static func saveObjectives(of roster: RosterReply, _ database: Database) throws {
        guard let objectives = roster.objectives else { return }
        try database.execute(sql: "DELETE FROM objectives")
        for (policy, within) in objectives.within {
            try database.execute(
                sql: "INSERT INTO objectives (policy, within_ms) VALUES (?, ?)",
                arguments: [policy.rawValue, within.milliseconds])
        }
        try Self.set("objectives", 1, database)
    }
}
