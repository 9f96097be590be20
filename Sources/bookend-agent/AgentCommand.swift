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

            Exit status: 0 stopped as asked, 1 failed, 2 wrong usage or configuration, 3 of `run`: drained.
            """,
        version: BookendDaemon.softwareVersion, subcommands: [Run.self, Drain.self, Enroll.self, KeyGen.self])

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
            // Told apart, so that a service manager starts it again after a crash and not after a drain.
            if try await AgentProgram.run(configuration) { throw ExitCode(3) }
        }
    }

    struct Drain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop the agent of this server once its running jobs have ended.",
            discussion: """
                Nothing new begins from here on: what is queued stays in the journal for the agent that starts next. Jobs
                that run go on to their own ends, post-scripts included. To stop engines as well, send SIGTERM, now or later
                (systemctl stop bookend-agent).

                Examples:
                  bookend-agent drain && apt-get install --only-upgrade bookend && systemctl start bookend-agent
                  bookend-agent drain --no-wait
                """)

        @Option(help: "The agent's configuration file.")
        var config = AgentConfiguration.defaultPath

        @Flag(inversion: .prefixedNo, help: "Wait until the agent has stopped.")
        var wait = true

        func run() async throws {
            try await AgentProgram.drain(
                try AgentConfiguration.read(path: config, hostName: AgentProgram.hostName), waits: wait)
            print(wait ? "the agent has stopped" : "the agent stops once its running jobs have ended")
        }
    }

    struct Enroll: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Enroll this server with a token from `bookend agent token create`.",
            discussion: """
                Makes the key, which never leaves this server, and writes where coordinator
                and collectors are into the state directory. If an operator must approve,
                waits for that. The same token again, with the same key, does no harm. With -
                the token is read from standard input: as an argument it stands in the shell's
                history, and for a moment in lists of processes.

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
