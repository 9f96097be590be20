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

    /// Runs the agent until SIGTERM, or until a drain is over.
    ///
    /// - Returns: It was drained.
    package static func run(_ configuration: AgentConfiguration) async throws -> Bool {
        // Until there is something to drain; the one who asks asks again.
        signal(DaemonProgram.drainSignal, SIG_IGN)
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
        let drainOrder = StopOrder()
        let agent = Agent(
            configuration: configuration, network: network, keys: keys, servers: servers, journal: journal,
            clock: SystemClock(), drainOrder: drainOrder,
            ready: ServiceManager.tellReady, logger: logger)
        try await DaemonProgram.run(logger: logger, drain: drainOrder.give) { try await agent.run() }
        withExtendedLifetime(directory) {}
        return drainOrder.isGiven
    }

    /// Tells the agent that uses this state directory to stop once what runs has ended, and waits until it has.
    ///
    /// - Parameter waits: `false`: only tells it.
    /// - Throws: ``DaemonError``: no agent runs there, or this user may not tell it.
    package static func drain(_ configuration: AgentConfiguration, waits: Bool) async throws {
        let directory = configuration.stateDirectory
        let clock = SystemClock()
        guard let agent = StateDirectory.holder(of: directory) else {
            throw DaemonError(
                "\(directory): no agent uses this state directory, or it is not this user's; see `systemctl status bookend-agent`"
            )
        }
        while StateDirectory.holder(of: directory) == agent {
            // Again, as an agent that has just started does not listen yet; to it, once is as good as often.
            guard kill(agent, DaemonProgram.drainSignal) == 0 || errno == ESRCH else {
                throw DaemonError(
                    "process \(agent): cannot be told to drain: \(String(cString: strerror(errno))); be root or the agent's user"
                )
            }
            guard waits else { return }
            try await clock.sleep(until: clock.now.boot + .milliseconds(500))
        }
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
