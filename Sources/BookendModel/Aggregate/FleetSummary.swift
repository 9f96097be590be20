/// The fleet at a glance, as the collector knows it.
package struct FleetSummary: Hashable, Sendable {
    /// Jobs by status; what the collector inferred (40–49) stands under its own number.
    package var jobs: [Status: Int]
    /// In ascending order of agent.
    package var agents: [AgentSummary]
    /// In ascending order of policy.
    package var policies: [PolicySummary]
    package var reportsStored: Int64
    package var asOf: UnixTime
    /// In ascending order of name.
    package var channels: [ChannelState] = []
    package var activeAlerts = 0
    /// The part of them that is critical.
    package var criticalAlerts = 0

    package init(
        jobs: [Status: Int], agents: [AgentSummary], policies: [PolicySummary], reportsStored: Int64, asOf: UnixTime
    ) {
        self.jobs = jobs
        self.agents = agents
        self.policies = policies
        self.reportsStored = reportsStored
        self.asOf = asOf
    }
}

package struct AgentSummary: Hashable, Sendable {
    package var agent: AgentID
    package var jobs: [Status: Int]
    package var lastJob: JobID?
    package var lastStatus: Status?
    /// When a backup stage last ended in a success (0 or 5), whatever became of its job.
    package var lastGoodBackupAt: UnixTime?

    package init(
        agent: AgentID, jobs: [Status: Int] = [:], lastJob: JobID? = nil, lastStatus: Status? = nil,
        lastGoodBackupAt: UnixTime? = nil
    ) {
        self.agent = agent
        self.jobs = jobs
        self.lastJob = lastJob
        self.lastStatus = lastStatus
        self.lastGoodBackupAt = lastGoodBackupAt
    }
}

package struct PolicySummary: Hashable, Sendable {
    package var policy: PolicyName
    package var jobs: [Status: Int]
    package var lastGoodBackupAt: UnixTime?

    package init(policy: PolicyName, jobs: [Status: Int] = [:], lastGoodBackupAt: UnixTime? = nil) {
        self.policy = policy
        self.jobs = jobs
        self.lastGoodBackupAt = lastGoodBackupAt
    }
}
