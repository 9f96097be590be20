import BookendModel
import Testing

@testable import BookendCLI

/// Lines of `bookend watch`.
struct FeedLinesTests {
    private let at = UnixTime(milliseconds: 7_500_000)
    private let agent = AgentID(rawValue: "web-1")

    @Test func `every line begins with its time in UTC`() {
        var lines = FeedLines(terminal: Terminal(isTerminal: false, width: nil, height: 24, hasColor: false))
        let report = Report(
            origin: ReportOrigin(agent: agent, incarnation: 1, sequence: 1),
            trigger: ReportedTrigger(
                job: JobID(rawValue: 7), policy: PolicyName(rawValue: "nightly"), revision: 1, cause: .manual,
                scheduledStart: at),
            attempt: 1, stage: nil, status: .failed, at: at)
        let event = AlertEvent(
            id: 7, cause: AlertCause(.backupFailed, PolicyName(rawValue: "nightly")), occasion: .raised, at: at,
            hit: 1, open: 1, agents: [agent], reason: "disk full")
        let texts = [FeedEntry.Body.report(report), .alert(event)].map {
            lines.line(FeedEntry(cursor: Cursor(rawValue: "c"), body: $0))
        }
        for text in texts { #expect(text.hasPrefix("02:05:00Z  "), "\(text)") }
    }
}
