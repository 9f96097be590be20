import BookendModel
import Testing

/// Where backups are counted, and who is called: a rehearsal is none, and mends nothing but what it broke.
@Suite struct RehearsalTests {
    private let agent = AgentID(rawValue: "web-1")
    private let policy = PolicyName(rawValue: "nightly")

    private func trigger(_ job: Int64, _ cause: TriggerCause = .rehearsal) -> ReportedTrigger {
        ReportedTrigger(
            job: JobID(rawValue: job), policy: policy, revision: 1, cause: cause, scheduledStart: start.wall)
    }

    /// A job as its agent reports it.
    private func reports(
        _ job: Int64, _ cause: TriggerCause = .rehearsal, pre: Status = .successful, backup: Status = .notEnabled,
        post: Status = .successful, stageAlerts: [AlertKind] = []
    ) -> [Report] {
        let stages: [(Stage?, Status)] = [
            (nil, .running), (.preScript, pre), (.backup, backup), (.postScript, post),
            (nil, Status.ofJob(isCanceled: false, preScript: pre, backup: backup, postScript: post)),
        ]
        return zip(stages, (UInt64(job) * 10)...).map { stage, sequence in
            var details = ReportDetails()
            if stage.0 == .postScript { details.alerts = stageAlerts }
            if stage.0 == nil, stage.1.isFinal {
                details.alerts = AlertKind.afterLastAttempt(
                    preScript: pre, backup: backup, postScript: post, isRehearsal: cause == .rehearsal)
            }
            return Report(
                origin: ReportOrigin(agent: agent, incarnation: 1, sequence: sequence), trigger: trigger(job, cause),
                attempt: 1, stage: stage.0, status: stage.1, at: start.wall + .seconds(Int64(sequence)),
                details: details)
        }
    }

    private func aggregate(_ reports: [Report]) -> JobAggregate {
        var job = JobAggregate(reports[0])
        for report in reports.dropFirst() { job.fold(report) }
        return job
    }

    // MARK: Counts

    @Test func `it is in no count of the fleet, also when it ends, is forgotten, or was taken for something else`() {
        let (backup, rehearsal) = (aggregate(reports(1, .schedule, backup: .failed)), aggregate(reports(2)))
        var tally = FleetTally()
        tally.update(from: nil, to: backup)
        let before = tally
        tally.update(from: nil, to: aggregate(Array(reports(2).prefix(2))))
        tally.update(from: aggregate(Array(reports(2).prefix(2))), to: rehearsal)
        #expect(tally == before)
        tally.forget(rehearsal)
        #expect(tally == before)
        var mistaken = rehearsal
        mistaken.cause = .manual
        tally.update(from: nil, to: mistaken)
        tally.update(from: mistaken, to: rehearsal)
        let summary = tally.summary(reportsStored: 0, asOf: start.wall)
        #expect(summary.jobs == [.failed: 1] && summary.agents.map(\.jobs) == [[.failed: 1]])
    }

    @Test func `it is neither expected nor succeeded in a report, and protects nobody`() {
        // By an agent that says of a rehearsal's backup that it is there.
        let rehearsals = [aggregate(reports(2)), aggregate(reports(3, backup: .successful))]
        #expect(rehearsals.allSatisfy { $0.goodBackupAt == nil && !$0.isOfBackup })
        let jobs = [aggregate(reports(1, .schedule, backup: .failed))] + rehearsals
        let report = FleetReport(
            jobs, since: start.wall, until: start.wall + .seconds(60), labels: [:], ages: [])
        #expect(report.total.expected == 1 && report.total.succeeded == 0 && report.total.failed == 1)
        #expect(report.total.longestPause != nil || report.policies.count == 1)
        #expect(report.unprotected.map(\.status) == [.failed])
        let nothing = FleetReport(rehearsals, since: start.wall, until: start.wall, labels: [:], ages: [])
        #expect(nothing.total.expected == 0 && nothing.policies.isEmpty && nothing.unprotected.isEmpty)
    }

    // MARK: The schedule

