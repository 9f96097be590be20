import ArgumentParser
import BookendCollector
import BookendDaemon
import BookendFiles
import BookendModel
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
              bookend-collector backup --to /backup/collector-monday.sqlite
              bookend-collector restore --from /backup/collector-monday.sqlite

            Exit status: 0 stopped as asked, 1 failed, 2 wrong usage or configuration.
            """,
        version: BookendDaemon.softwareVersion,
        subcommands: [Run.self, Enroll.self, KeyGen.self, Backup.self, Restore.self])

    static func main() async {
        await DaemonCommand.main(Self.self)
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run until SIGTERM.",
            discussion: """
                Examples:
                  bookend-collector run
                  bookend-collector run --config /etc/bookend/collector.yaml --check-config
                """)

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

    struct Enroll: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Enroll this collector with a token from `bookend collector token create`.",
            discussion: """
                Makes the key, which never leaves this machine, and writes where the
                coordinator is into the state directory. With - the token is read from
                standard input: as an argument it stands in the shell's history, and for a
                moment in lists of processes.

                Examples:
                  bookend-collector enroll bookend1-CgZ0Y3…
                  bookend-collector enroll - --name second < token
                """)

        @Argument(help: "The token, or - for standard input.")
        var token: String

        @Option(help: "The collector's name.")
        var name = "main"

        @Option(help: "The configuration file; it need not exist yet.")
        var config = CollectorConfiguration.defaultPath

        func run() async throws {
            guard AgentID.isWellFormed(name) else {
                throw ValidationError("--name: '\(name)' \(TextRules.nameProblem(name) ?? "")")
            }
            print(try await CollectorProgram.enroll(token: token, name: name, configurationFile: config))
        }
    }

    struct KeyGen: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "keygen", abstract: "Make a CURVE key pair; prints the public key.",
            discussion: """
                Example:
                  bookend-collector keygen --out /etc/bookend/collector.key
                """)

        @Option(help: "The file for the secret key; it must not exist.")
        var out: String

        func run() throws {
            print(try CollectorProgram.makeKeys(out: out))
        }
    }

    struct Backup: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copy the database to a file, while the collector works.",
            discussion: """
                The file is whole and on disk when the command ends well; one that exists is
                not overwritten. It holds what scripts and engines said when they failed: keep
                it as safe as the collector's own directory. Keys and the configuration are
                not in it.

                Examples:
                  bookend-collector backup --to /backup/collector-$(date +%F).sqlite
                  bookend-collector backup --config /etc/bookend/second.yaml --to second.sqlite
                """)

        @Option(help: "The configuration file, which names the database's directory.")
        var config = CollectorConfiguration.defaultPath

        @Option(help: "The file to make; it must not exist.")
        var to: String

        func run() throws {
            print(try CollectorCopies.backUp(try CollectorConfiguration.read(path: config), to: to))
        }
    }

    struct Restore: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a backup in the place of the database. The collector must be stopped.",
            discussion: """
                The backup is checked first. The database that was there stays beside it,
                under another name. Afterwards agents send again what they reported since the
                backup was made (they keep it for 14 days), each report counts once, and
                subscribers that come with an old cursor are told of a gap.

                Examples:
                  systemctl stop bookend-collector
                  bookend-collector restore --from /backup/collector-2026-11-23.sqlite
                  systemctl start bookend-collector
                """)

        @Option(help: "The configuration file, which names the database's directory.")
        var config = CollectorConfiguration.defaultPath

        @Option(help: "What `bookend-collector backup` made.")
        var from: String

        func run() throws {
            print(try CollectorCopies.restore(try CollectorConfiguration.read(path: config), from: from))
        }
    }
}
