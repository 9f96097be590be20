import ArgumentParser
import BookendFiles
import BookendModel

struct ScheduleCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedule", abstract: "Show what will run when.",
        discussion: """
            One line for each start of a policy, with the agents that start it; times are
            those of a wall clock in the schedule's own zone. What is to come is computed
            from the policies, agents and labels as they are now; jobs get their ids 14
            days ahead, and agents carry them.

            Examples:
              bookend schedule
              bookend schedule --next 50 --policy nightly-web
              bookend schedule --agent web-1 --output json
              bookend schedule --at 2027-03-28T00:00:00Z --next 5
            """)

    @Option(help: ArgumentHelp("How many starts, up to 1000.", valueName: "count"))
    var next = 20
    @Option(help: "Only this policy.")
    var policy: PolicyName?
    @Option(help: "Only this agent; with its jobs' ids.")
    var agent: AgentID?
    @Option(help: ArgumentHelp("What follows this time in UTC; default: now.", valueName: "time"))
    var at: InstantArgument?
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard StartFilter.limits.contains(next) else {
            throw ValidationError("--next: expected a number from 1 to 1000")
        }
    }

    func run() async throws {
        let coordinator = try await FleetClient(connection).coordinator()
        let filter = StartFilter(policy: policy, agent: agent, after: at?.time, limit: next)
        let upcoming = try await coordinator.starts(filter)
        let document = Document.object([
            "starts": .list(upcoming.starts.map(\.document)), "is_complete": .bool(upcoming.isComplete),
        ])
        output.write(document) { terminal in
            guard !upcoming.starts.isEmpty else { return [nothing] }
            return ScheduleTables.starts(upcoming.starts, showsJobs: agent != nil, now: .now).lines(terminal)
        }
    }

    private var nothing: String {
        "nothing will start by itself within a year: policies say when under schedules"
            + (policy == nil && agent == nil ? "" : ", and start on the agents that they pick")
    }
}
