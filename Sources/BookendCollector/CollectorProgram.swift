import BookendCurl
import BookendDaemon
package import BookendFiles
import BookendModel
import BookendTransport
import Glibc
import Logging

/// What the program `bookend-collector` does.
package enum CollectorProgram {
    /// Runs the collector until SIGTERM.
    package static func run(_ configuration: CollectorConfiguration) async throws {
        let logger = DaemonProgram.logger(label: "bookend-collector", level: configuration.logLevel.rawValue)
        // Its memory holds its key, and the passwords of channels.
        if !ProcessPrivacy.forbidDumps() { logger.warning("this collector's memory may be written to core files") }
        DescriptorLimit.raise()
        let directory = try StateDirectory(path: configuration.stateDirectory)
        let store = try SQLiteReportStore(path: directory.file(CollectorCopies.databaseName))
        let servers = try KnownServers(file: directory.file(KnownServers.fileName))
        try await DaemonProgram.run(logger: logger) {
            var ending = Collector.Ending.keyChanged
            while ending == .keyChanged { ending = try await serve(configuration, servers, store, logger) }
        }
        do throws(CollectorError) {
            try store.checkpoint()
        } catch {
            // Nothing is lost: the next start finds it in the log.
            logger.warning("the database was left with its log", metadata: ["error": "\(error)"])
        }
        withExtendedLifetime(directory) {}
    }

    /// Until it is stopped, or has another key.
    private static func serve(
        _ configuration: CollectorConfiguration, _ servers: KnownServers, _ store: SQLiteReportStore, _ logger: Logger
    ) async throws -> Collector.Ending {
        let keys = try CurveKeyPair.read(secretFile: configuration.keyFile)
        // One that is told by the coordinator who may come in needs no file of its own.
        let isFileNeeded = configuration.coordinator == nil || access(configuration.keys, F_OK) == 0
        let ring = KeyRing(isFileNeeded ? try KeyRing.read(file: configuration.keys) : [])
        let deadMan = configuration.deadMan.map {
            DeadMan(
                url: $0.url, every: $0.every, userAgent: "bookend-collector/\(softwareVersion)", logger: logger
            )
        }
        return try await Collector(
            configuration: configuration, network: try SocketThread(), keys: keys,
            ownKeyFile: NextKeyFile(besides: configuration.keyFile), servers: servers, ring: ring, store: store,
            alerts: store, clock: SystemClock(), deadMan: deadMan, logger: logger
        ).run()
    }

    /// Enrolls this collector with a token.
    ///
    /// - Returns: What to print.
    package static func enroll(token: String, name: String, configurationFile: String) async throws -> String {
        let configuration = try CollectorConfiguration.readForEnrollment(path: configurationFile)
        let enrollment = try DaemonEnrollment(
            token: token, role: .collector, name: name, keyFile: configuration.keyFile,
            stateDirectory: configuration.stateDirectory, program: "bookend-collector")
        let peer = try await enrollment.run { peer in
            EnrollmentFile(
                id: AgentID(rawValue: peer.identity.name),
                coordinator: AgentConfiguration.Coordinator(peer.places), collectors: [])
        }
        return """
            this is \(peer.identity), with the key in \(configuration.keyFile)

            Next: say in \(configurationFile) under advertise where agents reach its intake, then start bookend-collector.
            """
    }

    /// - Returns: The public key, and where to put it.
    package static func makeKeys(out: String) throws -> String {
        try DaemonProgram.makeKeys(out: out, role: "collector")
    }
}
