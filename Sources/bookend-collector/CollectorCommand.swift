import ArgumentParser
import BookendCollector
import BookendDaemon
import BookendFiles
import Glibc

@main
struct CollectorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bookend-collector",
        abstract: "Stores the reports of a fleet, folds them, and publishes them.",
        discussion: """
            Examples:
              bookend-collector keygen --out /etc/bookend/collector.key
              bookend-collector run --config /etc/bookend/collector.yaml --check-config
              bookend-collector run

            Exit status: 0 stopped as asked, 1 failed, 2 wrong usage or configuration.
            """,
        version: BookendDaemon.softwareVersion, subcommands: [Run.self, KeyGen.self])

    static func main() async {
        await DaemonCommand.main(Self.self)
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Run until SIGTERM.")

        @Option(help: "The configuration file.")
        var config = CollectorConfiguration.defaultPath

        @Flag(help: "Only say whether the configuration is right.")
        var checkConfig = false

        func run() async throws {
            let configuration = try CollectorConfiguration.read(path: config)
            if checkConfig { return print("\(config): right") }
            try await CollectorProgram.run(configuration)
        }
    }

    struct KeyGen: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "keygen", abstract: "Make a CURVE key pair; prints the public key.")

        @Option(help: "The file for the secret key; it must not exist.")
        var out: String

        func run() throws {
            print(try CollectorProgram.makeKeys(out: out))
        }
    }
}
