import ArgumentParser
import BookendModel

struct JobCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job", abstract: "Show one job, or settle the post-script that it owes.",
        discussion: """
            Examples:
              bookend job 42
              bookend job 42 --output json
              bookend job pay 42
              bookend job forgive 42 --reason "the service was started by hand"

            See also: bookend explain 42, bookend logs 42, bookend debts.
            """,
        subcommands: [JobShowCommand.self, JobPayCommand.self, JobForgiveCommand.self],
        defaultSubcommand: JobShowCommand.self)
}

struct JobShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show one job: its attempts and stages, and why they ended as they did.",
        discussion: """
            Examples:
              bookend job show 42
              bookend job 42 --output json
            """)

    @Argument(help: "The job's id.")
    var job: JobID
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let found = try await FleetClient(connection).collector().job(job)
        output.write(found.document) { JobTables.detail(found, now: .now, $0) }
    }
}
