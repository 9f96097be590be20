package import BookendModel
package import GRDB
import Glibc

/// Copies of a daemon's database: made while it runs, put in its place while it does not.
package struct DatabaseCopy: Sendable {
    /// What the database belongs to, for messages: `bookend-coordinator`.
    private let program: String
    private let migrator: DatabaseMigrator
    /// A table that only this program's database has.
    private let landmark: String

    package init(program: String, migrator: DatabaseMigrator, landmark: String) {
        self.program = program
        self.migrator = migrator
        self.landmark = landmark
    }

    // MARK: Backup

    /// Writes a copy of a database as of one moment, also while the daemon uses it, and returns once it is on the disk.
    ///
    /// - Throws: ``DaemonError``: the file is there already, or cannot be written; the database is missing or damaged. No
    ///   file is left then.
    package func backUp(_ database: String, to file: String) throws(DaemonError) {
        guard access(file, F_OK) != 0 else {
            throw DaemonError("\(file): is there already, and is not overwritten; name another file")
        }
        guard access(database, F_OK) == 0 else {
            throw DaemonError("\(database): there is no database; has \(program) run with this configuration?")
        }
        let partial = file + ".partial"
        try create(partial)
        do {
            try copy(database, to: partial) { copy in try check(copy, partial) }
            try sync(partial)
            // A link does not overwrite, where a rename would.
            guard link(partial, file) == 0 else { throw Self.problem(file, "cannot be made") }
            unlink(partial)
            try sync(Self.directory(of: file))
        } catch {
            unlink(partial)
            throw (error as? DaemonError) ?? DaemonError("\(file): the copy failed: \(error)")
        }
    }

    // MARK: Restore

    /// Puts a copy in the place of a database that nobody uses. The one that was there stays beside it.
    ///
    /// - Parameter renew: Changes what must not be as it was: epochs, counters.
    /// - Returns: Where the old database is now; `nil`: there was none.
    /// - Throws: ``DaemonError``: the file is missing, damaged, of a newer version, or of another program. Nothing has
    ///   changed then.
    package func restore(
        _ database: String, from file: String, at now: UnixTime, renew: (Database) throws -> Void
    ) throws(DaemonError) -> String? {
        guard access(file, R_OK) == 0 else { throw Self.problem(file, "cannot be read") }
        let fresh = database + ".restoring"
        for leftover in [fresh, fresh + "-wal", fresh + "-shm", fresh + "-journal"] { unlink(leftover) }
        try create(fresh)
        do {
            try copy(file, to: fresh) { copy in
                try check(copy, file)
                try migrator.migrate(copy)
                try copy.write(renew)
            }
            try sync(fresh)
            let kept = try setAside(database, at: now)
            guard rename(fresh, database) == 0 else { throw Self.problem(database, "cannot be replaced") }
            try sync(Self.directory(of: database))
            return kept
        } catch {
            unlink(fresh)
            throw (error as? DaemonError) ?? DaemonError("\(file): cannot be restored: \(error)")
        }
    }

    /// Gives the database a second name, and takes away what belongs to it alone.
    private func setAside(_ database: String, at now: UnixTime) throws -> String? {
        guard access(database, F_OK) == 0 else { return nil }
        do {
            let old = try DatabaseQueue(path: database)
            try old.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
            try old.close()
        } catch {
            // It is damaged: perhaps the very reason to restore. What belongs to it goes with it.
        }
        let kept = "\(database).before-restore-\(now.milliseconds / 1_000)"
        guard link(database, kept) == 0 else { throw Self.problem(kept, "cannot be made") }
        // A log that stays would be taken for the new database's.
        if access(database + "-wal", F_OK) == 0, rename(database + "-wal", kept + "-wal") != 0 {
            throw Self.problem(kept + "-wal", "cannot be made")
        }
        unlink(database + "-shm")
        return kept
    }

    // MARK: Parts of both

    /// Copies all pages in one transaction of the source.
    private func copy(_ source: String, to target: String, then finish: (DatabaseQueue) throws -> Void) throws {
        var reading = Configuration()
        reading.readonly = true
        reading.busyMode = .timeout(10)
        let (from, to) = (try DatabaseQueue(path: source, configuration: reading), try DatabaseQueue(path: target))
        do {
            try from.backup(to: to)
        } catch {
            throw DaemonError("\(source): cannot be copied: \(error)")
        }
        try from.close()
        try to.writeWithoutTransaction { try $0.execute(sql: "PRAGMA journal_mode = DELETE") }
        try finish(to)
        try to.close()
    }

    private func check(_ copy: DatabaseQueue, _ file: String) throws {
        let found: String?
        let isOurs: Bool
        do {
            (found, isOurs) = try copy.read { database in
                (try String.fetchOne(database, sql: "PRAGMA integrity_check(1)"), try database.tableExists(landmark))
            }
        } catch {
            throw DaemonError("\(file): is not a database, or is damaged: \(error)")
        }
        guard found == "ok" else {
            throw DaemonError("\(file): is damaged: \(found ?? "it cannot be read"); take another copy")
        }
        guard isOurs else { throw DaemonError("\(file): is not a database of \(program)") }
        guard try copy.read(migrator.hasBeenSuperseded) == false else {
            throw DaemonError("\(file): a newer \(program) made it; upgrade this one first")
        }
    }

    private func create(_ file: String) throws(DaemonError) {
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.problem(file, "cannot be made") }
        close(descriptor)
    }

    private func sync(_ path: String) throws(DaemonError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.problem(path, "cannot be opened") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Self.problem(path, "cannot be written to the disk") }
    }

    private static func directory(of file: String) -> String {
        guard let slash = file.lastIndex(of: "/") else { return "." }
        return slash == file.startIndex ? "/" : String(file[..<slash])
    }

    private static func problem(_ path: String, _ what: String) -> DaemonError {
        DaemonError("\(path): \(what): \(String(cString: strerror(errno)))")
    }
}
