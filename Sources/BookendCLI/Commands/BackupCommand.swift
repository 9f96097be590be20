import ArgumentParser
import BookendModel

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Back up now.",
        discussion: """
            Starts a job for each agent of the policy, or for those of them that --agent
            and --label pick. A job for an agent that is offline fails at once (31),
            unless --queue-for says how long it may wait.

            With --wait shows how the jobs go, then their statuses, and exits with 0 if
            every job was successful (or skipped), with 1 if any failed, ended with errors
            or was canceled. Ctrl-C leaves the jobs running.

            Examples:
              bookend backup nightly-web
              bookend backup nightly-web --wait
              bookend backup nightly-web --agent web-1 --agent 'db-*' --wait
              bookend backup nightly-web --label role=web --queue-for 2h
            """)

    @Argument(help: "The policy's name.")
    var policy: PolicyName
    @Option(
        help: ArgumentHelp("Only this agent; * and ? stand for any characters; may be repeated.", valueName: "agent"))
    var agent: [String] = []
    @Option(help: ArgumentHelp("Only agents with this label; may be repeated.", valueName: "key=value"))
    var label: [LabelArgument] = []
    @Option(help: ArgumentHelp("Let the order wait for agents that are offline, such as 2h.", valueName: "duration"))
    var queueFor: DurationArgument?
    @Flag(help: "Run as the schedule would: with the policy's window from now on.")
    var asScheduled = false
    @Flag(name: [.short, .long], help: "Wait for the end, and show how it goes.")
    var wait = false
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let order = BackupOrder(
            policy: policy, narrowing: try narrowing(), queueFor: queueFor?.duration, asScheduled: asScheduled,
            // Read later, it would be carried out although this command has said that it failed.
            validUntil: .now + DaemonLink.patience)
        let fleet = try FleetClient(connection)
        // Before the order, so that nothing of it is missed.
        let watch = wait ? try await BackupWatch(fleet) : nil
        let coordinator = try await fleet.coordinator()
        guard case .triggered(let records) = try await coordinator.control(.backup(order)) else {
            throw coordinator.unexpected()
        }
        guard let watch else {
            output.write(.object(["jobs": .list(records.map(\.document))])) { lines(records, $0) }
            if records.contains(where: { $0.state == .offline }) { throw CLIError(.failed, "") }
            return
        }
        let jobs = try await watch.run(records, showsProgress: output.output == .table)
        output.write(.object(["jobs": .list(jobs.sorted { $0.job < $1.job }.map(\.document))])) { terminal in
            JobTables.stages(jobs).lines(terminal) + Self.hints(jobs)
        }
        if WorstOutcome(jobs.map(\.status)) == .failed { throw CLIError(.failed, "") }
    }

    private func narrowing() throws -> Selector {
        var selector = Selector()
        for text in agent {
            if text.contains(where: { $0 == "*" || $0 == "?" }) {
                selector.patterns.append(text)
            } else if let id = AgentID(checking: text) {
                selector.ids.append(id)
            } else {
                throw CLIError(.usage, "--agent: '\(text)' is neither an agent's id nor a pattern")
            }
        }
        for label in label { selector.labels[label.key] = label.value }
        return selector
    }

    private func lines(_ records: [TriggerRecord], _ terminal: Terminal) -> [String] {
        var table = Table([.init("JOB", .right), .init("AGENT", shrinksTo: 8), .init("STATUS")])
        for record in records {
            table.append([
                .init(record.trigger.job.description), .init(record.trigger.agent.rawValue), .init(record.status),
            ])
        }
        let job = records.first?.trigger.job.description ?? "JOB"
        return table.lines(terminal)
            + (terminal.isTerminal ? ["follow with: bookend job \(job), or bookend watch"] : [])
    }

    /// What to look at when jobs did not end well.
    static func hints(_ jobs: [JobAggregate]) -> [String] {
        let failed = jobs.filter { WorstOutcome([$0.status]) == .failed }
        guard let first = failed.min(by: { $0.job < $1.job }) else { return [] }
        let why = first.why.isEmpty ? "" : " (\(SafeText.line(first.why)))"
        // Without an attempt nothing was printed.
        let logs = first.attempts.isEmpty ? "" : ", bookend logs \(first.job)"
        return ["\(Phrases.count(failed.count, "job")) did not end well\(why); see: bookend job \(first.job)\(logs)"]
    }
}

/// How several jobs went, as one: what the exit status says.
enum WorstOutcome: Hashable, Sendable {
    case allWell, failed

    /// A job that was skipped is no failure. One that ended with errors, was canceled or was given up is not what was
    /// asked for, and so is one.
    init(_ statuses: [Status]) {
        self = statuses.allSatisfy { $0 == .successful || $0 == .skipped } ? .allWell : .failed
    }
}
