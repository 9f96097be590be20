import BookendCalendar
import BookendDaemon
import BookendFiles
import BookendModel
import BookendTransport
import Foundation
import Logging
import Testing

@testable import BookendCollector

/// The report of a fleet, once a day, whatever the collector does in between.
struct DailyReportTests {
    private static let hour: Int64 = 3_600_000
    private static let seven = TimeOfDay(minutes: 420)

    private let heard = LastHeard()

    private func at(_ text: String) throws -> UnixTime { try #require(InstantText.parse(text)) }

    private func daily(_ store: any AlertStore & ReportStore, ring: KeyRing = KeyRing()) -> DailyReport {
        DailyReport(
            channels: [], store: store, objectives: [], labels: AgentLabels(ring: ring), heard: heard, prefix: "e",
            interval: .seconds(60), clock: SystemClock(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func letters(_ store: any AlertStore) throws -> [ReportLetter] {
        try store.outgoing(of: "ops", limit: 100).messages.compactMap { message in
            if case .letter(let letter) = message.body { letter } else { nil }
        }
    }

    @Test func `each day has its report at its hour by the wall clock, over restarts and a change of the clocks`()
        throws
    {
        let directory = FileManager.default.temporaryDirectory.appending(path: "bookend-daily-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }  // a temporary directory
        let path = directory.appending(path: "collector.sqlite").path
        let berlin = try #require(TimeZones().rules(of: "Europe/Berlin"))
        // Clocks are set back in the night to the 25th.
        var now = try at("2026-10-23T12:00:00Z")
        for _ in 0..<(4 * 24) {
            // Each look by a collector that has just started.
            try daily(try SQLiteReportStore(path: path)).look("ops", Self.seven, berlin, at: now)
            now = now + .milliseconds(Self.hour)
        }
        let letters = try letters(try SQLiteReportStore(path: path))
        let due = ["2026-10-24T05:00:00Z", "2026-10-25T06:00:00Z", "2026-10-26T06:00:00Z", "2026-10-27T06:00:00Z"]
        #expect(try letters.map(\.at) == due.map(at))
        #expect(
            letters.map { $0.lines[0] }.dropFirst() == [
                "2026-10-24 05:00 UTC to", "2026-10-25 06:00 UTC to", "2026-10-26 06:00 UTC to",
            ])
    }

    @Test func `after days without a collector there is one report, of all of them`() throws {
        let store = InMemoryReportStore()
        let utc = try #require(TimeZones().rules(of: "UTC"))
        func look(_ time: String) throws { try daily(store).look("ops", Self.seven, utc, at: at(time)) }
        try look("2026-11-01T00:00:00Z")
        try look("2026-11-01T07:00:30Z")
        try look("2026-11-05T12:00:00Z")
        try look("2026-11-05T13:00:00Z")
        let letters = try letters(store)
        #expect(
            letters.map { $0.lines.prefix(2).joined(separator: " ") } == [
                "2026-10-31 07:00 UTC to 2026-11-01 07:00 UTC:", "2026-11-01 07:00 UTC to 2026-11-05 07:00 UTC:",
            ])
        // A clock that was wrong by years stops it for no longer than a day.
        try look("2031-01-01T07:00:00Z")
        try look("2026-11-06T06:00:00Z")
        try look("2026-11-06T08:00:00Z")
        #expect(try self.letters(store).count == 4)
    }

    @Test func `a job that runs on when its report is made stands as ended in the next one, and in no other`() throws {
        let store = InMemoryReportStore()
        let utc = try #require(TimeZones().rules(of: "UTC"))
        var maker = ReportMaker("web-1")
        func report(_ job: Int64, from start: String, _ status: Status, at time: String) throws {
            var report = maker.report(job: job, status, at: try at(time).milliseconds)
            report.trigger.scheduledStart = try at(start)
            _ = try store.store([report])
        }
        func look(_ time: String) throws { try daily(store).look("ops", Self.seven, utc, at: at(time)) }
        try look("2026-11-01T00:00:00Z")
        try report(1, from: "2026-11-01T02:00:00Z", .running, at: "2026-11-01T02:00:00Z")
        try look("2026-11-01T07:00:30Z")
        try report(1, from: "2026-11-01T02:00:00Z", .successful, at: "2026-11-01T08:00:00Z")
        // Exactly when a report is due: of the next one.
        try report(2, from: "2026-11-02T07:00:00Z", .failed, at: "2026-11-02T07:00:00Z")
        for day in 2...4 { try look("2026-11-0\(day)T07:00:30Z") }
        #expect(
            try letters(store).map { $0.lines[2] } == [
                "0 of 1 succeeded, 1 not reported", "1 of 1 succeeded", "0 of 1 succeeded, 1 failed",
                "0 of 0 succeeded",
            ])
    }

    @Test func `the letter says what the report says, and reads well on a phone`() throws {
        let store = InMemoryReportStore()
        var (web, database) = (ReportMaker("web-1"), ReportMaker("db-1"))
        _ = try store.store(web.job(1) + database.job(2, policy: "dumps", backup: .failed))
        var reply = roster(1)
        reply.objectives = PolicyObjectives([PolicyName(rawValue: "dumps"): .seconds(60)])
        try store.store(reply)
        let utc = try #require(TimeZones().rules(of: "UTC"))
        let ring = try ringOfAgents("web-1", "db-1", "db-2")
        // Of one that is not enrolled any more, and of one that its policy picks no more, nobody waits for backups.
        var (gone, left) = (ReportMaker("gone-1"), ReportMaker("db-2"))
        _ = try store.store(
            gone.job(3, policy: "dumps", backup: .canceled) + left.job(4, policy: "dumps", backup: .canceled))
        let (dumps, nightly) = (PolicyName(rawValue: "dumps"), PolicyName(rawValue: "nightly"))
        heard.take(PolicyCoverage([dumps: [AgentID(rawValue: "db-1")], nightly: [AgentID(rawValue: "web-1")]]))
        try daily(store, ring: ring).look("ops", Self.seven, utc, at: UnixTime(milliseconds: 0))
        try daily(store, ring: ring).look("ops", Self.seven, utc, at: UnixTime(milliseconds: 8 * Self.hour))
        let letter = try #require(try letters(store).first)
        #expect(letter.title == "Backups: 1 server without a good backup; 1 of 4 jobs succeeded, 1 failed")
        let text = letter.lines.joined(separator: "\n")
        #expect(
            text.contains(
                "Without a good backup in time:\n  db-1, dumps: never one, one is due every 1 min\n    1 failed"))
        #expect(text.contains("By policy:\n  dumps: 0 of 3 succeeded, 1 failed, 2 canceled\n"))
        #expect(text.contains("By agent:\n  db-1: 0 of 1 succeeded, 1 failed\n"))
        #expect(text.hasSuffix("bookend report --since 1969-12-31T07:00:00Z"))
        #expect(letter.lines.allSatisfy { $0.count <= 72 })
        let mail = MailText(letter: letter, key: "e-report-1", from: "b@example.org", to: ["o@example.org"])
        let bytes = String(decoding: mail.bytes, as: UTF8.self)
        #expect(bytes.contains("Subject: [Bookend] Backups: 1 server") && bytes.contains("X-Bookend-Occasion: report"))
    }
}
