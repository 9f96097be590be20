import ArgumentParser
import BookendCoordinator
import BookendDaemon
import BookendFiles
import Glibc

@main
struct CoordinatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bookend-coordinator",
        abstract: "Publishes policies and job triggers to a fleet of agents.",
        discussion: """
            Examples:
              bookend-coordinator keygen --out /etc/bookend/coordinator.key
              bookend-coordinator run --config /etc/bookend/coordinator.yaml --check-config
              bookend-coordinator run

            Exit status: 0 stopped as asked, 1 failed, 2 wrong usage or configuration.
            """,
        version: BookendDaemon.softwareVersion, subcommands: [Run.self, KeyGen.self])

    static func main() async {
        await DaemonCommand.main(Self.self)
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Run until SIGTERM.")

        @Option(help: "The configuration file.")
        var config = CoordinatorConfiguration.defaultPath

        @Flag(help: "Only say whether the configuration is right.")
        var checkConfig = false

        func run() async throws {
            let configuration = try CoordinatorConfiguration.read(path: config)
            if checkConfig { return print("\(config): right") }
            try await CoordinatorProgram.run(configuration)
        }
    }

    struct KeyGen: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "keygen", abstract: "Make a CURVE key pair; prints the public key.")

        @Option(help: "The file for the secret key; it must not exist.")
        var out: String

        func run() throws {
            print(try CoordinatorProgram.makeKeys(out: out))
        }
    }
}
