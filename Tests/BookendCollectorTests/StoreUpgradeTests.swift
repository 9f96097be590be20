import BookendModel
import BookendTestSupport
import BookendWire
import Foundation
import GRDB
import Testing

@testable import BookendCollector

/// Databases that an earlier collector wrote; whatever it wrote outlives the upgrade.
@Suite struct StoreUpgradeTests {
    private static let time = UnixTime(milliseconds: 50_000)
    private static let web = AgentID(rawValue: "web-1")
    private static let versions = StoreSchema.migrator.migrations

    private static let reports: [Report] = {
        var maker = ReportMaker("web-1")
        return [maker.report(job: 1, .running), maker.report(job: 1, .successful), maker.report(job: 2, .failed)]
    }()
    private static let subject = AlertSubject(
        agent: web, job: JobID(rawValue: 2), status: .failed, reason: "disk full", raisedAt: time)
    private static let alert = Alert(
        id: 7, cause: AlertCause(.backupFailed, PolicyName(rawValue: "nightly")), raisedAt: time,
        subjects: [AlertSubject.Key(agent: web): subject])
    private static let inference = Inference(
        trigger: reports[2].trigger, agent: web, status: .agentLost, at: time, reason: "silence")
    private static let peer = Peer(
        identity: PeerIdentity("agent/web-1")!, key: PublicKey(checking: "yrSiA[x3D4#ut4BQ1M9^5yhh*pCfhH6z^C@iyGLk")!,
        origin: .keyFile)

    private static func fact(_ since: String, _ key: String, _ value: Int64) -> StoredRow {
        StoredRow("facts", since: since, ["key": key, "value": value])
    }

    private static func report(_ cursor: Int64, since: String = "1", _ bytes: [UInt8], kind: Int = 0) -> StoredRow {
        StoredRow(
            "reports", since: since,
            [
                "cursor": cursor, "stored_at": 20_000 + cursor, "report": Data(bytes),
                "digest": kind == 0 ? 100 + cursor : nil, "is_inference": kind,
            ], before: ["digest": nil, "is_inference": 0])
    }

    private static func job(_ report: Report, since: String = "1", isRehearsal: Bool = false) -> StoredRow {
        let job = JobAggregate(report)
        return StoredRow(
            "jobs", since: since,
            [
                "job": job.job.rawValue, "agent": "web-1", "policy": "nightly", "status": job.status.rawValue,
                "is_final": job.status.isFinal, "scheduled_start": job.scheduledStart.milliseconds,
                "aggregate": Data(Wire.encode(job)), "is_rehearsal": isRehearsal,
            ], before: ["is_rehearsal": false])
    }

