import ArgumentParser
import BookendModel

struct JobsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jobs", abstract: "List jobs, newest first.",
        discussion: """
            Examples:
              bookend jobs
              bookend jobs --active
              bookend jobs --policy nightly-web --since 24h --failed
              bookend jobs --status 20 --output json
            """)

    @Option(help: "Only jobs of this policy.")
    var policy: PolicyName?
    @Option(help: "Only jobs of this agent.")
    var agent: AgentID?
    @Option(help: ArgumentHelp("Only jobs with this status: a number or a name of the table.", valueName: "status"))
    var status: Status?
    @Flag(help: "Only jobs that failed, whatever the number of their failure (--status failed is 1 only).")
    var failed = false
    @Flag(help: "Only jobs that are not over.")
    var active = false
    @Option(
        help: ArgumentHelp(
            "Only jobs whose scheduled start is no longer ago, such as 24h or 7d.", valueName: "duration"))
    var since: DurationArgument?
    @Option(help: "At most so many.")
    var limit = 100
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard limit > 0 else { throw ValidationError("--limit: expected a positive number") }
        guard !(failed && status != nil) else { throw ValidationError("--failed and --status: expected one of them") }
    }

    func run() async throws {
        let now = UnixTime.now
        var filter = JobFilter()
        filter.policy = policy
        filter.agent = agent
        filter.status = status
        filter.activeOnly = active
        filter.since = since.map { UnixTime(milliseconds: now.milliseconds - $0.duration.milliseconds) }
        let jobs = try await FleetClient(connection).collector().jobs(filter, limit: limit, failedOnly: failed)
        output.write(.object(["jobs": .list(jobs.map(\.document))])) { terminal in
            guard !jobs.isEmpty else { return ["no job"] }
            var lines = JobTables.list(jobs, now: now).lines(terminal)
            if jobs.count == limit, terminal.isTerminal {
                lines.append(terminal.paint("the newest \(limit); more with --limit", .faint))
            }
            return lines
        }
    }
}
