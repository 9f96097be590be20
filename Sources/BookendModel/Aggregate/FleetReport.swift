/// What became of the jobs of a time, counted by policy, label and agent; the servers without a good backup first.
package struct FleetReport: Sendable {
    package struct Row: Sendable {
        package var name: String
        /// Jobs whose scheduled start lies in the time.
        package var expected = 0
        package var succeeded = 0
        package var withErrors = 0
        package var failed = 0
        package var skipped = 0
        package var canceled = 0
        /// They never started (41), or their agent was offline (31).
        package var missed = 0
        /// Nothing final was heard of them: in progress, or their agent is lost (40).
        package var notReported = 0
        package var bytesAdded: Int64 = 0
        private var durations: [Duration] = []
        private var pauses: [Duration] = []

        package init(name: String) { self.name = name }

        package var median: Duration? { percentile(50) }
        package var percentile95: Duration? { percentile(95) }
        /// Between the end of a pre-script and the start of its post-script: the longest.
        package var longestPause: Duration? { pauses.max() }

        /// The least duration that so many of a hundred jobs did not exceed.
        private func percentile(_ percent: Int) -> Duration? {
            let sorted = durations.sorted()
            return sorted.isEmpty ? nil : sorted[max(0, (sorted.count * percent + 99) / 100 - 1)]
        }

        package mutating func count(_ job: JobAggregate) {
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

    /// A server without a good backup by a policy: within its objective, or without one in the time of the report.
    package struct Unprotected: Hashable, Sendable {
        package var agent: AgentID
        package var policy: PolicyName
        /// The latest of its jobs in the time; `nil`: there was none.
        package var status: Status?
        package var reason: String
        /// By this policy; `nil`: never.
        package var lastGoodBackupAt: UnixTime?
        package var objective: Duration?
    }

    package let since: UnixTime
    package let until: UnixTime
    package private(set) var total = Row(name: "all")
    package private(set) var policies: [Row] = []
    package private(set) var labels: [Row] = []
    package private(set) var agents: [Row] = []
    /// The longest without a good backup first.
    package private(set) var unprotected: [Unprotected] = []

    /// - Parameters:
    ///   - jobs: Rehearsals among them are not counted.
    ///   - labels: Of the agents that are enrolled.
    ///   - ages: Of the good backups of each agent and policy that protects it now; empty: nothing is known of it.
    package init(
        _ jobs: [JobAggregate], since: UnixTime, until: UnixTime, labels labelsOf: [AgentID: [String: String]],
        ages: [BackupAge]
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
        for job in jobs where job.isOfBackup {
            total.count(job)
            byPolicy[job.policy.rawValue, default: Row(name: job.policy.rawValue)].count(job)
            byAgent[job.agent.rawValue, default: Row(name: job.agent.rawValue)].count(job)
            for (key, value) in labelsOf[job.agent] ?? [:] {
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
        let known = Dictionary(
            ages.map { (Pair(agent: $0.agent, policy: $0.policy), $0) }, uniquingKeysWith: { $1 })
        // Where there is an objective it decides; else the time of the report.
        let broken = known.filter { $0.value.isTooOld(at: until) }.keys
        // Of whom no age is told, no policy protects any more.
        let without = latest.keys.filter { pair in
            !good.contains(pair) && (ages.isEmpty || known[pair] != nil) && known[pair]?.objective == nil
        }
        unprotected = Set(broken).union(without).map { pair in
            let job = latest[pair]
            return Unprotected(
                agent: pair.agent, policy: pair.policy, status: job?.status,
                reason: job?.details.reason ?? "no job in this time", lastGoodBackupAt: known[pair]?.goodAt,
                objective: known[pair]?.objective)
        }.sorted { left, right in
            (left.lastGoodBackupAt?.milliseconds ?? 0, left.agent, left.policy)
                < (right.lastGoodBackupAt?.milliseconds ?? 0, right.agent, right.policy)
        }
    }
}
