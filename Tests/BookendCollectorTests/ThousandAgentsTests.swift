import BookendDaemon
import BookendFiles
import BookendModel
import BookendTestSupport
import BookendTransport
import Foundation
import Logging
import Synchronization
import Testing

@testable import BookendCollector

/// A whole fleet that fails alike in one night, at the store's level: reports are stored, and judged by a service that is
/// started anew again and again.
@Suite(.timeLimit(.minutes(15))) struct ThousandAgentsTests {
    private final class HandClock: DaemonClock {
        private let time = Mutex(
            Moment(wall: UnixTime(milliseconds: 1_700_000_000_000), boot: BootTime(milliseconds: 0)))
        var now: Moment { time.withLock(\.self) }
        func advance(_ duration: Duration) { time.withLock { $0 = $0 + duration } }
        func sleep(until deadline: BootTime) async throws { throw CancellationError() }
    }

    private let channel: ChannelConfiguration = {
        let mail = ChannelConfiguration.Mail(server: "mail:25", from: "bookend@example.org", to: ["ops@example.org"])
        return ChannelConfiguration(name: "ops", kind: .mail(mail))
    }()

    private let ring: KeyRing

    init() throws {
        ring = KeyRing(
            try (0..<1_000).map { number in
                EnrolledKey(
                    key: try CurveKeyPair.generate().publicKey,
                    identity: try #require(PeerIdentity("agent/web-\(String("0000\(number)".suffix(4)))")))
            })
    }

    private func service(_ store: SQLiteReportStore, _ clock: HandClock) throws -> AlertService {
        var rules = AlertRules()
        rules.offlineAfter = nil
        let labels = AgentLabels(ring: ring)
        let watch = FleetWatch(
            rules: rules, objectives: [], heard: LastHeard(), labels: labels, startedAt: clock.now.boot,
            interval: .seconds(60))
        return try AlertService(
            store: store, routing: AlertRouting(channels: [channel], routes: [], epoch: 7), watch: watch,
            labels: labels,
            rules: rules, interval: .seconds(2), clock: clock,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func name(_ number: Int) -> String { "web-" + String("0000\(number)".suffix(4)) }

    /// Forty times that so many fail, and then quiet; the service dies every seventh time.
    private func night(
        _ store: SQLiteReportStore, _ clock: HandClock, of minutes: Int, job first: Int64, sequence: UInt64,
        backup: Status
    ) async throws {
        var service = try service(store, clock)
        for step in 0..<60 {
            if step % 7 == 3 { service = try self.service(store, clock) }
            var reports: [Report] = []
            for number in step * 25..<step * 25 + 25 where number < 1_000 {
                var maker = ReportMaker(name(number))
                maker.sequence = sequence
                reports += maker.job(first + Int64(number), backup: backup).map { report in
                    var report = report
                    if report.endsJob, backup == .failed { report.details.alerts = [.backupFailed] }
                    report.details.reason =
                        report.endsJob || report.stage == .backup ? "no space left on the repository" : ""
                    return report
                }
            }
            if !reports.isEmpty { _ = try store.store(reports, at: clock.now.wall) }
            while try await service.judge() {}
            clock.advance(.seconds(60 * minutes / 40))
        }
    }

    private func waiting(_ store: SQLiteReportStore, _ clock: HandClock) throws -> [OutgoingMessage] {
        var messages: [OutgoingMessage] = []
        while let message = try store.takeOutgoing(to: "ops", at: clock.now.wall) {
            messages.append(message)
            try store.removeOutgoing(message.id)
        }
        return messages
    }

    private func told(_ messages: [OutgoingMessage]) -> [AlertNotice.Occasion] {
        messages.compactMap { if case .notice(let notice) = $0.body { notice.occasion } else { nil } }
    }

    @Test func `a thousand agents that fail alike within eight hours are one mail, and one more when they recover`()
        async throws
    {
        let minutes = 480
        let directory = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(directory) }
        let store = try SQLiteReportStore(path: directory + "/collector.sqlite")
        let clock = HandClock()

        try await besideOtherTests {
            try await night(store, clock, of: minutes, job: 1, sequence: 0, backup: .failed)
        }
        let first = try waiting(store, clock)
        #expect(told(first) == [.raised])
        guard case .notice(let raised) = first[0].body else { return }
        // Those of its first hour; it names where all are found.
        let last = 149
        let text = text(raised, key: first[0].key)
        #expect(text.contains("Subject: [Bookend] CRITICAL: backup failed (nightly): \(last + 1) agents\r\n"))
        #expect(
            text.contains(
                "1 failed: no space left on the repository\r\n  \(last + 1) agents: web-0000 to \(name(last))\r\n"))
        #expect(
            text.contains(
                """
                Who is hit alike later joins this alert without a message of its own:\r
                bookend alerts show 1\r

                """), "\(text)")
        #expect(text.utf8.count < 2_000, "readable: \(text)")
        let active = try #require(try store.alerts(AlertFilter()).first)
        #expect(active.open.count == 1_000, "nobody is missing from bookend alerts show")

        clock.advance(.seconds(3_600))
        try await besideOtherTests {
            try await night(store, clock, of: minutes, job: 2_001, sequence: 10, backup: .successful)
        }
        let second = try waiting(store, clock)
        #expect(told(second) == [.resolved])
        guard case .notice(let resolved) = second[0].body else { return }
        let end = self.text(resolved, key: second[0].key)
        #expect(end.contains("Subject: [Bookend] Resolved: backup failed (nightly): 1000 agents\r\n"))
        #expect(end.contains("  1000 agents: web-0000 to web-0999\r\n"), "\(end)")
        #expect(Set((first + second).map(\.key)).count == 2)
        #expect(try store.alertState().alerts.isEmpty)
    }

    private func text(_ notice: AlertNotice, key: String) -> String {
        String(
            decoding: MailText(notice: notice, key: key, from: "b@example.org", to: ["o@example.org"]).bytes,
            as: UTF8.self)
    }
}
