import BookendModel
import Testing

@testable import BookendCLI

struct RehearsalVerdictTests {
    private let start = UnixTime(milliseconds: 1_000_000)

    /// A job whose stages began a second apart; one that is skipped never began.
    private func job(
        _ pre: Status, _ backup: Status = .notEnabled, _ post: Status = .successful, _ status: Status = .successful,
        struck: Bool = true
    ) -> JobAggregate {
        var job = JobAggregate(
            job: JobID(rawValue: 7), agent: AgentID(rawValue: "web-1"), policy: PolicyName(rawValue: "nightly"),
            revision: 1, cause: .rehearsal, scheduledStart: start, status: status)
        var attempt = AttemptAggregate(attempt: 1)
        for (second, stage, end) in [(1, Stage.preScript, pre), (3, .backup, backup), (4, .postScript, post)] {
            attempt[stage].status = end
            if ![.skipped, .refused, .notEnabled].contains(end) {
                attempt[stage].startedAt = start + .seconds(Int64(second))
                attempt[stage].details.duration = .seconds(2)
            }
            attempt[stage].endedAt = start + .seconds(Int64(second) + 2)
        }
        job.attempts = [attempt]
        if struck {
            job.details.events = [
                PipelineEventRecord(at: start, attempt: 1, event: "fault-struck", consequence: "strikes")
            ]
        }
        return job
    }

    private func finding(_ job: JobAggregate, _ fault: StagedFault.Kind? = nil) -> RehearsalVerdict.Finding {
        RehearsalVerdict(job, fault: fault.map { StagedFault($0) }).finding
    }

    @Test func `it is proof if the post-script ended well, and the fault struck`() {
        #expect(finding(job(.successful, struck: false)) == .copes)
        #expect(finding(job(.failed, .notEnabled, .successful, .successfulWithErrors)) == .copes)
        #expect(finding(job(.timedOut), .timeout) == .copes)
        #expect(finding(job(.killedBySignal), .kill) == .copes)
        #expect(finding(job(.successful, .canceled, .successful, .canceled), .cancel) == .copes)
        #expect(finding(job(.windowExpired, .windowExpired, .successful, .windowExpired), .expire) == .copes)
    }

    @Test func `a fault that did not strike, or did not show, is no proof`() {
        #expect(finding(job(.successful, struck: false), .timeout) == .faultMissed)
        #expect(finding(job(.successful), .kill) == .faultMissed)
        #expect(finding(job(.killedBySignal, struck: false), .kill) == .faultMissed)
        #expect(finding(job(.skipped, .notEnabled, .skipped, struck: false), .kill) == .faultMissed)
        let verdict = RehearsalVerdict(job(.successful, struck: false), fault: StagedFault(.kill))
        #expect(!verdict.isProof && verdict.conclusion.contains("--after 100ms"))
    }

    @Test func `a post-script that failed, left processes or is missing is no proof`() {
        for status in [Status.failed, .timedOut, .leftProcessesBehind, .skipped, .refused] {
            #expect(finding(job(.successful, .notEnabled, status)) == .postScriptWentWrong, "\(status)")
        }
    }

    @Test func `what never ran, or broke off, shows nothing`() {
        var offline = job(.successful, .notEnabled, .successful, .agentOffline)
        offline.attempts = []
        #expect(finding(offline) == .nothingShown)
        #expect(finding(job(.refused, .notEnabled, .skipped)) == .nothingShown)
        #expect(finding(job(.interrupted, .interrupted, .successful, .interrupted), .kill) == .nothingShown)
        #expect(finding(job(.successful, .canceled, .successful, .canceled), .kill) == .nothingShown)
        #expect(finding(job(.successful, .notEnabled, .successful, .missed)) == .nothingShown)
    }

    @Test func `without a pre-script no post-script is owed, and that is as it should be`() {
        let verdict = RehearsalVerdict(job(.skipped, .notEnabled, .skipped), fault: nil)
        #expect(verdict.finding == .nothingOwed && verdict.isProof && verdict.pause == nil)
    }

    @Test func `it says what ran, what the post-script was told, and how long the service may have been down`() {
        let verdict = RehearsalVerdict(job(.killedBySignal), fault: StagedFault(.kill))
        #expect(verdict.pause == .seconds(5))
        #expect(
            verdict.lines(Terminal(isTerminal: false, width: nil, height: 24, hasColor: false)) == [
                "the pre-script ran for 2.0 s: 21 killed-by-signal",
                "the post-script ran for 2.0 s: 0 successful; it was told: pre-script 21 killed-by-signal, backup 3 "
                    + "not-enabled",
                "from the pre-script's beginning to the post-script's end: 5.0 s; so long the service may have been down",
                "the post-script copes: it ended well after a pre-script that was killed",
            ])
    }
}
