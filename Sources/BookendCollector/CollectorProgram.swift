import BookendCurl
import BookendDaemon
package import BookendFiles
import BookendModel
import BookendTransport
import Logging

/// What the program `bookend-collector` does.
package enum CollectorProgram {
    /// Runs the collector until SIGTERM.
    package static func run(_ configuration: CollectorConfiguration) async throws {
        let logger = DaemonProgram.logger(label: "bookend-collector", level: configuration.logLevel.rawValue)
        let directory = try StateDirectory(path: configuration.stateDirectory)
        let keys = try CurveKeyPair.read(secretFile: configuration.keyFile)
        let ring = KeyRing(try KeyRing.read(file: configuration.keys))
        let store = try SQLiteReportStore(path: directory.file(databaseName))
        let network = try SocketThread()
        let deadMan = configuration.deadMan.map {
            DeadMan(
                url: $0.url, every: $0.every, userAgent: "bookend-collector/\(softwareVersion)", logger: logger
            )
        }
        let collector = Collector(
            configuration: configuration, network: network, keys: keys, ring: ring, store: store, clock: SystemClock(),
            deadMan: deadMan,
            logger: logger)
        try await DaemonProgram.run(logger: logger) { try await collector.run() }
        withExtendedLifetime(directory) {}
    }

    private static let databaseName = "collector.sqlite"

    /// Copies the database while the collector may run.
    ///
    /// - Returns: What to print.
    package static func backUp(_ configuration: CollectorConfiguration, to file: String) throws -> String {
        let path = "\(configuration.stateDirectory)/\(databaseName)"
        let contents = try StoreBackup.make(of: path, to: file)
        return "\(file): a copy of \(path) with \(contents.words)"
    }

    /// Puts a copy in the place of the database.
    ///
    /// - Returns: What to print.
    /// - Throws: Also when the collector runs.
    package static func restore(_ configuration: CollectorConfiguration, from file: String) throws -> String {
        let directory = try StateDirectory(path: configuration.stateDirectory)
        defer { withExtendedLifetime(directory) {} }
        let path = directory.file(databaseName)
        let (contents, old) = try StoreBackup.restore(file, to: path, at: SystemClock().now.wall)
        return """
            \(path): restored from \(file), with \(contents.words)
            \(old.map { "The database that was there is \($0); remove it when all is well." } ?? "No database was there.")

            What to do next:
              Start the collector. Agents send again what they reported since then; they keep it for 14 days.
              Subscribers whose cursor is from before are told of a gap, once, and start without a cursor.
            """
    }

    /// - Returns: The public key, and where to put it.
    package static func makeKeys(out: String) throws -> String {
        try DaemonProgram.makeKeys(out: out, role: "collector")
    }
}

extension StoreBackup.Contents {
    /// `7 reports, 1 jobs, the newest stored at 2026-11-23T02:00:00.123Z, 61440 bytes`.
    fileprivate var words: String {
        let newest = newest.map { ", the newest stored at \($0.rfc3339)" } ?? ""
        return "\(reports) reports, \(jobs) jobs\(newest), \(bytes) bytes"
    }
}
