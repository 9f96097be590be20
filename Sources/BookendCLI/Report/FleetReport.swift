import BookendModel

/// What became of the jobs of a time, counted by policy, label and agent; the servers without a good backup first.
struct FleetReport: Sendable {
    struct Row: Sendable {
        var name: String
        /// Jobs whose scheduled start lies in the time.
        var expected = 0
        var succeeded = 0
        var withErrors = 0
        var failed = 0
        var skipped = 0
        var canceled = 0
        /// They never started (41), or their agent was offline (31).
        var missed = 0
        /// Nothing final was heard of them: in progress, or their agent is lost (40).
        var notReported = 0
        var bytesAdded: Int64 = 0
        private var durations: [Duration] = []
        private var pauses: [Duration] = []

        init(name: String) { self.name = name }

        var median: Duration? { percentile(50) }
        var percentile95: Duration? { percentile(95) }
        /// Between the end of a pre-script and the start of its post-script: the longest.
        var longestPause: Duration? { pauses.max() }

        /// The least duration that so many of a hundred jobs did not exceed.
        private func percentile(_ percent: Int) -> Duration? {
            let sorted = durations.sorted()
            return sorted.isEmpty ? nil : sorted[max(0, (sorted.count * percent + 99) / 100 - 1)]
        }

        mutating func count(_ job: JobAggregate) {
            expected += 1
            switch job.status {
            case .successful: succeeded += 1
            case .successfulWithErrors: withErrors += 1
            case .skipped: skipped += 1
            case .canceled: canceled += 1
            case .missed, .agentOffline: missed += 1
            default: if job.status.isFinal { failed += 1 } else { notReported += 1 }
            }
            if job.status.isSuccess || job.status.isFinal && job.status.isFailure, let duration = job.duration {
                durations.append(duration)
            }
            for attempt in job.attempts {
                bytesAdded += attempt.backup.details.bytesAdded ?? 0
                if let start = attempt.preScript.endedAt, let end = attempt.postScript.startedAt, end >= start {
                    pauses.append(end - start)
                }
            }
        }
    }

    /// A server that had jobs of a policy in the time, and no good backup by it.
    struct Unprotected: Hashable, Sendable {
        var agent: AgentID
        var policy: PolicyName
        /// The latest of its jobs in the time.
        var status: Status
        var reason: String
        /// Of any policy; `nil`: never.
        var lastGoodBackupAt: UnixTime?
    }

    let since: UnixTime
    let until: UnixTime
    private(set) var total = Row(name: "all")
    private(set) var policies: [Row] = []
    private(set) var labels: [Row] = []
    private(set) var agents: [Row] = []
    /// The longest without a good backup first.
    private(set) var unprotected: [Unprotected] = []

    /// - Parameters:
    ///   - labels: Of the agents that are enrolled.
    ///   - lastGood: When a backup of each agent last ended well.
    init(
        _ jobs: [JobAggregate], since: UnixTime, until: UnixTime, labels known: [AgentID: [String: String]],
        lastGood: [AgentID: UnixTime]
    ) {
        (self.since, self.until) = (since, until)
        struct Pair: Hashable {
            var agent: AgentID
            var policy: PolicyName
        }
        var byPolicy: [String: Row] = [:]
        var byLabel: [String: Row] = [:]
        var byAgent: [String: Row] = [:]
        var latest: [Pair: JobAggregate] = [:]
        var good: Set<Pair> = []
        for job in jobs {
            total.count(job)
            byPolicy[job.policy.rawValue, default: Row(name: job.policy.rawValue)].count(job)
            byAgent[job.agent.rawValue, default: Row(name: job.agent.rawValue)].count(job)
            for (key, value) in known[job.agent] ?? [:] {
                byLabel["\(key)=\(value)", default: Row(name: "\(key)=\(value)")].count(job)
            }
            let pair = Pair(agent: job.agent, policy: job.policy)
            if job.goodBackupAt != nil { good.insert(pair) }
            // One that has not ended says nothing yet, and a cancel is somebody's will.
            if job.status.isFinal && job.status != .canceled || job.status.family == .inferred {
                if job.job >= latest[pair]?.job ?? job.job { latest[pair] = job }
            }
        }
        policies = byPolicy.values.sorted { $0.name < $1.name }
        labels = byLabel.values.sorted { $0.name < $1.name }
        agents = byAgent.values.sorted { $0.name < $1.name }
        unprotected = latest.filter { !good.contains($0.key) }.map { pair, job in
            Unprotected(
                agent: pair.agent, policy: pair.policy, status: job.status, reason: job.details.reason,
                lastGoodBackupAt: lastGood[pair.agent])
        }.sorted { left, right in
            (left.lastGoodBackupAt?.milliseconds ?? 0, left.agent, left.policy)
                < (right.lastGoodBackupAt?.milliseconds ?? 0, right.agent, right.policy)
        }
    }
}