    @Test func `it runs whatever the schedule says of starts that overlap or come too early`() {
        var policy = Policy(
            name: policy, selector: Selector(ids: [agent]), engine: .command(CommandPlan(program: "/bin/true")))
        (policy.overlap, policy.whenAgentOffline) = (.skip, .fail)
        policy.schedules = [Schedule(.afterSuccess(.seconds(86_400)))]
        let trigger = Trigger(
            job: JobID(rawValue: 9), agent: agent, policy: policy.name, revision: 1, cause: .rehearsal,
            scheduledStart: start.wall, notAfter: start.wall)
        #expect(policy.verdict(on: trigger, beside: [JobID(rawValue: 8)]) == .queues)
        #expect(!policy.isPremature(trigger, after: start.wall + .seconds(-60), at: start.wall))
        #expect(policy.lateStatus(of: trigger) == .skipped)
        #expect(trigger.caughtUp(at: start.wall) == trigger)
    }

    // MARK: Alerts

    private func open(_ book: AlertBook) -> Set<AlertKind> {
        Set(book.activeAlerts.filter { !$0.open.isEmpty }.map(\.cause.kind))
    }

    private func tell(_ reports: [Report], to book: inout AlertBook) {
        for (number, report) in zip(1..., reports) {
            book.take(report, of: aggregate(Array(reports.prefix(number))), at: report.at)
            _ = book.takeChanges(at: report.at)
        }
    }

    @Test func `whatever is wrong with the backups stays wrong after a good one`() {
        var book = AlertBook(rules: AlertRules())
        tell(reports(1, .schedule, pre: .failed, backup: .failed, post: .failed), to: &book)
        book.raise(.objectiveBroken, policy, agent, reason: "old", at: start.wall)
        book.raise(.missed, policy, agent, job: JobID(rawValue: 1), reason: "not started", at: start.wall)
        book.raise(.agentLost, policy, agent, job: JobID(rawValue: 1), reason: "silence", at: start.wall)
        _ = book.takeChanges(at: start.wall)
        let before = open(book)
        #expect(before.isSuperset(of: [.preScriptFailed, .backupFailed, .postScriptFailed, .objectiveBroken, .missed]))
        tell(reports(2), to: &book)
        #expect(open(book) == before)
        // A backup that went well is what mends them.
        tell(reports(3, .schedule, backup: .successful), to: &book)
        #expect(open(book) == [])
    }

    @Test func `nobody is called because of what it breaks on purpose, or because it never started`() {
        var book = AlertBook(rules: AlertRules())
        tell(reports(1, pre: .killedBySignal), to: &book)
        tell(reports(2, pre: .failed, backup: .notRun), to: &book)
        book.take(
            Inference(trigger: trigger(3), agent: agent, status: .missed, at: start.wall, reason: "silence"),
            at: start.wall)
        _ = book.takeChanges(at: start.wall)
        #expect(open(book) == [])
    }

    @Test(arguments: [AlertKind.postScriptMissing, .debtUnpaid])
    func `people are called when its post-script is owed and cannot be run, until that is settled`(kind: AlertKind) {
        var book = AlertBook(rules: AlertRules())
        let status = kind == .debtUnpaid ? Status.refused : .skipped
        tell(reports(5, post: status, stageAlerts: [kind]), to: &book)
        #expect(open(book).contains(kind))
        // Another rehearsal settles nothing of this one; its own post-script does, once it has run.
        tell(reports(6), to: &book)
        #expect(open(book).contains(kind))
        var paid = reports(5)[3]
        paid.origin.sequence = 70
        book.take(paid, of: aggregate(reports(5)), at: paid.at + .seconds(60))
        _ = book.takeChanges(at: paid.at + .seconds(60))
        #expect(!open(book).contains(kind))
    }

    @Test func `a post-script that fails calls people`() {
        var book = AlertBook(rules: AlertRules())
        tell(reports(1, post: .failed), to: &book)
        #expect(open(book) == [.postScriptFailed])
    }

    // MARK: Values

    @Test func `a fault is read back as it is written, and nothing else is one`() {
        for kind in StagedFault.Kind.allCases {
            for after in [Duration.zero, .milliseconds(100), .seconds(3_600)] {
                let fault = StagedFault(kind, after: after)
                #expect(StagedFault("\(fault)") == fault)
            }
        }
        for text in ["", "kill", "kill after 1 s", "kill after -1 ms", "kill after 3600001 ms", "hug after 1 ms"] {
            #expect(StagedFault(text) == nil, "\(text)")
        }
    }
}
