/// Which policies there are, and which agents each of them picks.
package struct PolicyCoverage: Hashable, Sendable {
    /// Pairs that are told, at most: of a larger fleet none are.
    package static let limit = 200_000

    package let agents: [PolicyName: Set<AgentID>]
    /// Of this content: the same each time, and another for other content. Not 0.
    package let version: UInt64

    package init(_ agents: [PolicyName: Set<AgentID>]) {
        // FNV-1a.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        func add(_ text: String) {
            for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            hash = hash &* 0x100_0000_01b3
        }
        for (policy, picked) in agents.sorted(by: { $0.key < $1.key }) {
            add(policy.rawValue)
            for agent in picked.sorted() { add(agent.rawValue) }
            // No agent is called so: it ends the list.
            add("")
        }
        self.init(agents, version: max(hash, 1))
    }

    /// - Parameter version: As the coordinator said.
    package init(_ agents: [PolicyName: Set<AgentID>], version: UInt64) {
        self.agents = agents
        self.version = version
    }

    package func picks(_ policy: PolicyName, _ agent: AgentID) -> Bool { agents[policy]?.contains(agent) ?? false }
}
