import BookendModel

/// Which rules of policies a death of an agent puts to the test.
extension AgentHost {
    /// - Parameter down: For so many milliseconds the agent is away.
    func rulesInForce(down: Int64) -> Set<String> {
        var rules: Set<String> = []
        for work in work.values where !work.isFinished {
            guard let policy = world.policy(work.trigger.policy) else { continue }
            rules.insert("overlap: \(policy.overlap.rawValue)")
            if work.trigger.windowEnd != nil { rules.insert("window") }
            if work.canceledAt != nil { rules.insert("cancel") }
            if work.isWaiting { rules.insert("retry") }
            if work.trigger.cause == .catchUp { rules.insert("catch-up in progress") }
            if policy.afterSuccess != nil { rules.insert("after success") }
            if policy.limits.perAgent != nil { rules.insert("limit per agent") }
            if policy.limits.perPolicy != nil { rules.insert("limit per policy") }
        }
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
}
