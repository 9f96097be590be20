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

    private func at(_ text: String) throws -> UnixTime { try #require(InstantText.parse(text)) }

    private func daily(_ store: any AlertStore & ReportStore) -> DailyReport {
        DailyReport(
            channels: [], store: store, objectives: [], labels: AgentLabels(ring: KeyRing()), prefix: "e",
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

    @Test func `the letter says what the report says, and reads well on a phone`() throws {
        let store = InMemoryReportStore()
        var (web, database) = (ReportMaker("web-1"), ReportMaker("db-1"))
        _ = try store.store(web.job(1) + database.job(2, policy: "dumps", backup: .failed))
        var reply = roster(1)
        reply.objectives = PolicyObjectives([PolicyName(rawValue: "dumps"): .seconds(60)])
        store.store(reply)
        let utc = try #require(TimeZones().rules(of: "UTC"))
        try daily(store).look("ops", Self.seven, utc, at: UnixTime(milliseconds: 0))
        try daily(store).look("ops", Self.seven, utc, at: UnixTime(milliseconds: 8 * Self.hour))
        let letter = try #require(try letters(store).first)
        #expect(letter.title == "Backups: 1 server without a good backup; 1 of 2 jobs succeeded, 1 failed")
        let text = letter.lines.joined(separator: "\n")
        #expect(
            text.contains(
                "Without a good backup in time:\n  db-1, dumps: never one, one is due every 1 min\n    1 failed"))
        #expect(text.contains("By policy:\n  dumps: 0 of 1 succeeded, 1 failed\n"))
        #expect(text.contains("By agent:\n  db-1: 0 of 1 succeeded, 1 failed\n"))
        #expect(text.hasSuffix("bookend report --since 1969-12-31T07:00:00Z"))
        #expect(letter.lines.allSatisfy { $0.count <= 72 })
        let mail = MailText(letter: letter, key: "e-report-1", from: "b@example.org", to: ["o@example.org"])
        let bytes = String(decoding: mail.bytes, as: UTF8.self)
        #expect(bytes.contains("Subject: [Bookend] Backups: 1 server") && bytes.contains("X-Bookend-Occasion: report"))
    }
}
