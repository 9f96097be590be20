/// What jobs say.
extension AlertBook {
    /// Takes a report that was stored.
    ///
    /// - Parameter job: What is known of its job. `nil`: it is no longer kept, and what ends it says less.
    package mutating func take(_ report: Report, of job: JobAggregate?, at now: UnixTime) {
        let (policy, agent, id) = (report.trigger.policy, report.origin.agent, report.trigger.job)
        // Whatever the agent says of a job corrects what was inferred of it.
        mend(.agentLost, by: report, at: now)
        if report.attempt > 0, alert(AlertCause(.missed, policy))?.subjects[AlertSubject.Key(agent: agent)]?.job == id {
            mend(.missed, policy, agent, job: id, at: now)
        }
        for kind in report.details.alerts where report.stage != nil && kind.isJudgedByAgent {
            raise(kind, policy, agent, job: id, status: report.status, reason: report.details.reason, at: now)
        }
        if report.stage == .postScript, report.status.isFinal, report.details.alerts.isEmpty {
            settle(report, at: now)
        }
        if report.endsJob { end(report, job, at: now) }
    }

    /// Takes what was inferred from silence, or taken back.
    package mutating func take(_ inference: Inference, at now: UnixTime) {
        let (policy, agent, id) = (inference.trigger.policy, inference.agent, inference.trigger.job)
        switch inference.status {
        case .agentLost:
            raise(.agentLost, policy, agent, job: id, status: .agentLost, reason: inference.reason, at: now)
        // Nobody's backup: whoever asked for a rehearsal was told.
        case .missed where inference.trigger.cause == .rehearsal: break
        case .missed: raise(.missed, policy, agent, job: id, status: .missed, reason: inference.reason, at: now)
        default: mend(.agentLost, policy, agent, job: id, at: now)
        }
    }

    /// An owed post-script was run, or forgiven.
    private mutating func settle(_ report: Report, at now: UnixTime) {
        mend(.debtUnpaid, by: report, at: now)
        mend(.postScriptMissing, by: report, at: now)
        if !report.status.isFailure { mend(.postScriptFailed, by: report, at: now) }
    }

    /// A rehearsal that goes well mends its own alerts only: what went wrong with a backup is not right again because a
    /// script ran without one.
    private mutating func mend(_ kind: AlertKind, by report: Report, at now: UnixTime) {
        let (policy, agent, id) = (report.trigger.policy, report.origin.agent, report.trigger.job)
        if report.trigger.cause == .rehearsal {
            let key = AlertSubject.Key(agent: agent, job: kind.isOfJob ? id : nil)
            guard alert(AlertCause(kind, policy))?.subjects[key]?.job == id else { return }
        }
        mend(kind, policy, agent, job: id, at: now)
    }

    /// Judges the last attempt, and no other.
    private mutating func end(_ report: Report, _ job: JobAggregate?, at now: UnixTime) {
        let (policy, agent, id) = (report.trigger.policy, report.origin.agent, report.trigger.job)
        mend(.overdue, by: report, at: now)
        if report.isMissed {
            raise(.missed, policy, agent, job: id, status: report.status, reason: report.details.reason, at: now)
        }
        let last = job?.attempts.last
        let kinds = Set(
            report.details.alerts.filter(\.isJudgedByAgent).map { kind in
                kind == .backupFailed ? Self.kind(of: report.status) : kind
            })
        for kind in kinds.sorted(by: { $0.rawValue < $1.rawValue }) {
            let stage = kind.stage.flatMap { last?[$0] }
            raise(
                kind, policy, agent, job: id, status: stage?.status ?? report.status,
                reason: [stage?.details.reason, report.details.reason].compactMap(\.self).first { !$0.isEmpty } ?? "",
                at: now)
        }
        guard let last else {
            // Without its stages a job that went well tells the same.
            if report.status == .successful { mend(Self.judgedAtEnd, besides: kinds, report, at: now) }
            return
        }
        var mended: [AlertKind] = []
        if [.successful, .skipped, .notEnabled].contains(last.preScript.status) { mended.append(.preScriptFailed) }
        if [.successful, .notEnabled, .leftProcessesBehind].contains(last.postScript.status) {
            mended += [.postScriptFailed, .postScriptMissing]
        }
        if last.preScript.status == .skipped { mended.append(.postScriptFailed) }
        if last.backup.status.isSuccess { mended += [.backupFailed, .repositoryTrouble, .missed, .objectiveBroken] }
        if last.backup.status == .successful { mended.append(.backupWithErrors) }
        mend(mended, besides: kinds, report, at: now)
    }

    private static let judgedAtEnd: [AlertKind] = [
        .preScriptFailed, .postScriptFailed, .postScriptMissing, .backupFailed, .repositoryTrouble, .missed,
        .objectiveBroken, .backupWithErrors,
    ]

    private mutating func mend(
        _ mended: [AlertKind], besides kinds: Set<AlertKind>, _ report: Report, at now: UnixTime
    ) {
        for kind in mended where !kinds.contains(kind) { mend(kind, by: report, at: now) }
    }

    /// A backup that failed because of its repository: another cause than the rest.
    private static func kind(of status: Status) -> AlertKind {
        switch status {
        case .repositoryLocked, .repositoryMissing, .wrongCredentials: .repositoryTrouble
        default: .backupFailed
        }
    }
}

extension Report {
    /// The schedule wanted the job, its agent was there, and its window or its deadline came before its turn: too many others
    /// ran. What the rules of its policy skip, or the agent by itself because it was off, is no news.
    fileprivate var isMissed: Bool {
        guard status == .skipped else { return false }
        let events = Set(details.events.map(\.event))
        switch trigger.cause {
        case .schedule, .catchUp: return !events.isDisjoint(with: ["late", "window-expired"])
        case .autonomous: return events.contains("window-expired")
        case .manual, .rehearsal: return false
        }
    }
}

extension AlertKind {
    /// The stage whose end is the reason.
    fileprivate var stage: Stage? {
        switch self {
        case .preScriptFailed: .preScript
        case .postScriptFailed, .postScriptMissing, .debtUnpaid: .postScript
        case .backupFailed, .backupWithErrors, .repositoryTrouble: .backup
        default: nil
        }
    }
}
