import BookendModel

/// In which state of which process which fault struck, over all histories of a run.
package final class StrikeTable: @unchecked Sendable {
    package private(set) var pairs: [String: Int] = [:]
    package private(set) var steps: [String: Int] = [:]
    /// Deaths of agents by the rules that they put to the test, and by what the rule's job was at.
    package private(set) var rules: [String: Int] = [:]
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

    func count(_ found: Set<RuleInForce>) { for rule in found { rules[rule.description, default: 0] += 1 } }

    func count(_ step: Step) { steps[step.description, default: 0] += 1 }
}
