import ArgumentParser
import BookendAgent
import BookendDaemon
import BookendFiles
import BookendModel
import BookendTransport
import Glibc
import Logging

/// Many agents in one process, each with a key, sockets and a journal of its own: a fleet that one machine can hold.
@main
struct Herd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bookend-herd", abstract: "Runs many agents in one process, for tests.",
        subcommands: [Prepare.self, Run.self])

    /// Sockets of one context are limited; an agent has three, and each a monitor.
    private static let agentsPerThread = 100

    struct Place: ParsableArguments {
        @Argument(help: "The configuration of one agent; the others differ in id, key and state directory.")
        var template: String
        @Argument(help: "Where the agents have their keys and journals.")
        var directory: String
        @Argument(help: "The number of the first agent.")
        var first: Int
        @Argument(help: "How many.")
        var count: Int

        func configurations() throws -> [AgentConfiguration] {
            let template = try AgentConfiguration.read(path: template, hostName: "herd")
            return (first..<first + count).map { number in
                var configuration = template
                configuration.id = AgentID(rawValue: "h\(number)")
                configuration.labels = ["kind": "herd"]
                configuration.stateDirectory = "\(directory)/h\(number)"
                configuration.keyFile = "\(directory)/h\(number)/agent.key"
                return configuration
            }
        }
    }

    struct Prepare: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make the keys; prints the lines of a key file.")
        @OptionGroup var place: Place

        func run() throws {
            for configuration in try place.configurations() {
                mkdir(configuration.stateDirectory, 0o700)
                let pair = try CurveKeyPair.generate()
                try pair.write(secretFile: configuration.keyFile)
                print("\(pair.publicKey.text) agent/\(configuration.id) kind=herd")
            }
        }
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Run until SIGTERM.")
        @OptionGroup var place: Place

        func run() async throws {
            // It stands for as many machines: it does not take the processor from the servers, as those do not.
            _ = nice(10)
            let logger = DaemonProgram.logger(label: "bookend-herd", level: "error")
            let configurations = try place.configurations()
            try await DaemonProgram.run(logger: logger) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for start in stride(from: 0, to: configurations.count, by: Herd.agentsPerThread) {
                        let network = try SocketThread()
                        for configuration in configurations.dropFirst(start).prefix(Herd.agentsPerThread) {
                            var logger = logger
                            logger[metadataKey: "agent"] = "\(configuration.id)"
                            let agent = Agent(
                                configuration: configuration, network: network,
                                keys: try AgentKeys(file: configuration.keyFile),
                                journal: try SQLiteJournal(
                                    path: configuration.stateDirectory + "/journal.sqlite", agent: configuration.id),
                                clock: SystemClock(), logger: logger)
                            group.addTask { try await agent.run() }
                        }
                    }
                    print("the herd is ready")
                    fflush(nil)
                    try await group.waitForAll()
                }
            }
        }
    }
}
