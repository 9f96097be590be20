import ArgumentParser
import BookendAgent
import BookendDaemon
import BookendFiles
import BookendModel
import Glibc

@main
struct AgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bookend-agent",
        abstract: "Runs backups on this server, each between its two scripts.",
        discussion: """
            Examples:
              bookend-agent keygen --out /etc/bookend/agent.key
              bookend-agent run --config /etc/bookend/agent.yaml --check-config
              bookend-agent enroll bookend1-CgZ0Y3…
              bookend-agent run

            Exit status: 0 stopped as asked, 1 failed, 2 wrong usage or configuration.
            """,
        version: BookendDaemon.softwareVersion, subcommands: [Run.self, Enroll.self, KeyGen.self])

    static func main() async {
        await DaemonCommand.main(Self.self)
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run until SIGTERM.",
            discussion: """
                Examples:
                  bookend-agent run
                  bookend-agent run --config /etc/bookend/agent.yaml --check-config
                """)

        @Option(help: "The configuration file.")
        var config = AgentConfiguration.defaultPath

        @Flag(help: "Only say whether the configuration is right.")
        var checkConfig = false

        func run() async throws {
            let configuration = try AgentConfiguration.read(path: config, hostName: AgentProgram.hostName)
            if checkConfig { return print("\(config): right") }
            try await AgentProgram.run(configuration)
        }
    }

    struct Enroll: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Enroll this server with a token from `bookend agent token create`.",
            discussion: """
                Makes the key, which never leaves this server, and writes where coordinator
                and collectors are into the state directory. If an operator must approve,
                waits for that. The same token again, with the same key, does no harm. With -
                the token is read from standard input, so that no list of processes shows it.

                Examples:
                  bookend-agent enroll bookend1-CgZ0Y3…
                  bookend-agent enroll - --id web-1 --label role=web < token
                """)

        @Argument(help: "The token, or - for standard input.")
        var token: String

        @Option(help: "The agent's id; otherwise the configuration's, or the host name.")
        var id: String?

        @Option(help: ArgumentHelp("A label that the agent says of itself; may be repeated.", valueName: "key=value"))
        var label: [String] = []

        @Option(help: "The configuration file; it need not exist yet.")
        var config = AgentConfiguration.defaultPath

        func run() async throws {
            var labels: [String: String] = [:]
            for text in label {
                let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                guard parts.count == 2 else { throw ValidationError("--label: expected key=value, found '\(text)'") }
                if let problem = TextRules.labelProblem(key: parts[0], value: parts[1]) {
                    throw ValidationError(problem)
                }
                labels[parts[0]] = parts[1]
            }
            let wanted = try id.map { text in
                guard let id = AgentID(checking: text) else {
                    throw ValidationError("--id: '\(text)' \(TextRules.nameProblem(text) ?? "")")
                }
                return id
            }
            print(
                try await AgentProgram.enroll(token: token, id: wanted, labels: labels, configurationFile: config))
        }
    }

    struct KeyGen: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "keygen", abstract: "Make a CURVE key pair; prints the public key.",
            discussion: """
                Example:
                  bookend-agent keygen --out /etc/bookend/agent.key
                """)

        @Option(help: "The file for the secret key; it must not exist.")
        var out: String

        func run() throws {
            print(try AgentProgram.makeKeys(out: out))
        }
    }
}
