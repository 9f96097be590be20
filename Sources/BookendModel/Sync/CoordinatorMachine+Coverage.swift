extension CoordinatorMachine {
    /// What ``coverage`` depends on: as long as it is the same, so is that.
    package struct CoverageState: Hashable, Sendable {
        fileprivate var generation: Int64
        fileprivate var picking: UInt64
    }

    package var coverageState: CoverageState {
        CoverageState(generation: policies.generation, picking: presence.picking)
    }

    /// Whom the policies pick now; `nil`: too many to tell.
    package var coverage: PolicyCoverage? {
        var agents: [PolicyName: Set<AgentID>] = [:]
        var pairs = 0
        for revision in policies.all {
            let picked = self.agents(of: revision.policy)
            pairs += picked.count
            if pairs > PolicyCoverage.limit { return nil }
            agents[revision.policy.name] = Set(picked)
        }
        return PolicyCoverage(agents)
    }
}
