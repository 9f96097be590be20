import BookendDaemon
package import BookendFiles
import BookendModel
import GRDB

/// Backup and restore of the collector's database.
package enum CollectorCopies {
    static let databaseName = "collector.sqlite"

    private static let copies = DatabaseCopy(
        program: "bookend-collector", migrator: StoreSchema.migrator, landmark: "tallies")

    /// Copies the database while the collector may run.
    ///
    /// - Returns: What to print.
    package static func backUp(_ configuration: CollectorConfiguration, to file: String) throws -> String {
        try copies.backUp("\(configuration.stateDirectory)/\(databaseName)", to: file)
        return "\(file): \(try contents(of: file))"
    }

    /// Puts a copy in the place of the database, with a new epoch: cursors of before may stand for other reports.
    ///
    /// - Returns: What to print.
    package static func restore(_ configuration: CollectorConfiguration, from file: String) throws -> String {
        let directory = try StateDirectory(path: configuration.stateDirectory)
        defer { withExtendedLifetime(directory) {} }
        let database = directory.file(databaseName)
        let kept = try copies.restore(database, from: file, at: SystemClock().now.wall) { database in
            _ = try SQLiteReportStore.renewEpoch(database)  // It is read when the collector starts.
        }
        return """
            restored from \(file): \(try contents(of: database))
            \(kept.map { "What was there before is \($0); remove it when all is well." } ?? "No database was there before.")

            Next:
              1. start bookend-collector. Agents send again what they reported since the copy was made, by themselves, and
                 each report counts once. They keep it for 14 days: what is older than that is only in the old database.
              2. Subscribers that come with an earlier cursor are told of a gap, once; they start without a cursor.
            """
    }

    /// `7 reports, 1 jobs, the newest report stored at 2026-11-23T02:00:00.123Z`.
    private static func contents(of file: String) throws -> String {
        var reading = Configuration()
        reading.readonly = true
        let copy = try DatabaseQueue(path: file, configuration: reading)
        let (reports, jobs, newest) = try copy.read { database in
            (
                try Int.fetchOne(database, sql: "SELECT count(*) FROM reports") ?? 0,
                try Int.fetchOne(database, sql: "SELECT count(*) FROM jobs") ?? 0,
                try Int64.fetchOne(
                    database, sql: "SELECT stored_at FROM reports ORDER BY cursor DESC LIMIT 1")
            )
        }
        try copy.close()
        let end = newest.map { ", the newest report stored at \(UnixTime(milliseconds: $0).rfc3339)" } ?? ""
        return "\(reports) reports, \(jobs) jobs\(end)"
    }
}
