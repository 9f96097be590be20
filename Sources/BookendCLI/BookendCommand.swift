package import ArgumentParser
import BookendFiles
import BookendModel
import BookendTransport
import Dispatch
import Glibc

/// The command line `bookend`.
package struct BookendCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "bookend",
        abstract: "Runs and watches the backups of a fleet, each between its two scripts.",
        discussion: """
            Examples:
              bookend policy apply policies/       apply every policy of a directory
              bookend backup nightly-web --wait    back up now, and see how it goes
              bookend jobs --since 24h --failed    what went wrong since yesterday
              bookend job 42                       one job: stages, attempts, and why
              bookend dev                          a whole fleet on this machine, to try

            Without options the daemons of this machine are asked, over
            /run/bookend-*/*.sock. Others stand in ~/.config/bookend/config.yaml as
            contexts (--context, BOOKEND_CONTEXT), or are named by --coordinator,
            --collector and --feed (BOOKEND_COORDINATOR, BOOKEND_COLLECTOR, BOOKEND_FEED).

            Exit status: 0 all well, 1 a job or check failed, 2 wrong usage, 3 cannot
            reach, 4 refused. Completions: bookend --generate-completion-script
            bash|zsh|fish
            """,
        version: ProtocolVersion.software,
        subcommands: [],
        groupedSubcommands: [
            CommandGroup(
                name: "Backups",
                subcommands: [
                    PolicyCommand.self, BackupCommand.self, RehearseCommand.self, CancelCommand.self,
                    SnapshotsCommand.self, RestoreCommand.self,
                ]),
            CommandGroup(
                name: "Results",
                subcommands: [
                    StatusCommand.self, AlertsCommand.self, ReportCommand.self, ScheduleCommand.self, DriftCommand.self,
                    AgentsCommand.self, JobsCommand.self, JobCommand.self, DebtsCommand.self, ExplainCommand.self,
                    LogsCommand.self, WatchCommand.self,
                ]),
            CommandGroup(
                name: "Who may come in",
                subcommands: [
                    AgentCommand.self, OperatorCommand.self, CoordinatorCommand.self, CollectorCommand.self,
                    SubscriberCommand.self, LoginCommand.self, AuditCommand.self, ContextCommand.self,
                ]),
            CommandGroup(name: "To try", subcommands: [DevCommand.self]),
        ])

    package init() {}

    /// Who started this program may have closed its standard descriptors (`>&-`): what is opened next, a key or a socket,
    /// would be written to. Comes before anything asynchronous, which opens descriptors of its own.
    private static func occupyStandardDescriptors() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            _ = open("/dev/null", O_RDWR)  // Takes the lowest number that is free: this one.
        }
    }

    /// Parses the process's arguments, runs, and exits. For the main thread.
    package static func start() -> Never {
        occupyStandardDescriptors()
        // Nobody awaits it: it ends the process.
        Task { await runToEnd() }
        dispatchMain()
    }

    private static func runToEnd() async -> Never {
        // A reader that went away (`| head`) is an error of the write.
        signal(SIGPIPE, SIG_IGN)
        // An operator's key and tokens may come to lie in its memory.
        ProcessPrivacy.forbidDumps()
        do {
            let words = Array(CommandLine.arguments.dropFirst())
            try CommandWords.check(words, root: Self.self)
            var command = try parseAsRoot(words)
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            end(.allWell)
        } catch let error as CLIError {
            Output.complain(error.message)
            end(error.code)
        } catch let error as FileError {
            Output.complain(error.message)
            end(error.code == .notReadable ? .usage : .failed)
        } catch {
            let message = fullMessage(for: error)
            guard exitCode(for: error) != .success else {
                Output.write(message)
                end(.allWell)
            }
            Output.standardError.write(message + "\n")
            end(exitCode(for: error) == .validationFailure ? .usage : .failed)
        }
    }

    /// A verdict stays what it is, whoever read it; without one, output that was lost is a failure.
    private static func end(_ status: ExitStatus) -> Never {
        Output.flush()
        let status = status == .allWell && Output.standardOutput.isBroken ? .failed : status
        Glibc.exit(status.rawValue)
    }
}
