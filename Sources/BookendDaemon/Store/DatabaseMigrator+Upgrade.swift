package import GRDB

extension DatabaseMigrator {
    /// Brings a daemon's database up to date.
    ///
    /// - Throws: ``DaemonError`` when a newer version wrote it: an older one would not know what it must not lose. Nothing
    ///   has changed then.
    package func upgrade(_ database: some DatabaseWriter, at path: String, of program: String) throws {
        guard try !database.read(hasBeenSuperseded) else {
            throw DaemonError(
                "\(path): a newer \(program) wrote this database; run that version, or a newer one")
        }
        try migrate(database)
    }
}
