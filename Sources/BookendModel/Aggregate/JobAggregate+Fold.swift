extension JobAggregate {
    /// What the coordinator says of a trigger, beside what is known of the job; `nil`: nothing follows from it.
    ///
    /// Once the agent spoke of the job, its word stands. A start that was withdrawn before it came never was a job; after
    /// that it is skipped, so that what was shown as queued ends.
    package init?(_ record: TriggerRecord, after old: JobAggregate?, at now: UnixTime) {
        guard old?.lastOrigin == nil, old != nil || record.state != .withdrawn else { return nil }
        self.init(record)
        if let old { keepInferences(of: old, at: now) }
    }

    /// A job that is known from the coordinator only: queued, unless the coordinator gave it up. `nil`: there is no such job
    /// yet.
    package init?(_ record: TriggerRecord) {
        let status: Status
        var details = ReportDetails()
        switch record.state {
        case .planned: return nil
        case .withdrawn:
            status = .skipped
            details.reason =
                "withdrawn before it began: it was paused, or its agent was offline and the policy does not wait, or it ran "
                + "under another id"
        case .pending, .delivered, .reclaimed: status = .queued
        case .offline:
            status = .agentOffline
            details.reason =
                record.trigger.cause.isAsked
                ? "its agent was offline, and the order does not wait any longer: --queue-for lets one wait"
                : "its agent was offline when it should have started, and nothing waits for it any longer"
        case .missed:
            status = .missed
            details.reason = "its agent did not take it before its deadline: it was offline or cut off"
        case .conflict:
            status = .couldNotStart
            details.reason = "its agent knows another job by this id: the order went on under a new one"
        }
        self.init(ReportedTrigger(record.trigger), agent: record.trigger.agent, status: status)
        self.details = details
    }

    /// A job that was unknown until this report.
    package init(_ report: Report) {
        self.init(report.trigger, agent: report.origin.agent, status: .queued)
        fold(report)
    }

    init(_ trigger: ReportedTrigger, agent: AgentID, status: Status) {
        self.init(
            job: trigger.job, agent: agent, policy: trigger.policy, revision: trigger.revision, cause: trigger.cause,
            scheduledStart: trigger.scheduledStart, status: status)
    }

    /// Takes in one report of this job.
    ///
    /// Reports of one incarnation come in the order of their numbers; gaps do no harm (the numbers between are about
    /// other jobs), and a number that is not above the last one changes nothing. Reports of different incarnations may
    /// come in any order. Rules:
    /// - A final status is not replaced by one that is not final. Of two final ones the later stands, by the agent's
    ///   clock; but a skip never stands beside another one: it is what an agent says of a job that it has forgotten.
    /// - Until the agent spoke of the job, and after the collector inferred something (40–49), whatever the agent says
    ///   stands: it may have begun alone what the coordinator withdrew meanwhile.
    /// - A number without a meaning is kept as it came.
    ///
    /// A report of another job or agent is not taken in: to call with one is the caller's mistake, and changes nothing.
    package mutating func fold(_ report: Report) {
        guard report.trigger.job == job, report.origin.agent == agent else { return }
        if let lastOrigin, lastOrigin.incarnation == report.origin.incarnation,
            report.origin.sequence <= lastOrigin.sequence
        {
            return
        }
        if lastOrigin == nil { details = ReportDetails() }
        if lastOrigin == nil || report.trigger.revision > revision { take(report.trigger) }
        let wasInferred = status.family == .inferred
        if let stage = report.stage {
            let place = placeOfAttempt(report.attempt)
            attempts[place][stage].fold(report)
            if status.family == .inferred || lastOrigin == nil { status = .running }
        } else {
            foldJob(report)
        }
        if wasInferred, status.family != .inferred { correctInference(at: report.at) }
        if report.status == .running { startedAt = min(startedAt ?? report.at, report.at) }
        lastOrigin = report.origin
    }

    /// What the agent carried out: the coordinator may have changed a slot, or ordered it, while the agent was cut off and
    /// began by itself; or it went back in time and gave the id to another order, of which it says what became of it.
    mutating func take(_ trigger: ReportedTrigger) {
        (policy, revision) = (trigger.policy, trigger.revision)
        (cause, scheduledStart) = (trigger.cause, trigger.scheduledStart)
    }

    private mutating func foldJob(_ report: Report) {
        let isOwn = lastOrigin != nil && status.family != .inferred
        let stands =
            if isOwn, status.isFinal, let endedAt {
                report.status.isFinal && report.status.rank(at: report.at) > status.rank(at: endedAt)
            } else {
                true
            }
        guard stands else { return }
        status = report.status
        details = report.details
        endedAt = report.status.isFinal ? report.at : nil
    }

    private mutating func placeOfAttempt(_ number: Int) -> Int {
        let place = attempts.firstIndex { $0.attempt >= number } ?? attempts.endIndex
        if place == attempts.endIndex || attempts[place].attempt != number {
            attempts.insert(AttemptAggregate(attempt: number), at: place)
        }
        return place
    }
}

extension StageAggregate {
    fileprivate mutating func fold(_ report: Report) {
        guard report.status.isFinal else {
            startedAt = min(startedAt ?? report.at, report.at)
            if endedAt == nil {
                status = report.status
                details = report.details
            }
            return
        }
        if let endedAt, report.status.rankOfStage(at: report.at) <= status.rankOfStage(at: endedAt) { return }
        status = report.status
        details = report.details
        endedAt = report.at
    }
}

extension Status {
    /// Of two final statuses of a job the one with the higher rank stands.
    fileprivate func rank(at time: UnixTime) -> (Int, UnixTime, Int32) { (self == .skipped ? 0 : 1, time, rawValue) }

    /// Of two final statuses of a stage the one with the higher rank stands: a post-script that broke off with its agent is
    /// run again, and how that run ended counts, whatever the server's clock did in between.
    fileprivate func rankOfStage(at time: UnixTime) -> (Int, UnixTime, Int32) {
        (self == .interrupted ? 0 : 1, time, rawValue)
    }
}

// MARK: - Reading an aggregate

extension JobAggregate {
    /// Everything that people must be told of the job, in the order of its stages; each cause once.
    package var alerts: [AlertKind] {
        let stages = attempts.flatMap { attempt in Stage.allCases.flatMap { attempt[$0].details.alerts } }
        return (stages + details.alerts).reduce(into: []) { alerts, kind in
            if !alerts.contains(kind) { alerts.append(kind) }
        }
    }

    /// The attempts whose post-script is owed and could not be run, in ascending order.
    package var openDebts: [Int] {
        attempts.filter { attempt in
            attempt.postScript.details.alerts.contains { $0 == .postScriptMissing || $0 == .debtUnpaid }
        }.map(\.attempt)
    }

    /// When a backup stage of this job last ended well (0 or 5), whatever became of the job; `nil`: none did.
    ///
    /// What an agent says of a rehearsal's backup makes none good.
    package var goodBackupAt: UnixTime? {
        guard isOfBackup else { return nil }
        return attempts.filter { $0.backup.status.isSuccess }.compactMap(\.backup.endedAt).max()
    }
}
