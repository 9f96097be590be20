import BookendDaemon
package import BookendFiles
package import BookendModel
import BookendTransport
import Glibc
import Logging

/// What the program `bookend-agent` does.
package enum AgentProgram {
    /// Bytes kept free for the ends of what runs: some hundred reports of the largest size for each of a few jobs.
    private static let journalReserve = 4 << 20

    /// Runs the agent until SIGTERM.
    package static func run(_ configuration: AgentConfiguration) async throws {
        var logger = DaemonProgram.logger(label: "bookend-agent", level: configuration.logLevel.rawValue)
        logger[metadataKey: "agent"] = "\(configuration.id)"
        // Its memory holds keys and the secrets of repositories: no core file, no look from its user's other programs.
        if !ProcessPrivacy.forbidDumps() { logger.warning("this agent's memory may be written to core files") }
        let directory = try StateDirectory(path: configuration.stateDirectory)
        let keys = try AgentKeys(file: configuration.keyFile)
        let servers = try KnownServers(file: directory.file(KnownServers.fileName))
        let journal = try SQLiteJournal(
            path: directory.file("journal.sqlite"), agent: configuration.id, reserve: journalReserve)
        let network = try SocketThread()
        let agent = Agent(
            configuration: configuration, network: network, keys: keys, servers: servers, journal: journal,
            clock: SystemClock(),
            ready: ServiceManager.tellReady, logger: logger)
        try await DaemonProgram.run(logger: logger) { try await agent.run() }
        withExtendedLifetime(directory) {}
    }

    /// Enrolls this server with a token.
    ///
    /// - Returns: What to print.
    package static func enroll(
        token: String, id: AgentID?, labels: [String: String], configurationFile: String
    ) async throws -> String {
        let configuration = try AgentConfiguration.readForEnrollment(path: configurationFile, hostName: hostName)
        let enrollment = try DaemonEnrollment(
            token: token, role: .agent, name: (id ?? configuration.id).rawValue, keyFile: configuration.keyFile,
            stateDirectory: configuration.stateDirectory, program: "bookend-agent")
        let peer = try await enrollment.run { peer in
            EnrollmentFile(
                id: AgentID(rawValue: peer.identity.name), labels: labels,
                coordinator: AgentConfiguration.Coordinator(peer.places),
                collectors: peer.places.collectors.compactMap { place in
                    guard let intake = place.intake, let key = place.key else { return nil }
                    return AgentConfiguration.Collector(intake: intake, publicKey: key.text)
                })
        }
        return """
            this server is \(peer.identity), with the key in \(configuration.keyFile)

            Next: say in \(configurationFile) which repositories and script directories there are, then start
            bookend-agent. Coordinator and collectors stand in \(configuration.stateDirectory)/\(EnrollmentFile.name).
            """
    }

    /// This machine's name up to the first dot: the agent's id unless the configuration names one.
    package static var hostName: String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "" }
        let name = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return String(name.prefix { $0 != "." })
    }

    /// - Returns: The public key, and where to put it.
    package static func makeKeys(out: String) throws -> String {
        try DaemonProgram.makeKeys(out: out, role: "agent")
    }
}
