import BookendDaemon
package import BookendFiles
import BookendModel
import GRDB
import Glibc

/// Backup and restore of the coordinator's database.
package enum CoordinatorCopies {
    private static let copies = DatabaseCopy(
        program: "bookend-coordinator", migrator: PolicyStoreSchema.migrator, landmark: "policy_edits")

    /// - Returns: What to print.
    package static func backUp(_ configuration: CoordinatorConfiguration, to file: String) throws -> String {
        try copies.backUp(configuration.stateDirectory + "/coordinator.sqlite", to: file)
        return "\(file): policies, triggers and slots as of now"
    }

    /// - Returns: What to print.
    package static func restore(_ configuration: CoordinatorConfiguration, from file: String) throws -> String {
        let directory = try StateDirectory(path: configuration.stateDirectory)
        defer { withExtendedLifetime(directory) {} }
        let now = SystemClock().now.wall
        let kept = try copies.restore(directory.file("coordinator.sqlite"), from: file, at: now) { database in
            try SQLitePolicyStore.renew(database, at: now)
        }
        return """
            restored from \(file)\(kept.map { "; what was there before is \($0)" } ?? "")

            Next:
              1. start bookend-coordinator. Agents and collectors tell it which ids they know; it goes on above them.
              2. bookend policy diff DIRECTORY: what was applied after the copy was made is not here; apply it again.
              3. bookend agents: each agent that comes online gets its policies and its jobs to come anew.
              4. bookend agent list --all: who was enrolled after the copy was made is not here, and enrolls anew. Who was
                 revoked after it (collectors still know) may come in again: bookend agent revoke NAME, at once.
            """
    }
}

extension SQLitePolicyStore {
    /// Makes an earlier state fit to go on from: others know more than it does.
    static func renew(_ database: Database, at now: UnixTime) throws {
        _ = try renewEpoch(database)  // It is read when the coordinator starts.
        try append(
            [
                AuditDraft(
                    who: "local/\(getuid())", origin: "", what: "database.restore", target: "coordinator.sqlite",
                    result: .done, detail: "entries behind this one that the collector saw are of before")
            ], at: now, database)
        try set("job", counter("job", database) + RestoredStore.gap, database)
        let generation = try max(
            Int64.fetchOne(database, sql: "SELECT max(generation) FROM policy_edits") ?? 0,
            counter("generation", database))
        try set("generation", generation + RestoredStore.gap, database)
        try set("peers", counter("peers", database) + RestoredStore.gap, database)
        // Starts that passed since the copy was made were planned, under ids that this database does not know.
        try set("slots_planned_unix_ms", now.milliseconds, database)
    }
}
