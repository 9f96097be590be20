import BookendCurl
import BookendDaemon
package import BookendFiles
import BookendModel
import BookendTransport
import Glibc
import Logging

/// What the program `bookend-coordinator` does.
package enum CoordinatorProgram {
    /// Runs the coordinator until SIGTERM.
    package static func run(_ configuration: CoordinatorConfiguration) async throws {
        let logger = DaemonProgram.logger(label: "bookend-coordinator", level: configuration.logLevel.rawValue)
        // Its memory holds its key, and tokens on their way to those who asked for them.
        if !ProcessPrivacy.forbidDumps() { logger.warning("this coordinator's memory may be written to core files") }
        DescriptorLimit.raise()
        let directory = try StateDirectory(path: configuration.stateDirectory)
        let keyFile = try WatchedKeyFile(path: configuration.keys)
        let store = try SQLitePolicyStore(path: directory.file("coordinator.sqlite"))
        let gateKeyFile = directory.file("enroller.key")
        try await DaemonProgram.run(logger: logger) {
            var ending = CoordinatorService.Ending.keyChanged
            while ending == .keyChanged {
                ending = try await serve(configuration, keyFile, store, gateKeyFile: gateKeyFile, logger)
            }
        }
        withExtendedLifetime(directory) {}
    }

    /// Until it is stopped, or has another key.
    private static func serve(
        _ configuration: CoordinatorConfiguration, _ keyFile: WatchedKeyFile, _ store: SQLitePolicyStore,
        gateKeyFile: String, _ logger: Logger
    ) async throws -> CoordinatorService.Ending {
        let keys = try CurveKeyPair.read(secretFile: configuration.keyFile)
        let enrollment = try configuration.enrollment.map { enrollment in
            try rules(enrollment, configuration, keys, gateKeyFile: gateKeyFile)
        }
        let network = try SocketThread()
        let service = CoordinatorService(
            endpoints: CoordinatorEndpoints(
                sync: try Endpoint(configuration.sync), broadcast: try Endpoint(configuration.broadcast),
                control: try Endpoint(configuration.control), controlAccess: UnixSocketAccess(configuration.socket)),
            rules: CoordinatorRules(
                offlineAfter: configuration.agentOfflineAfter, jobsAtOnce: configuration.jobsAtOnce), network: network,
            keys: keys, ownKeyFile: NextKeyFile(besides: configuration.keyFile),
            gateKeyFile: NextKeyFile(besides: gateKeyFile), keyFile: keyFile,
            enrollment: enrollment, store: store, clock: SystemClock(),
            deadMan: configuration.deadMan.map {
                DeadMan(
                    url: $0.url, every: $0.every, userAgent: "bookend-coordinator/\(softwareVersion)",
                    logger: logger)
            }, logger: logger)
        return try await service.run()
    }

    /// The gate's key is its own, made when it is first needed: the process knows no other secret.
    private static func rules(
        _ enrollment: CoordinatorConfiguration.Enrollment, _ configuration: CoordinatorConfiguration,
        _ keys: CurveKeyPair, gateKeyFile file: String
    ) throws -> EnrollmentRules {
        let gateKeys: CurveKeyPair
        if access(file, F_OK) == 0 {
            gateKeys = try CurveKeyPair.read(secretFile: file)
        } else {
            gateKeys = try CurveKeyPair.generate()
            try gateKeys.write(secretFile: file)
        }
        let command = ["/proc/self/exe", "enroller", "--endpoint", enrollment.endpoint, "--key-file", file]
        return EnrollmentRules(
            endpoint: enrollment.advertise, gateKey: PublicKey(gateKeys.publicKey),
            needsApproval: enrollment.admission == .approved, sync: configuration.advertise?.sync ?? configuration.sync,
            broadcast: configuration.advertise?.broadcast ?? configuration.broadcast,
            coordinatorKey: PublicKey(keys.publicKey)
        ) { () throws(TransportError) in try GateProcess(command) }
    }

    /// The other process: where newcomers knock. Serves until the coordinator that started it is gone.
    package static func runEnroller(endpoint: String, keyFile: String) throws {
        ProcessPrivacy.forbidDumps()
        try EnrollmentGate.run(
            at: try Endpoint(endpoint), keys: try CurveKeyPair.read(secretFile: keyFile), channel: 3)
    }

    /// - Returns: The public key, and where to put it.
    package static func makeKeys(out: String) throws -> String {
        try DaemonProgram.makeKeys(out: out, role: "coordinator")
    }
}
