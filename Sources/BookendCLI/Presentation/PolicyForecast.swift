import BookendModel

/// What applying a policy would do, with the agents whose work it changes.
struct PolicyForecast: Hashable {
    var outcome: PolicyOutcome
    /// The revision that the fleet has; `nil`: the policy is new.
    var current: Int64?
    /// Agents that it would begin to pick.
    var begin: [AgentID] = []
    /// Agents that it would no longer pick.
    var stop: [AgentID] = []
    /// Agents that it would go on to pick, with another revision.
    var revised: [AgentID] = []

    /// - Parameters:
    ///   - current: What the fleet has of this policy.
    ///   - agents: All agents, with the labels that they have now.
    /// - Returns: `nil` when the outcome is of other times than `current`: somebody applied or deleted between the two.
    init?(_ outcome: PolicyOutcome, current: PolicyRevision?, agents: [AgentRecord]) {
        self.outcome = outcome
        self.current = current?.revision
        switch (outcome.change, current) {
        case (.created, nil):
            begin = outcome.agents
        case (.unchanged, let current?) where current.revision == outcome.revision:
            break
        case (.changed, let current?) where current.revision + 1 == outcome.revision:
            let before = agents.filter { current.policy.selector.picks($0.id, labels: $0.labels) }.map(\.id)
            let after = Set(outcome.agents)
            begin = outcome.agents.filter { !before.contains($0) }
            stop = before.filter { !after.contains($0) }
            revised = before.filter(after.contains)
        default:
            return nil
        }
    }

    var document: Document {
        outcome.document
            + .object([
                "current_revision": Document(current), "agents_begin": Self.list(begin),
                "agents_stop": Self.list(stop), "agents_revised": Self.list(revised),
            ])
    }

    func lines(_ terminal: Terminal) -> [String] {
        let title =
            switch outcome.change {
            case .created: "would be created as revision \(outcome.revision)"
            case .changed: "would change from revision \(current ?? 0) to \(outcome.revision)"
            case .unchanged: "is unchanged at revision \(outcome.revision)"
            }
        var lines = ["policy \(outcome.name) \(title)"]
        guard outcome.change != .unchanged else { return lines }
        func add(_ sign: String, _ agents: [AgentID], _ what: String, _ color: Color) {
            guard !agents.isEmpty else { return }
            let names = SafeText.line(agents.map(\.rawValue).joined(separator: ", "))
            lines.append(terminal.paint("  \(sign) \(what): \(names)", color))
        }
        add("+", begin, agentsWord(begin, "begins", "begin"), .good)
        add("-", stop, agentsWord(stop, "stops", "stop"), .bad)
        add("~", revised, agentsWord(revised, "gets", "get") + " the new revision", .notice)
        if outcome.agents.isEmpty { lines.append(terminal.paint("  it would pick no agent yet", .notice)) }
        return lines
    }

    private func agentsWord(_ agents: [AgentID], _ one: String, _ many: String) -> String {
        agents.count == 1 ? "1 agent \(one)" : "\(agents.count) agents \(many)"
    }

    private static func list(_ agents: [AgentID]) -> Document { .list(agents.map { .text($0.rawValue) }) }
}
