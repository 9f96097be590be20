import BookendModel

extension ProtoRetryRules {
    init(_ plan: RetryPlan) {
        self.init()
        backoff = Int32(clamping: plan.backoff)
        if let longest = plan.longestInterval { longestIntervalMs = longest.milliseconds }
        jitterPercent = Int32(clamping: plan.jitterPercent)
        onlyAfter = (plan.onlyAfter ?? []).map(\.rawValue)
    }
}

extension RetryPlan {
    /// - Parameter rules: Empty where an earlier version wrote it.
    init(_ rules: ProtoRetryRules, attempts: Int, interval: Duration) throws(WireError) {
        let statuses = try rules.onlyAfter.bounded(1_000, "retry.only_after")
        self.init(
            attempts: attempts, interval: interval,
            backoff: max(1, try rules.backoff.within(0...10_000, "retry.backoff")),
            longestInterval: rules.hasLongestIntervalMs ? .milliseconds(rules.longestIntervalMs) : nil,
            jitterPercent: try rules.jitterPercent.within(0...100, "retry.jitter_percent"),
            onlyAfter: statuses.isEmpty ? nil : statuses.map(Status.init(rawValue:)))
    }
}
