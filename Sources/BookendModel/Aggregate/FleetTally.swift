/// The counts behind a ``FleetSummary``, kept up to date job by job. Rehearsals are not counted.
package struct FleetTally: Hashable, Sendable {
    private struct Agent: Hashable, Sendable {
        var counts = StatusCounts()
        var lastJob: JobID?
        var lastStatus: Status?
        var lastGoodBackupAt: UnixTime?
    }

    private struct Policy: Hashable, Sendable {
        var counts = StatusCounts()
        var lastGoodBackupAt: UnixTime?
    }

    package private(set) var counts = StatusCounts()
    private var agents: [AgentID: Agent] = [:]
    private var policies: [PolicyName: Policy] = [:]

    package init() {}

    /// Takes in what became of a job.
    ///
    /// - Parameters:
    ///   - old: The same job as it was when it was last taken in; `nil` for a new one. Its agent never changes.
    package mutating func update(from old: JobAggregate?, to new: JobAggregate) {
        let old = old.flatMap { $0.isOfBackup ? $0 : nil }
        guard new.isOfBackup else {
            if let old { forget(old) }
            return
        }
        counts.move(from: old?.status, to: new.status)

        var agent = agents[new.agent, default: Agent()]
        agent.counts.move(from: old?.status, to: new.status)
        if new.job >= agent.lastJob ?? new.job {
            agent.lastJob = new.job
            agent.lastStatus = new.status
        }
        agent.lastGoodBackupAt = later(agent.lastGoodBackupAt, new.goodBackupAt)
        agents[new.agent] = agent

        if let old { policies[old.policy]?.counts.remove(old.status) }
        var policy = policies[new.policy, default: Policy()]
        policy.counts.move(from: nil, to: new.status)
        policy.lastGoodBackupAt = later(policy.lastGoodBackupAt, new.goodBackupAt)
        policies[new.policy] = policy
    }

    /// Takes out a job that is no longer kept. When a backup last ended well stays known.
    package mutating func forget(_ job: JobAggregate) {
        guard job.isOfBackup else { return }
        counts.remove(job.status)
        agents[job.agent]?.counts.remove(job.status)
        policies[job.policy]?.counts.remove(job.status)
    }

    /// Agents and policies without a job that is kept are left out.
    package func summary(reportsStored: Int64, asOf now: UnixTime) -> FleetSummary {
        FleetSummary(
            jobs: counts.jobs,
            agents: agents.filter { !$0.value.counts.jobs.isEmpty }.sorted { $0.key < $1.key }.map { id, agent in
                AgentSummary(
                    agent: id, jobs: agent.counts.jobs, lastJob: agent.lastJob, lastStatus: agent.lastStatus,
                    lastGoodBackupAt: agent.lastGoodBackupAt)
            },
            policies: policies.filter { !$0.value.counts.jobs.isEmpty }.sorted { $0.key < $1.key }.map { name, policy in
                PolicySummary(policy: name, jobs: policy.counts.jobs, lastGoodBackupAt: policy.lastGoodBackupAt)
            },
            reportsStored: reportsStored, asOf: now)
    }

    private func later(_ left: UnixTime?, _ right: UnixTime?) -> UnixTime? {
        guard let left, let right else { return left ?? right }
        return max(left, right)
    }
}