    private static let rows: [StoredRow] =
        [
            fact("1", "epoch", 4_242), fact("1", "roster", 5), fact("1", "roster_epoch", -9), fact("1", "pruned", 3),
            fact("inferences", "inferences", 2), fact("peers", "peers", 11), fact("alerts", "alerts_through", 28),
            fact("alerts", "alerts_highest", 7), fact("refusals", "objectives", 1),
            fact("refusals", "report:ops", 40_000),
            report(4, Wire.encode(reports[0])), report(5, Wire.encode(reports[1])), report(6, Wire.encode(reports[2])),
            report(7, since: "inferences", Wire.encode(inference), kind: 1),
            report(
                8, since: "refusals",
                Wire.encode(AlertEvent(AlertNotice(occasion: .grown, alert: alert, news: [], at: time))), kind: 2),
            StoredRow(
                "positions",
                ["agent": "web-1", "incarnation": -7, "through": 3, "digest": -4, "heard_at": 30_000],
                // The collector cannot know when it heard of it: not before its last report.
                before: ["digest": nil, "heard_at": 20_006]),
            job(reports[1]), job(reports[2]),
            job(
                {
                    var maker = ReportMaker("web-1")
                    return maker.report(job: 3, .successful)
                }(), since: "rehearsals", isRehearsal: true),
            StoredRow("tallies", ["agent": "web-1", "policy": "nightly", "status": 0, "jobs": 4]),
            StoredRow("tallies", ["agent": "web-1", "policy": "nightly", "status": 1, "jobs": 1]),
            StoredRow("good_backups", ["agent": "web-1", "policy": "nightly", "at": 19_000]),
            StoredRow(
                "expectations", since: "expectations",
                [
                    "job": 12, "agent": "web-1", "policy": "nightly", "revision": 2, "cause": "schedule",
                    "state": "planned", "scheduled_start": 60_000, "not_after": 70_000,
                ]),
            StoredRow(
                "peers", since: "peers",
                ["public_key": peer.key.text, "is_revoked": 0, "body": Data(Wire.encode(peer)), "is_stale": 1],
                before: ["is_stale": 0]),
            StoredRow(
                "audit_anchors", since: "anchors",
                ["sequence": 3, "hash": Data(0..<32), "seen_unix_ms": 40_000, "is_odd": 1]),
            StoredRow(
                "alerts", since: "alerts",
                [
                    "id": 7, "kind": alert.cause.kind.rawValue, "policy": "nightly", "is_active": 1,
                    "resolved_at": nil, "body": Data(Wire.encode(alert)),
                ]),
            StoredRow(
                "alert_subjects", since: "alerts",
                ["alert": 7, "agent": "web-1", "job": 0, "body": Data(Wire.encode(subject))]),
            StoredRow(
                "alert_silences", since: "alerts",
                ["id": 2, "body": Data(Wire.encode(AlertSilence(id: 2, until: time, reason: "moved")))]),
            StoredRow(
                "outgoing", since: "alerts",
                [
                    "id": 9, "channel": "ops", "key": "k-9", "created_at": 41_000, "attempts": 3, "next_at": 42_000,
                    "kind": "ping", "body": Data("nightly web-1 2 1".utf8), "refusal": "550 nobody",
                    "refused_at": 43_000, "line": "nightly web-1", "recipients": "ops@example.org",
                ], before: ["refusal": nil, "refused_at": nil, "line": nil, "recipients": nil]),
            StoredRow("objectives", since: "refusals", ["policy": "nightly", "within_ms": 93_600_000]),
            StoredRow(
                "actions", since: "actions",
                [
                    "number": 1_700, "who": "operator/alice", "what": "alert.silence", "target": "alert 7",
                    "reason": "moved", "at": 44_000,
                ]),
            // Cursors and numbers that were given and removed again.
            StoredRow("sqlite_sequence", ["name": "reports", "seq": 30]),
            StoredRow("sqlite_sequence", since: "alerts", ["name": "outgoing", "seq": 12]),
            StoredRow("sqlite_sequence", since: "actions", ["name": "actions", "seq": 1_800]),
        ]

    @Test(arguments: versions)
    func `every row of a database of any earlier version is there after the upgrade`(version: String) throws {
        func isBefore(_ other: String) -> Bool {
            Self.versions.firstIndex(of: version)! < Self.versions.firstIndex(of: other)!
        }
        try TemporaryDirectory.with { directory in
            let path = directory + "/collector.sqlite"
            // What was stored before alerts were judged is not told any more.
            let made = isBefore("alerts") ? [Self.fact("1", "alerts_through", 30)] : []
            let expected = try EarlierDatabase(StoreSchema.migrator, Self.rows).write(version, to: path, made: made)
            for _ in 1...2 {
                _ = try SQLiteReportStore(path: path)
                var found = try EarlierDatabase.contents(of: path)
                if isBefore("actions") {
                    // Their numbers begin with the time of the upgrade.
                    let numbers = found.filter { $0.hasPrefix("sqlite_sequence: name='actions'") }
                    #expect(numbers.count == 1 && numbers.first?.contains("seq=1800") == false)
                    found.removeAll { numbers.contains($0) }
                }
                #expect(Set(expected).subtracting(found) == [], "lost, or not as it was")
                #expect(Set(found).subtracting(expected) == [], "made of nothing")
                #expect(found.count == expected.count)
            }
            let store = try SQLiteReportStore(path: path)
            let entries = try #require(try store.feed(from: nil, limit: 100)).entries
            #expect(entries.compactMap(\.report) == Self.reports)
            #expect(try store.positions().values.map(\.through) == [3])
            #expect(try store.jobs(JobFilter()).map(\.job.rawValue) == (isBefore("rehearsals") ? [2, 1] : [3, 2, 1]))
            #expect(try store.alertState().alerts.map(\.id) == (isBefore("alerts") ? [] : [7]))
            #expect(try store.outgoing(of: nil, limit: 9).messages.map(\.key) == (isBefore("alerts") ? [] : ["k-9"]))
            #expect(try store.peers().peers == (isBefore("peers") ? [] : [Self.peer]))
            var maker = ReportMaker("db-1")
            let next = [maker.report(job: 90, .queued)]
            _ = try store.store(maker.accepted(next), at: Self.time)
            let highest = try DatabaseQueue(path: path).read {
                try Int64.fetchOne($0, sql: "SELECT max(cursor) FROM reports")
            }
            #expect(highest == 31, "a cursor that was given is not given again")
        }
    }
}
