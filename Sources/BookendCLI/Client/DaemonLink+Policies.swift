import BookendModel

extension DaemonLink {
    /// What applying these policies would do; nothing is changed.
    func forecasts(_ policies: [Policy]) async throws(CLIError) -> [PolicyForecast] {
        let current = try await self.policies(.listPolicies)
        let agents = try await self.agents()
        guard case .applied(let outcomes) = try await control(.applyPolicies(policies, dryRun: true)) else {
            throw unexpected()
        }
        var forecasts: [PolicyForecast] = []
        for outcome in outcomes {
            let present = current.first { $0.policy.name == outcome.name }
            guard let forecast = PolicyForecast(outcome, current: present, agents: agents) else {
                throw CLIError(
                    .failed, "policy \(outcome.name) was changed by somebody else in this moment: run the command again"
                )
            }
            forecasts.append(forecast)
        }
        return forecasts
    }

    /// The latest revisions of a policy, the newest first; those of a policy that is deleted cannot be listed.
    ///
    /// - Parameter limit: At least 1.
    func revisions(of policy: PolicyName, limit: Int) async throws(CLIError) -> [PolicyRevision] {
        guard let current = try await policies(.showPolicy(policy, revision: nil)).first else { throw unexpected() }
        var revisions = [current]
        var number = current.revision - 1
        while number > 0, revisions.count < limit {
            revisions += try await policies(.showPolicy(policy, revision: number))
            number -= 1
        }
        return revisions
    }
}
