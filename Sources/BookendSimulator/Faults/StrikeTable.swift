import BookendModel

/// In which state of which process which fault struck, over all histories of a run.
package final class StrikeTable: @unchecked Sendable {
    package private(set) var pairs: [String: Int] = [:]
    package private(set) var steps: [String: Int] = [:]
    /// Faults of processes that were down.
    package var late = 0

    package init() {}

    func count(_ target: Target, _ state: String, _ fault: String) {
        let who: String
        switch target {
        case .agent: who = "agent"
        case .coordinator: who = "coordinator"
        case .collector: who = "collector"
        }
        pairs["\(who), \(state): \(fault)", default: 0] += 1
    }

    func count(_ step: Step) { steps[step.description, default: 0] += 1 }

    package func add(pair: String, _ count: Int) { pairs[pair, default: 0] += count }
    package func add(step: String, _ count: Int) { steps[step, default: 0] += count }

    /// All that a run must have struck, in order.
    package static let expectedPairs: [String] = {
        let faults = ["crash", "reboot", "stop", "cut", "disk", "clock"]
        var pairs = AgentState.allCases.flatMap { state in faults.map { "agent, \(state.rawValue): \($0)" } }
        pairs += ["idle", "delivering"].flatMap { state in faults.map { "coordinator, \(state): \($0)" } }
        pairs += ["idle", "taking reports"].flatMap { state in faults.map { "collector, \(state): \($0)" } }
        return pairs
    }()

    package static let expectedSteps: [String] = {
        let commits = [
            "agent: trigger", "agent: start of an attempt", "agent: report", "agent: start of a post-script",
            "agent: end of a debt", "agent: end of a job", "agent: acknowledgement", "agent: policies", "agent: cancel",
            "coordinator: triggers", "coordinator: settlements", "coordinator: cancel", "collector: reports",
            "collector: roster",
        ]
        return commits.flatMap { [Step.beforeCommit($0), .afterCommit($0)] }.map(\.description)
            + Stage.allCases.flatMap { [Step.beforeStage($0), .afterStart($0)] }.map(\.description)
            + [Step.beforeSend, .afterSend].map(\.description)
    }()
}
