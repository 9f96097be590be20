import BookendModel
import Testing

@Suite struct ExplanationTests {
    /// Plays events against a machine, half a second each, and folds its reports as a collector would.
    private func explained(_ rules: PipelineRules, window: Duration? = nil, _ events: [JobEvent]) throws -> Explanation
    {
        var machine = JobMachine(
            rules: rules,
            facts: JobMachine.Facts(notAfter: start.wall + .seconds(60), windowEnd: window.map { start.boot + $0 }))
        var job: JobAggregate?
        var sequence: UInt64 = 0
        for (number, event) in events.enumerated() {
            let now = start + .milliseconds(500 * number)
            for case .report(let attempt, let stage, let status, let details) in machine.handle(event, at: now) {
                sequence += 1
                let report = Report(
                    origin: ReportOrigin(agent: AgentID(rawValue: "web1"), incarnation: 1, sequence: sequence),
                    trigger: ReportedTrigger(
                        job: JobID(rawValue: 42), policy: PolicyName(rawValue: "web"), revision: 3, cause: .manual,
                        scheduledStart: start.wall),
                    attempt: attempt, stage: stage, status: status, at: now.wall, details: details)
                if job?.fold(report) == nil { job = JobAggregate(report) }
            }
        }
        return Explanation(try #require(job))
    }

    private let begin: [JobEvent] = [.accepted, .turn, .startRecorded, .scriptStarted(.preScript)]

    private func ended(_ stage: Stage, _ status: Status) -> JobEvent {
        stage == .backup ? .backupEnded(StageEnd(status)) : .scriptEnded(stage, .ended(StageEnd(status)))
    }

    @Test func `a cancel during the pre-script is told as it happened`() throws {
        let explanation = try explained(
            PipelineRules(scriptsEnabled: true),
            begin + [.cancel, ended(.preScript, .successful), ended(.postScript, .successful)])
        #expect(
            explanation.lines == [
                "job 42, policy web revision 3, agent web1: 6 canceled",
                "    + 0.0 s  queued: the job waits for its turn",
                "attempt 1: row 1, pre-script successful: the backup runs, then the post-script, but a cancel forbade the backup",
                "  pre-script: 0 successful",
                "  backup: 6 canceled (canceled before the backup began)",
                "  post-script: 0 successful",
                "    + 0.0 s  attempt-started: attempt 1 of at most 1 begins",
                "    + 1.0 s  cancel: what runs goes on to its end; the job is canceled then",
                "    + 1.5 s  pre-script-ended: the pre-script is 0 successful",
                "    + 1.5 s  backup-ended: the backup is 6 canceled: canceled before the backup began",
                "    + 2.0 s  post-script-ended: the post-script is 0 successful",
                "    + 2.0 s  ended: the job is 6 canceled: on request",
                "the job is 6 canceled, because a cancel came before its end",
            ])
    }

    @Test func `the key that decided on the backup is named, set or not`() throws {
        let events = begin + [ended(.preScript, .timedOut), ended(.backup, .successful), ended(.postScript, .failed)]
        let ran = try explained(PipelineRules(scriptsEnabled: true), events)
        #expect(ran.attempts.map(\.row) == [.preFailed])
        #expect(
            ran.attempts[0].stages == [
                "pre-script: 20 timed-out",
                "backup: 0 successful (it ran, because skip_backup_if_pre_fails is not set)",
                "post-script: 1 failed",
            ])
        #expect(
            ran.conclusion
                == "the job is 5 successful-with-errors, because there is a backup, but "
                + "the pre-script is 20 timed-out and the post-script is 1 failed"
        )
        let forbidden = try explained(
            PipelineRules(scriptsEnabled: true, skipBackupIfPreFails: true),
            begin + [ended(.preScript, .timedOut), ended(.postScript, .successful)])
        #expect(
            forbidden.attempts[0].stages[1]
                == "backup: 26 not-run (the pre-script is 20 timed-out and skip_backup_if_pre_fails is set)")
        #expect(
            forbidden.conclusion
                == "the job is 26 not-run, which is the status of its last attempt's backup: "
                + "the pre-script is 20 timed-out and skip_backup_if_pre_fails is set"
        )
    }

    @Test func `each attempt has its own row and its own events`() throws {
        let explanation = try explained(
            PipelineRules(scriptsEnabled: true, retry: RetryPlan(attempts: 2, interval: .zero)),
            begin + [ended(.preScript, .successful), ended(.backup, .failed), .scriptEnded(.postScript, .missing)]
                + [.tick, .turn, .startRecorded, .scriptEnded(.preScript, .missing), ended(.backup, .successful)])
        #expect(explanation.attempts.map(\.row) == [.preSucceededPostMissing, .preMissing])
        for attempt in explanation.attempts {
            #expect(!attempt.events.isEmpty)
            #expect(attempt.events.allSatisfy { $0.attempt == attempt.attempt })
        }
        #expect(
            explanation.conclusion == "the job is 0 successful, because the backup is good and no script went wrong")
    }

    @Test func `a job that never had its turn says why`() throws {
        let explanation = try explained(
            PipelineRules(scriptsEnabled: true), window: .seconds(1), [.accepted, .tick, .tick])
        #expect(
            explanation.lines == [
                "job 42, policy web revision 3, agent web1: 2 skipped",
                "    + 0.0 s  queued: the job waits for its turn",
                "    + 1.0 s  window-expired: no attempt starts any more",
                "    + 1.0 s  ended: the job is 2 skipped: the window ended before the job's turn came",
                "the job is 2 skipped, without an attempt: the window ended before the job's turn came",
            ])
    }

    @Test func `a job that is under way is explained as far as it has come`() throws {
        let explanation = try explained(PipelineRules(scriptsEnabled: true), begin)
        #expect(
            explanation.lines == [
                "job 42, policy web revision 3, agent web1: 11 running",
                "attempt 1: no row, for no pre-script ended",
                "  pre-script: 11 running",
                "  backup: 4 not-available (never reported)",
                "  post-script: 4 not-available (never reported)",
                "the job is 11 running and not over",
            ])
    }

    @Test(arguments: [
        (Status.successful, Status.successful, TruthTableRow.preSucceeded),
        (.successful, .failed, .preSucceeded), (.successful, .notAvailable, .preSucceeded),
        (.successful, .skipped, .preSucceededPostMissing), (.failed, .successful, .preFailed),
        (.timedOut, .successful, .preFailed), (.windowExpired, .successful, .preFailed),
        (.leftProcessesBehind, .successful, .preFailed), (.interrupted, .successful, .preFailed),
        (.refused, .skipped, .preNeverRan), (.couldNotStart, .skipped, .preNeverRan),
        (.couldNotStart, .successful, .preFailed), (.skipped, .skipped, .preMissing),
        (.notEnabled, .notEnabled, .scriptsNotEnabled),
    ])
    func `the statuses of both scripts say the row`(pre: Status, post: Status, row: TruthTableRow) {
        #expect(TruthTableRow(preScript: pre, postScript: post) == row)
    }

    @Test func `a pre-script that has not ended is in no row`() {
        for status in [Status.notAvailable, .running, .agentLost] {
            #expect(TruthTableRow(preScript: status, postScript: .notAvailable) == nil)
        }
    }
}
