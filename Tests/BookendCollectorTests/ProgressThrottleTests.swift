import BookendCollector
import BookendModel
import Testing

@Suite struct ProgressThrottleTests {
    private func progress(_ job: Int64, _ agent: String = "web-1") -> Progress {
        Progress(
            job: JobID(rawValue: job), agent: AgentID(rawValue: agent), policy: PolicyName(rawValue: "nightly"),
            attempt: 1, stage: .backup, at: UnixTime(milliseconds: 0))
    }

    @Test func `at most two a second of one job pass, whatever the agent's clock says`() {
        var throttle = ProgressThrottle()
        let start = BootTime(milliseconds: 5)
        let passed = (0..<1_000).count { throttle.passes(progress(1), now: start + .milliseconds($0 * 10)) }
        #expect(passed == 20)
    }

    @Test func `jobs do not hold each other back, nor do agents that claim the same job`() {
        var throttle = ProgressThrottle()
        let now = BootTime(milliseconds: 5)
        let sent = [progress(1), progress(2), progress(1, "web-2"), progress(1)]
        let passed = sent.map { throttle.passes($0, now: now) }
        #expect(passed == [true, true, true, false])
    }
}
