/// How long silence is borne.
package struct SilenceRules: Hashable, Sendable {
    /// An agent that is not heard of for this long has lost its jobs; and one that is heard, those that it does not name.
    package var lostAfter = Duration.seconds(300)
    /// A job that has not started this long after its deadline is missed.
    package var missedAfter = Duration.seconds(300)

    package init() {}
}

/// What a collector last heard of one agent.
package struct SignOfLife: Hashable, Sendable {
    package var at: BootTime
    /// Jobs that its latest beacon named.
    package var activeJobs: Set<JobID>
    /// When that beacon came; `nil`: none did, or it may not have named all jobs that the agent has.
    package var allNamedAt: BootTime?
    /// ``AgentRecord/journalProblem``.
    package var journalProblem: String?

    package init(
        at: BootTime, activeJobs: Set<JobID> = [], allNamedAt: BootTime? = nil, journalProblem: String? = nil
    ) {
        self.at = at
        self.activeJobs = activeJobs
        self.allNamedAt = allNamedAt
        self.journalProblem = journalProblem
    }
}

/// Infers from silence that an agent is lost (40) and that a job was missed (41).
///
///     nobody is heard ──▶ cut off: nothing is inferred ◀────────────────┐
///                              │ somebody is heard                       │ nobody was heard for `lostAfter`
///                              ▼                                         │
///                     watching since then: silence counts from here on ──┘
///
/// A collector that was down, or cut off from everyone, so accuses nobody on its return: each agent has `lostAfter` from
/// then on to be heard, and each job `missedAfter`.
///
/// An agent that is heard may have lost a job all the same: its machine went back to a snapshot, say. Then its beacons do not
/// name what it once reported, and no report ends it.
package struct SilenceWatch: Hashable, Sendable {
    private struct Work: Hashable, Sendable {
        var agent: AgentID
        var job: JobID
    }

    private let rules: SilenceRules
    /// When the first of the beacons came that did not name a job in progress.
    private var unnamed: [Work: BootTime] = [:]
    /// `nil`: nobody can be heard. So it begins.
    private var watchingSince: BootTime?

    package init(rules: SilenceRules) {
        self.rules = rules
    }

    /// Only a start that should have been before that time can have been missed.
    package func deadline(at now: Moment) -> UnixTime {
        UnixTime(milliseconds: now.wall.milliseconds.subtractingSaturating(rules.missedAfter.milliseconds))
    }

    /// Looks once.
    ///
    /// - Parameters:
    ///   - signs: What was heard of each agent since the collector started.
    ///   - coordinatorHeardAt: When the coordinator last answered.
    ///   - open: Jobs in progress, and those whose agent counts as lost.
    ///   - due: Triggers and slots that no agent has spoken of, and whose deadline lies before ``deadline(at:)``.
    /// - Returns: What is to be recorded; each at most once, as long as it is recorded.
    package mutating func look(
        at now: Moment, signs: [AgentID: SignOfLife], coordinatorHeardAt: BootTime?, open: [JobAggregate],
        due: [TriggerRecord]
    ) -> [Inference] {
        let latest = (signs.values.map(\.at) + [coordinatorHeardAt].compactMap(\.self)).max()
        guard let latest, now.boot - latest < rules.lostAfter else {
            watchingSince = nil
            unnamed = [:]
            return []
        }
        let since = watchingSince ?? now.boot
        watchingSince = since
        var unnamed: [Work: BootTime] = [:]
        let lost = open.compactMap { job in
            let sign = signs[job.agent]
            if job.status == .agentLost { return takeBack(job, sign, now) }
            return lose(job, sign, since, now) ?? disown(job, sign, now, &unnamed)
        }
        self.unnamed = unnamed
        guard now.boot - since >= rules.missedAfter else { return lost }
        return lost + due.compactMap { miss($0, signs[$0.trigger.agent], now) }
    }

    private func lose(_ job: JobAggregate, _ sign: SignOfLife?, _ since: BootTime, _ now: Moment) -> Inference? {
        guard job.status.family == .inProgress, job.lastOrigin != nil else { return nil }
        let silence = now.boot - max(sign?.at ?? since, since)
        guard silence >= rules.lostAfter else { return nil }
        return inference(job, .agentLost, now, "nothing was heard of \(job.agent) for \(silence.minutes)")
    }

    private func disown(
        _ job: JobAggregate, _ sign: SignOfLife?, _ now: Moment, _ unnamed: inout [Work: BootTime]
    ) -> Inference? {
        // Whose journal is full cannot say yet how a job ended.
        guard job.status.family == .inProgress, job.lastOrigin != nil, let sign, sign.journalProblem == nil,
            let beaconAt = sign.allNamedAt, !sign.activeJobs.contains(job.job)
        else { return nil }
        let work = Work(agent: job.agent, job: job.job)
        let first = self.unnamed[work] ?? beaconAt
        unnamed[work] = first
        guard beaconAt - first >= rules.lostAfter else { return nil }
        let time = (beaconAt - first).minutes
        return inference(job, .agentLost, now, "\(job.agent) is heard, and has not named the job for \(time)")
    }

    private func takeBack(_ job: JobAggregate, _ sign: SignOfLife?, _ now: Moment) -> Inference? {
        guard let standing = job.standingInference, let sign, now.boot - sign.at < rules.lostAfter,
            sign.activeJobs.contains(job.job)
        else { return nil }
        return inference(job, standing.before, now, "\(job.agent) is heard again, and has the job")
    }

    private func miss(_ record: TriggerRecord, _ sign: SignOfLife?, _ now: Moment) -> Inference? {
        let trigger = record.trigger
        guard trigger.notAfter < deadline(at: now), !(sign?.activeJobs.contains(trigger.job) ?? false) else {
            return nil
        }
        let isHeard = sign.map { now.boot - $0.at < rules.lostAfter } ?? false
        let problem = sign?.journalProblem ?? ""
        let word = problem.isEmpty ? "says nothing of it" : "cannot take it: \(problem)"
        return Inference(
            trigger: ReportedTrigger(trigger), agent: trigger.agent, status: .missed, at: now.wall,
            reason: "it had not started \(rules.missedAfter.minutes) after its deadline; its agent is "
                + (isHeard ? "heard, and \(word)" : "not heard"))
    }

    private func inference(_ job: JobAggregate, _ status: Status, _ now: Moment, _ reason: String) -> Inference {
        let trigger = ReportedTrigger(
            job: job.job, policy: job.policy, revision: job.revision, cause: job.cause,
            scheduledStart: job.scheduledStart)
        return Inference(trigger: trigger, agent: job.agent, status: status, at: now.wall, reason: reason)
    }
}

extension Duration {
    fileprivate var minutes: String {
        let seconds = milliseconds / 1_000
        return seconds < 120 ? "\(seconds) s" : "\(seconds / 60) min"
    }
}
