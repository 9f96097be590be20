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
              bookend-coordinator backup --to /srv/backup/coordinator.sqlite
              bookend-coordinator restore --from /srv/backup/coordinator.sqlite

            Exit status: 0 stopped as asked, 1 failed, 2 wrong usage or configuration.
            """,
        version: BookendDaemon.softwareVersion,
        subcommands: [Run.self, KeyGen.self, Backup.self, Restore.self, Enroller.self])

    static func main() async {
        await DaemonCommand.main(Self.self)
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run until SIGTERM.",
            discussion: """
                Examples:
                  bookend-coordinator run
                  bookend-coordinator run --config /etc/bookend/coordinator.yaml --check-config
                """)

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
            commandName: "keygen", abstract: "Make a CURVE key pair; prints the public key.",
            discussion: """
                Example:
                  bookend-coordinator keygen --out /etc/bookend/coordinator.key
                """)

        @Option(help: "The file for the secret key; it must not exist.")
        var out: String

        func run() throws {
            print(try CoordinatorProgram.makeKeys(out: out))
        }
    }

    /// Started by the coordinator itself, with its end of a channel as descriptor 3.
    struct Enroller: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "enroller", abstract: "Let newcomers knock; started by the coordinator.",
            discussion: """
                Nobody else can start it: descriptor 3 is the coordinator's end of a channel.

                Example, as the coordinator does:
                  bookend-coordinator enroller --endpoint tcp://*:7475 --key-file FILE
                """, shouldDisplay: false)

        @Option(help: "Where to listen.")
        var endpoint: String

        @Option(help: "The enroller's own secret key.")
        var keyFile: String

        func run() throws {
            try CoordinatorProgram.runEnroller(endpoint: endpoint, keyFile: keyFile)
        }
    }

    struct Backup: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Copy the database to a file, while the coordinator runs or not.",
            discussion: """
                The file is complete and on the disk when the command ends with 0. A file that
                is there is not overwritten. Keep the key file and the secret key elsewhere:
                they are not in it.

                Examples:
                  bookend-coordinator backup --to /srv/backup/coordinator.sqlite
                  bookend-coordinator backup --to "/srv/backup/coordinator-$(date +%F).sqlite"
                """)

        @Option(help: "The configuration file.")
        var config = CoordinatorConfiguration.defaultPath

        @Option(help: "The file to write; it must not exist.")
        var to: String

        func run() throws {
            print(try CoordinatorCopies.backUp(try CoordinatorConfiguration.read(path: config), to: to))
        }
    }

    struct Restore: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a copy in the place of the database, while the coordinator is stopped.",
            discussion: """
                The copy is checked first, and brought up to this version. The database that
                is there stays beside it under another name. Ids of jobs go on above those of
                the copy, and above any that agents and collectors know.

                Examples:
                  systemctl stop bookend-coordinator
                  bookend-coordinator restore --from /srv/backup/coordinator.sqlite
                  systemctl start bookend-coordinator
                """)

        @Option(help: "The configuration file.")
        var config = CoordinatorConfiguration.defaultPath

        @Option(help: "The file that backup has written.")
        var from: String

        func run() throws {
            print(try CoordinatorCopies.restore(try CoordinatorConfiguration.read(path: config), from: from))
        }
    }
}
