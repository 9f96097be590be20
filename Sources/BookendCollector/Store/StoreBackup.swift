package import BookendModel
import GRDB
import Glibc

/// Copies of the collector's database: made while the collector works, and put in its place while it does not.
package enum StoreBackup {
    /// What a copy holds.
    package struct Contents: Hashable, Sendable {
        package var reports: Int
        package var jobs: Int
        /// When the newest report was stored; `nil`: there is none.
        package var newest: UnixTime?
        package var bytes: Int64
    }

    /// Copies the database as it is at one moment. Writers are not held up.
    ///
    /// - Parameter file: Must not exist. It is there once the copy is whole and on disk.
    /// - Throws: ``CollectorError`` with code `.store`.
    package static func make(of path: String, to file: String) throws(CollectorError) -> Contents {
        guard access(path, F_OK) == 0 else {
            throw CollectorError(.store, "\(path): there is no database; is `state_directory` right?")
        }
        guard !StoreFile.exists(file) else {
            throw CollectorError(.store, "\(file): exists already, and is not overwritten; name another file")
        }
        let partial = file + ".partial"
        do {
            let contents = try StoreFile.building(partial) { try copy(path, to: partial) }
            try StoreFile.publish(partial, as: file)
            return contents
        } catch {
            throw CollectorError(error, "\(path) could not be backed up to \(file)")
        }
    }

    /// Puts a copy in the place of the database, with a new epoch. The collector must not run.
    ///
    /// - Parameters:
    ///   - now: Ends the name of the file that keeps the old database.
    /// - Returns: What is in it, and where the old database is; `nil`: there was none.
    /// - Throws: ``CollectorError`` with code `.store`; the database is then as it was.
    package static func restore(
        _ file: String, to path: String, at now: UnixTime
    ) throws(CollectorError) -> (contents: Contents, old: String?) {
        guard access(file, F_OK) == 0 else {
            throw CollectorError(.store, "\(file): \(String(cString: strerror(errno)))")
        }
        guard !StoreFile.areSame(file, path) else {
            throw CollectorError(.store, "\(file) is the collector's database itself; name a backup")
        }
        let partial = path + ".restoring"
        do {
            let contents = try StoreFile.building(partial) {
                let contents = try copy(file, to: partial)
                let database = try DatabaseQueue(path: partial)
                _ = try database.write { try SQLiteReportStore.renewEpoch($0) }
                try database.close()
                return contents
            }
            let old = try StoreFile.putAside(path, suffix: "before-restore-\(now.milliseconds)")
            try StoreFile.publish(partial, as: path)
            return (contents, old)
        } catch {
            throw CollectorError(error, "\(file) could not be restored to \(path)")
        }
    }

    /// Copies, checks the copy, and makes it one file.
    private static func copy(_ source: String, to target: String) throws -> Contents {
        var reading = Configuration()
        reading.readonly = true
        reading.busyMode = .timeout(5)
        let original = try DatabaseQueue(path: source, configuration: reading)
        try check(original, source)
        let copy = try DatabaseQueue(path: target)
        try original.backup(to: copy)
        let (reports, jobs, newest, findings) = try copy.writeWithoutTransaction { database in
            // Without the files of a write-ahead log beside it.
            try database.execute(sql: "PRAGMA journal_mode = DELETE")
            return (
                try Int.fetchOne(database, sql: "SELECT count(*) FROM reports") ?? 0,
                try Int.fetchOne(database, sql: "SELECT count(*) FROM jobs") ?? 0,
                try Int64.fetchOne(database, sql: "SELECT max(stored_at) FROM reports"),
                try String.fetchAll(database, sql: "PRAGMA integrity_check(5)")
            )
        }
        try copy.close()
        try original.close()
        guard findings == ["ok"] else {
            throw CollectorError(.store, "\(source) is damaged: \(findings.joined(separator: "; "))")
        }
        return Contents(
            reports: reports, jobs: jobs, newest: newest.map(UnixTime.init(milliseconds:)),
            bytes: StoreFile.size(of: target))
    }

    private static func check(_ database: DatabaseQueue, _ path: String) throws {
        let (isOurs, isNewer) = try database.read { database in
            (
                try database.tableExists("positions") && database.tableExists("tallies"),
                try StoreSchema.migrator.hasBeenSuperseded(database)
            )
        }
        guard isOurs else { throw CollectorError(.store, "\(path) is not a database of bookend-collector") }
        guard !isNewer else {
            throw CollectorError(
                .store, "\(path): a newer bookend-collector wrote this; run that version, or a newer one")
        }
    }
}

extension CollectorError {
    /// Keeps an error of this module as it is.
    fileprivate init(_ error: any Error, _ what: String) {
        self = error as? CollectorError ?? CollectorError(.store, "\(what): \(error)")
    }
}
