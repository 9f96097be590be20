import ArgumentParser
import BookendFiles
import BookendModel

struct DriftCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drift", abstract: "Show where the fleet is not what its policies say.",
        discussion: """
            Agents look at the scripts of their policies each minute, long before they
            run. Named are agents that have another revision of a policy, that are offline
            or have not said what they have, and scripts that are missing, would be
            refused, or are not those that they are pinned to. What would fail, or would
            silently not be done, also raises the alert script-drift; a policy whose
            scripts are both missing on a server does not, as it may be meant so.

            Examples:
              bookend drift
              bookend drift --policy nightly-web --all
              bookend drift --agent web-1 --output json

            Exit status: 1 when something drifts.
            """)

    @Option(help: "Only this policy.")
    var policy: PolicyName?
    @Option(help: "Only this agent.")
    var agent: AgentID?
    @Flag(help: "Also what is as it should be.")
    var all = false
    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let coordinator = try await FleetClient(connection).coordinator()
        let report = try await coordinator.drift(DriftFilter(policy: policy, agent: agent, includesHealthy: all))
        output.write(report.document) { terminal in lines(report, terminal) }
        if report.drifting > 0 { throw CLIError(.failed, "") }
    }

    private func lines(_ report: DriftReport, _ terminal: Terminal) -> [String] {
        guard report.compared > 0 else { return ["nothing to compare: \(nothing)"] }
        let pairs = "\(Phrases.count(report.compared, "pair")) of a policy and an agent"
        var lines = report.rows.isEmpty ? [] : DriftTables.rows(report.rows, now: .now).lines(terminal) + [""]
        lines.append(
            report.drifting == 0
                ? "no drift: \(pairs) \(report.compared == 1 ? "is" : "are") as the policies say"
                : "\(report.drifting) of \(pairs) \(report.drifting == 1 ? "drifts" : "drift")")
        if report.rows.count == DriftReport.rowLimit {
            lines.append("the first \(report.rows.count) are shown; --policy and --agent show the others")
        }
        return lines
    }

    private var nothing: String {
        policy == nil && agent == nil
            ? "there is no policy that picks an agent; see: bookend policy list, bookend agents"
            : "no such policy picks such an agent; see: bookend policy list, bookend agents"
    }
}
