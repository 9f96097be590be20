import BookendModel

/// A rule of a policy, or for the fleet, and what the agent's job is at when its agent dies.
struct RuleInForce: Hashable {
    var rule: String
    var state: AgentState

    var description: String { "\(rule), \(state.rawValue)" }
}

/// Which rules a death of an agent puts to the test.
extension AgentHost {
    /// - Parameters:
    ///   - down: For so many milliseconds the agent is away.
    ///   - life: The one that ends.
    func rulesInForce(down: Int64, life: Life?) -> Set<RuleInForce> {
        var found: Set<RuleInForce> = []
        for (job, work) in work where !work.isFinished {
            guard let policy = world.policy(work.trigger.policy), let state = state(of: job, work) else { continue }
            for rule in rules(for: work, of: policy) { found.insert(RuleInForce(rule: rule, state: state)) }
        }
        let starts = rulesForStarts(within: down)
        guard !starts.isEmpty else { return found }
        let state = state(life: life)
        return found.union(starts.map { RuleInForce(rule: $0, state: state) })
    }

    private func rules(for work: Work, of policy: Policy) -> [String] {
        let (isStart, now) = (work.trigger.isOfSchedule, world.timeline.now)
        let holds = world.person.holds.filter { now >= $0.since && now < $0.until }.map(\.target)
        let rules: [(String, Bool)] = [
            ("overlap: \(policy.overlap.rawValue)", true), ("window", work.trigger.windowEnd != nil),
            ("cancel", work.canceledAt != nil), ("retry", policy.retry.attempts > 1),
            ("catch-up in progress", work.trigger.cause == .catchUp), ("after success", policy.afterSuccess != nil),
            ("limit per agent", policy.limits.perAgent != nil), ("limit per policy", policy.limits.perPolicy != nil),
            ("limit per repository", policy.limits.perRepository != nil),
            ("limit of the fleet", isStart && world.limits.jobsAtOnce != nil),
            ("paused policy", holds.contains(.policy(policy.name))), ("maintenance", holds.contains(.agent(id))),
        ]
        return rules.filter(\.1).map(\.0)
    }

    /// Those that decide about starts that come while the agent is away.
    private func rulesForStarts(within down: Int64) -> Set<String> {
        var rules: Set<String> = []
        let now = machine.now.wall
        for policy in world.policies where policy.selector.picks(id, labels: [:]) {
            for case .at(let start) in policy.schedules.map(\.rule)
            where start >= now && start <= now + .milliseconds(down) {
                rules.insert("catch-up: \(policy.catchUp.rawValue)")
                if policy.catchUp == .none { rules.insert("agent offline: \(policy.whenAgentOffline.rawValue)") }
            }
        }
        return rules
    }

    /// What the job is at; `nil`: between two stages.
    private func state(of job: JobID, _ work: Work) -> AgentState? {
        if let stage = running.last(where: { !$0.isOver && $0.job == job }) { return Self.state(of: stage.stage) }
        if work.isWaiting { return .waiting }
        return work.attempts.isEmpty ? .queued : nil
    }
}
