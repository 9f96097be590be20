extension CoordinatorMachine {
    /// How the fleet differs from its policies.
    package func drift(_ filter: DriftFilter, at now: UnixTime) -> DriftReport {
        var report = DriftReport(rows: [], compared: 0, drifting: 0)
        for policy in policies.all where filter.policy == nil || filter.policy == policy.policy.name {
            for agent in presence.ids where filter.agent == nil || filter.agent == agent {
                guard presence.picks(policy.policy.selector, agent) else { continue }
                let row = drift(of: policy, on: agent, at: now)
                report.compared += 1
                if !row.problems.isEmpty { report.drifting += 1 }
                guard !row.problems.isEmpty || filter.includesHealthy else { continue }
                if report.rows.count < DriftReport.rowLimit { report.rows.append(row) }
            }
        }
        return report
    }

    private func drift(of policy: PolicyRevision, on agent: AgentID, at now: UnixTime) -> PolicyDrift {
        PolicyDrift(
            policy, on: agent, isOnline: presence.isOnline(agent), presence.surveys(of: agent)?[policy.policy.name],
            at: now)
    }

    /// The first scripts of an agent that will not do what they should, of policies that pick it; `nil`: the agent has not
    /// said since this coordinator started.
    func scriptDrift(of agent: AgentID, at now: UnixTime) -> [ScriptDrift]? {
        guard let surveys = presence.surveys(of: agent) else { return nil }
        var drifts: [ScriptDrift] = []
        let doubtful = surveys.filter { !$0.value.isReady }
        for name in doubtful.keys.sorted() where drifts.count < AgentRecord.namedDrifts {
            guard let policy = policies[name], presence.picks(policy.policy.selector, agent) else { continue }
            let alarming = drift(of: policy, on: agent, at: now).problems.filter(\.isAlarming)
            if !alarming.isEmpty {
                drifts.append(
                    ScriptDrift(policy: name, reason: alarming.map(\.reason).joined(separator: "; ")))
            }
        }
        return drifts
    }
}
