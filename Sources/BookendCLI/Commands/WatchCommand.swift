import ArgumentParser
import BookendModel

struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Follow the reports of the fleet as they are stored.",
        discussion: """
            Each line is a report: a job or a stage reached a status. Nothing is missed and nothing comes twice, also when
            the collector is away for a while. With --output json each line is one object; its `cursor` can be kept, and
            --from goes on behind it.

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

/// Reports as lines whose columns grow with what has been seen.
struct FeedLines: Sendable {
    private let terminal: Terminal
    private var agentWidth = 8
    private var policyWidth = 8

    init(terminal: Terminal) {
        self.terminal = terminal
    }

    mutating func line(_ entry: FeedEntry) -> String {
        let report = entry.report
        let agent = report.origin.agent.rawValue
        let policy = report.trigger.policy.rawValue
        agentWidth = min(24, max(agentWidth, agent.count))
        policyWidth = min(24, max(policyWidth, policy.count))
        let job = String(report.trigger.job.rawValue)
        let stage = report.stage?.rawValue ?? "job"
        var line =
            "\(CivilTime(report.at).clock)  \(padded(agent, agentWidth))  \(padded(policy, policyWidth))  "
            + "\(padded(job, 5))  \(padded(stage, 11))  "
        // What has been laid out so far has one column a character; colour has none.
        let used = line.count + report.status.description.count + 2
        line += terminal.paint(report.status.description, report.status.color)
        var notes = SafeText.line(report.details.reason)
        if let added = report.details.bytesAdded { notes = "\(Phrases.bytes(added)) added " + notes }
        if report.attempt > 1 { notes = "(attempt \(report.attempt)) " + notes }
        if let width = terminal.width { notes = notes.fitted(to: width - used) }
        return notes.isEmpty ? line : line + "  " + notes
    }

    private func padded(_ text: String, _ width: Int) -> String {
        let text = text.fitted(to: max(width, 5))
        return text + String(repeating: " ", count: max(0, width - text.count))
    }
}
