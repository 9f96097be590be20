/// Which starts of the schedule their agents may be told of now, so that not too many jobs run at once.
///
/// ```
///            its start comes            there is room, its agent is there
///  a slot ───────────────────▶ waiting ───────────────────────────────────▶ granted
///                                │  ▲    its agent is offline, and never took it  │ │
///                                │  └─────────────────────────────────────────────┘ │
///     its deadline, a cancel     │                                                  │ the agent no longer names it
///                                ▼                                                  ▼
///                            forgotten                                          forgotten
/// ```
///
/// Counted are the jobs that agents name, whoever ordered them, and what was granted. Only starts of the schedule wait, and
/// only for agents that are connected: one that is cut off starts its jobs by itself.
package struct CoordinatorLimits: Hashable, Sendable {
    private struct Grant: Hashable, Sendable {
        var trigger: Trigger
        var isAcknowledged = false
    }

    private var waiting: [JobID: Trigger] = [:]
    private var grants: [JobID: Grant] = [:]

    package init() {}

    package func isWaiting(_ job: JobID) -> Bool { waiting[job] != nil }

    package mutating func hold(_ trigger: Trigger) { waiting[trigger.job] = trigger }

    /// A start that waits for nobody counts from here on, too.
    package mutating func note(_ trigger: Trigger) {
        grants[trigger.job] = Grant(trigger: trigger)
    }

    package mutating func forget(_ job: JobID) {
        waiting[job] = nil
        grants[job] = nil
    }

    /// The agent has the job, whether or not it was granted.
    package mutating func acknowledge(_ job: JobID) {
        if let trigger = waiting.removeValue(forKey: job) {
            grants[job] = Grant(trigger: trigger)
        }
        grants[job]?.isAcknowledged = true
    }

    /// What the agent has, as it says.
    package mutating func hear(_ jobs: [ActiveJob], of agent: AgentID) {
        guard !grants.isEmpty else { return }
        let named = Set(jobs.map(\.job))
        grants = grants.filter { job, grant in
            grant.trigger.agent != agent || !grant.isAcknowledged || named.contains(job)
        }
    }

    /// The agent is offline. What it has it names when it comes back.
    ///
    /// - Returns: What was granted to it and not acknowledged, in order: it has no place any more.
    package mutating func lose(_ agent: AgentID) -> [Trigger] {
        guard !grants.isEmpty else { return [] }
        let lost = grants.values.filter { $0.trigger.agent == agent }
        for grant in lost { grants[grant.trigger.job] = nil }
        return lost.filter { !$0.isAcknowledged }.map(\.trigger).sorted { $0.job < $1.job }
    }

    /// The starts for which there is room now, in the order in which they came.
    ///
    /// - Parameters:
    ///   - fleet: Jobs of the whole fleet at once; `nil`: no limit.
    ///   - active: The jobs that agents name.
    package mutating func grant(
        fleet: Int?, policy: (PolicyName) -> Policy?, active: [ActiveJob], isReachable: (AgentID) -> Bool
    ) -> [Trigger] {
        guard !waiting.isEmpty else { return [] }
        var running: [JobID: PolicyName] = grants.mapValues(\.trigger.policy)
        for job in active { running[job.job] = job.policy }
        var count = running.count
        var byPolicy: [PolicyName: Int] = [:]
        var byRepository: [RepositoryName: Int] = [:]
        for name in running.values {
            byPolicy[name, default: 0] += 1
            if let repository = policy(name)?.repository { byRepository[repository, default: 0] += 1 }
        }
        var granted: [Trigger] = []
        for trigger in waiting.values.sorted(by: { ($0.scheduledStart, $0.job) < ($1.scheduledStart, $1.job) }) {
            if let fleet, count >= fleet { break }
            guard isReachable(trigger.agent) else { continue }
            let policy = policy(trigger.policy)
            if let limit = policy?.limits.perPolicy, byPolicy[trigger.policy, default: 0] >= limit { continue }
            if let repository = policy?.repository {
                if let limit = policy?.limits.perRepository, byRepository[repository, default: 0] >= limit { continue }
                byRepository[repository, default: 0] += 1
            }
            byPolicy[trigger.policy, default: 0] += 1
            count += 1
            waiting[trigger.job] = nil
            grants[trigger.job] = Grant(trigger: trigger)
            granted.append(trigger)
        }
        return granted
    }
}

/// How many jobs may run at once before one more begins; `nil`: as many as there are. The first two are about starts of the
/// schedule and all agents.
package struct StartLimits: Hashable, Sendable {
    /// Of this policy.
    package var perPolicy: Int?
    /// Of all policies that write into this policy's repository, before one of this policy starts.
    package var perRepository: Int?
    /// Attempts of all policies on one agent, before one of this policy begins. The agent itself sees to it.
    package var perAgent: Int?

    package static let none = StartLimits()
    package static let range = 1...100_000

    package init(perPolicy: Int? = nil, perRepository: Int? = nil, perAgent: Int? = nil) {
        self.perPolicy = perPolicy
        self.perRepository = perRepository
        self.perAgent = perAgent
    }

    /// Starts may have to wait for other agents' jobs.
    package var countsAgents: Bool { perPolicy != nil || perRepository != nil }
}

extension Policy {
    /// `nil`: its backups go elsewhere.
    package var repository: RepositoryName? {
        if case .restic(let plan) = engine { plan.repository } else { nil }
    }
}
