import BookendModel

/// Which servers policies protect now: whose key is good, and whom the coordinator says that each policy picks.
struct Protection: Sendable {
    private let enrolled: Set<AgentID>
    /// `nil`: no coordinator has told of it since the collector started.
    private let coverage: PolicyCoverage?

    init(_ labels: AgentLabels, _ heard: LastHeard) {
        enrolled = Set(labels.all.keys)
        coverage = heard.coverage
    }

    /// Whom policies pick is known.
    var isComplete: Bool { coverage != nil }

    func isEnrolled(_ agent: AgentID) -> Bool { enrolled.contains(agent) }

    /// As long as it is not known, every policy picks every agent.
    func picks(_ policy: PolicyName, _ agent: AgentID) -> Bool { coverage?.picks(policy, agent) ?? true }

    func covers(_ policy: PolicyName, _ agent: AgentID) -> Bool { isEnrolled(agent) && picks(policy, agent) }
}
