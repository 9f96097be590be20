import ArgumentParser
import BookendAgent
import BookendDaemon
import BookendFiles
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
              bookend-agent run

            Exit status: 0 stopped as asked, 1 failed, 2 wrong usage or configuration.
            """,
        version: BookendDaemon.softwareVersion, subcommands: [Run.self, KeyGen.self])

    static func main() async {
        await DaemonCommand.main(Self.self)
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Run until SIGTERM.")

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

    struct KeyGen: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "keygen", abstract: "Make a CURVE key pair; prints the public key.")

        @Option(help: "The file for the secret key; it must not exist.")
        var out: String

        func run() throws {
            print(try AgentProgram.makeKeys(out: out))
        }
    }
}
