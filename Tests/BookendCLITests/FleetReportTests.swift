import BookendModel
import Testing

@testable import BookendCLI

struct FleetReportTests {
    private let start = UnixTime(milliseconds: 1_700_000_000_000)

    private func job(
        _ number: Int64, _ agent: String, _ policy: String, _ status: Status, seconds: Int64 = 60, bytes: Int64? = nil
    ) -> JobAggregate {
        var job = JobAggregate(
            job: JobID(rawValue: number), agent: AgentID(rawValue: agent), policy: PolicyName(rawValue: policy),
            revision: 1, cause: .schedule, scheduledStart: start, status: status)
        job.details.duration = .seconds(seconds)
        var attempt = AttemptAggregate(attempt: 1)
        attempt.preScript.endedAt = start + .seconds(1)
        attempt.postScript.startedAt = start + .seconds(seconds)
        attempt.backup.status = status
        attempt.backup.endedAt = start + .seconds(seconds)
        attempt.backup.details.bytesAdded = bytes
        job.attempts = [attempt]
        return job
    }

    private var report: FleetReport {
        let jobs =
            (1...20).map { job($0, "web-1", "files", .successful, seconds: $0, bytes: 10) } + [
                job(21, "web-2", "files", .failed), job(22, "web-2", "files", .successfulWithErrors),
                job(23, "db-1", "dumps", .missed), job(24, "db-1", "dumps", .running),
                job(25, "db-2", "=dumps|x", .repositoryLocked), job(26, "web-1", "files", .skipped),
                job(27, "web-1", "files", .canceled),
            ]
        return FleetReport(
            jobs, since: start, until: start + .seconds(86_400),
            labels: [AgentID(rawValue: "db-1"): ["site": "north"], AgentID(rawValue: "web-1"): ["site": "north"]],
            ages: [
                age("db-2", "=dumps|x", good: start), age("web-2", "files", good: start, objective: .seconds(86_399)),
                age("web-1", "files", good: start + .seconds(80_000), objective: .seconds(86_399)),
                age("db-3", "dumps", good: nil, objective: .seconds(60)), age("db-1", "dumps", good: nil),
            ])
    }

    private func age(
        _ agent: String, _ policy: String, good: UnixTime?, objective: Duration? = nil
    ) -> BackupAge {
        BackupAge(
            agent: AgentID(rawValue: agent), policy: PolicyName(rawValue: policy), goodAt: good, firstAt: start,
            objective: objective)
    }

    @Test func `each job is counted once, under its policy, agent and labels`() throws {
        let total = report.total
        #expect(total.expected == 27 && total.succeeded == 20 && total.withErrors == 1 && total.failed == 2)
        #expect(total.skipped == 1 && total.canceled == 1 && total.missed == 1 && total.notReported == 1)
        #expect(report.policies.map(\.name) == ["=dumps|x", "dumps", "files"])
        #expect(report.labels.map(\.name) == ["site=north"] && report.labels[0].expected == 24)
        let web = try #require(report.agents.first { $0.name == "web-1" })
        #expect(web.median == .seconds(10) && web.percentile95 == .seconds(19) && web.bytesAdded == 200)
        #expect(web.longestPause == .seconds(59))
    }

    @Test func `servers without a good backup stand first, the longest without one before the others`() {
        // An objective decides where there is one: a server of which nothing is heard is among them, and web-2, which had a good
        // backup in this time, too long ago.
        #expect(report.unprotected.map(\.agent.rawValue) == ["db-1", "db-3", "db-2", "web-2"])
        #expect(report.unprotected.map(\.status) == [.missed, nil, .repositoryLocked, .successfulWithErrors])
    }

    @Test func `names that a spreadsheet, a page or a table would take for an order are harmless`() {
        #expect(report.csv.contains("\r\npolicy,'=dumps|x,1,"))
        #expect(report.markdown.contains("| =dumps\\|x | 1 |"))
        #expect(report.html.contains("<td>=dumps|x</td>") && !report.html.contains("http"))
        let plain = Terminal(isTerminal: false, width: nil, height: 24, hasColor: false)
        let lines = report.lines(plain)
        #expect(lines[0].hasSuffix("21 of 27 jobs succeeded (1 with errors), 2 failed, 1 missed"))
        #expect(lines.contains { $0.hasPrefix("without a good backup") })
    }
}
