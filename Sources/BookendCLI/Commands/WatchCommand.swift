import ArgumentParser
import BookendModel

struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Follow the reports of the fleet as they are stored.",
        discussion: """
            Each line is a report (a job or a stage reached a status), what is known of
            a job of which no agent spoke (its agent was offline, it was missed), or an
            alert that people are told of. Nothing is missed and nothing comes twice,
            also when the collector is away for a while. With --output json each line is
            one object; its `cursor` can be kept, and --from goes on behind it.

            Examples:
              bookend watch
              bookend watch --output json | jq -c 'select(.ends_job)'
              bookend watch --from "$(cat cursor)" --output json
              bookend watch --from start
            """)

    @Option(help: ArgumentHelp("Begin behind this place; start: with the oldest report.", valueName: "cursor"))
    var from: String?
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let format = output.output
        var lines = FeedLines(terminal: .current)
        let follower = FeedFollower(
            fleet: try FleetClient(connection),
            begin: from.map { .from($0 == "start" ? nil : Cursor(rawValue: $0)) } ?? .head)
        try await follower.run { entries in
            for entry in entries {
                switch format {
                case .table: Output.standardOutput.append(lines.line(entry) + "\n")
                case .json: Output.standardOutput.append(entry.document.compactJSON + "\n")
                case .yaml: Output.standardOutput.append("---\n" + entry.document.yaml)
                }
            }
            Output.standardOutput.flush()
        }
    }
}

/// Reports and inferences as lines whose columns grow with what has been seen.
struct FeedLines: Sendable {
    private let terminal: Terminal
    private var agentWidth = 8
    private var policyWidth = 8

    init(terminal: Terminal) {
        self.terminal = terminal
    }

    mutating func line(_ entry: FeedEntry) -> String {
        switch entry.body {
        case .report(let report): line(report)
        case .inference(let inference): line(inference)
        case .alert(let event): line(event)
        }
    }

    /// `02:05:00Z  alert 7, raised: backup failed (nightly), 3 agents: web-1, web-2, web-3: disk full`
    private func line(_ event: AlertEvent) -> String {
        let names = event.agents.map(\.rawValue).joined(separator: ", ") + (event.hit > event.agents.count ? ", …" : "")
        let text =
            "alert \(event.id), \(event.occasion.rawValue): \(event.cause.title), "
            + "\(Phrases.count(event.occasion == .resolved ? event.hit : event.open, "agent")): \(names)"
        let why = event.reason.isEmpty || event.occasion == .resolved ? "" : ": \(SafeText.line(event.reason))"
        let color: Color = event.occasion == .resolved ? .good : event.cause.kind.severity == .critical ? .bad : .notice
        let start = "\(event.at.clock)Z  "
        let whole = terminal.width.map { (text + why).fitted(to: $0 - start.count) } ?? text + why
        return start + terminal.paint(whole, color)
    }

    private mutating func line(_ report: Report) -> String {
        var notes = SafeText.line(report.details.reason)
        if let added = report.details.bytesAdded { notes = "\(Phrases.bytes(added)) added " + notes }
        if let next = report.details.nextAttemptAt { notes += "; the next one at \(next.rfc3339)" }
        if report.trigger.cause == .rehearsal { notes = "(rehearsal) " + notes }
        if report.attempt > 1 { notes = "(attempt \(report.attempt)) " + notes }
        return line(
            at: report.at, report.origin.agent, report.trigger, stage: report.stage?.rawValue ?? "job",
            report.status.description, report.status.color, notes)
    }

    private mutating func line(_ inference: Inference) -> String {
        line(
            at: inference.at, inference.agent, inference.trigger, stage: "job",
            inference.status.marked(isInferred: !inference.status.isFinal),
            inference.status.color, SafeText.line(inference.reason))
    }

    private mutating func line(
        at time: UnixTime, _ agent: AgentID, _ trigger: ReportedTrigger, stage: String, _ status: String,
        _ color: Color,
        _ notes: String
    ) -> String {
        let agent = agent.rawValue
        let policy = trigger.policy.rawValue
        agentWidth = min(24, max(agentWidth, agent.count))
        policyWidth = min(24, max(policyWidth, policy.count))
        let job = String(trigger.job.rawValue)
        var line =
            "\(time.clock)Z  \(padded(agent, agentWidth))  \(padded(policy, policyWidth))  "
            + "\(padded(job, 5))  \(padded(stage, 11))  "
        // What has been laid out so far has one column a character; colour has none.
        let used = line.count + status.count + 2
        line += terminal.paint(status, color)
        let notes = terminal.width.map { notes.fitted(to: $0 - used) } ?? notes
        return notes.isEmpty ? line : line + "  " + notes
    }

    private func padded(_ text: String, _ width: Int) -> String {
        let text = text.fitted(to: max(width, 5))
        return text + String(repeating: " ", count: max(0, width - text.count))
    }
}
