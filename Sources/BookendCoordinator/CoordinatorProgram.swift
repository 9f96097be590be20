import BookendCurl
import BookendDaemon
package import BookendFiles
import BookendModel
import BookendTransport
import Logging

/// What the program `bookend-coordinator` does.
package enum CoordinatorProgram {
    /// Runs the coordinator until SIGTERM.
    package static func run(_ configuration: CoordinatorConfiguration) async throws {
        let logger = DaemonProgram.logger(label: "bookend-coordinator", level: configuration.logLevel.rawValue)
        DescriptorLimit.raise()
        let directory = try StateDirectory(path: configuration.stateDirectory)
        let keys = try CurveKeyPair.read(secretFile: configuration.keyFile)
        let keyFile = try WatchedKeyFile(path: configuration.keys)
        let store = try SQLitePolicyStore(path: directory.file("coordinator.sqlite"))
        let network = try SocketThread()
        let service = CoordinatorService(
            endpoints: CoordinatorEndpoints(
                sync: try Endpoint(configuration.sync), broadcast: try Endpoint(configuration.broadcast),
                control: try Endpoint(configuration.control), controlAccess: UnixSocketAccess(configuration.socket)),
            rules: CoordinatorRules(offlineAfter: configuration.agentOfflineAfter), network: network, keys: keys,
            keyFile: keyFile, store: store, clock: SystemClock(),
            deadMan: configuration.deadMan.map {
                DeadMan(
                    url: $0.url, every: $0.every, userAgent: "bookend-coordinator/\(softwareVersion)",
                    logger: logger)
            }, logger: logger)
        try await DaemonProgram.run(logger: logger) {
            try await service.run { endpoints in
                // Without its handler libzmq would let every key in: better not to run at all. One handler serves both
                // sockets, and only this one is of a kind that can be asked.
                try await network.checkThatStrangersAreRefused(at: endpoints.sync, server: keys.publicKey)
            }
        }
        withExtendedLifetime(directory) {}
    }

    /// - Returns: The public key, and where to put it.
    package static func makeKeys(out: String) throws -> String {
        try DaemonProgram.makeKeys(out: out, role: "coordinator")
    }
}
