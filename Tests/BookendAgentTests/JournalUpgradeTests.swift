import BookendModel
import BookendTestSupport
import BookendWire
import Foundation
import GRDB
import Testing

@testable import BookendAgent

/// Journals that an earlier version wrote; whatever it wrote outlives the upgrade.
@Suite struct JournalUpgradeTests {
    private static let incarnation: Int64 = 77
    private static let prunedDigest: Int64 = 1_234

    private static let reports = [Status.queued, .running, .failed, .successful].enumerated().map { number, status in
        Report(
            origin: ReportOrigin(
                agent: agentID, incarnation: UInt64(incarnation), sequence: UInt64(number) + 4),
            trigger: ReportedTrigger(.sample(2)), attempt: 1, stage: number == 2 ? .backup : nil, status: status,
            at: .at(10 + Int64(number)), details: ReportDetails())
    }

    /// Of each report, when the first of them goes on from this one.
    private static func digests(after first: Int64) -> [Int64] {
        var digest = ReportDigest(rawValue: UInt64(first))
        return reports.map { report in
            digest = digest.followed(by: report)
            return Int64(bitPattern: digest.rawValue)
        }
    }

    private static func job(_ job: Int64, isFinished: Bool, attempts: Int, owes: Bool) -> StoredRow {
        StoredRow(
            "jobs",
            [
                "job": job, "policy": "p", "revision": 3, "cause": "schedule", "scheduled_start": 1_000 + job,
                "not_after": 9_000, "window_end": job == 2 ? 8_000 : nil,
                "under": job == 4 ? nil : Data(Wire.encode(PolicyRevision.sample())), "accepted_at": 1_100 + job,
                "attempts": attempts, "owes_post_script": owes, "is_finished": isFinished,
                "bandwidth_limit": job == 2 ? 1 << 33 : nil,
                "fault": job == 2 ? StagedFault(.kill).description : nil,
            ], before: ["bandwidth_limit": nil, "fault": nil])
    }

    private static func debt(_ job: Int64, _ attempt: Int, unpaidBecause reason: String?) -> StoredRow {
        StoredRow(
            "debts", since: "debts",
            [
                "job": job, "attempt": attempt, "runs": 2, "pre_status": 0, "pre_exit_code": 0, "backup_status": 5,
                "snapshot": "abc", "bytes_added": 1 << 40, "unpaid_because": reason,
            ])
    }

    private static let rows: [StoredRow] =
        [
            ("1", "incarnation", incarnation), ("1", "generation", 4), ("1", "highest_job", 9),
            ("slots", "coordinator_epoch", -5), ("slots", "pruned_before", 500), ("streams", "pruned_report", 3),
            ("streams", "pruned_digest", prunedDigest),
        ].map { StoredRow("facts", since: $0, ["key": $1, "value": $2]) }
        + [
            StoredRow("policies", ["name": "p", "revision": Data(Wire.encode(PolicyRevision.sample()))]),
            job(1, isFinished: true, attempts: 1, owes: false), job(2, isFinished: false, attempts: 1, owes: true),
            job(3, isFinished: true, attempts: 3, owes: true), job(4, isFinished: false, attempts: 0, owes: false),
            StoredRow("cancels", ["job": 4, "at": 1_200]), StoredRow("cancels", ["job": 99, "at": 1_300]),
            StoredRow("good_backups", ["policy": "p", "at": 1_500], before: ["at": 0]),
            StoredRow("acknowledgements", ["collector": "main", "through": 6]),
            StoredRow("acknowledgements", ["collector": "second", "through": 4]),
            debt(2, 1, unpaidBecause: nil), debt(3, 3, unpaidBecause: "it was gone"),
            StoredRow(
                "slots", since: "slots",
                [
                    "job": 8, "policy": "p", "revision": 3, "scheduled_start": 7_000, "not_after": 7_500,
                    "window_end": 7_900, "bandwidth_limit": 1_024, "is_held": 1,
                ], before: ["bandwidth_limit": nil, "is_held": 0]),
            StoredRow(
                "streams", since: "streams",
                ["collector": "main", "incarnation": -3, "base": 2, "acknowledged": 6, "epoch": 12]),
        ]
        + zip(reports, zip(digests(after: prunedDigest), digests(after: incarnation))).map { report, digest in
            StoredRow(
                "reports",
                [
                    "sequence": Int64(report.origin.sequence), "job": 2, "at": report.at.milliseconds,
                    "report": Data(Wire.encode(report)), "digest": digest.0,
                ], before: ["digest": digest.1])
        }

    /// What the upgrade makes of what only an earlier version knew.
    private static func made(from version: String) -> [StoredRow] {
        let versions = JournalSchema.migrator.migrations
        func isBefore(_ other: String) -> Bool { versions.firstIndex(of: version)! < versions.firstIndex(of: other)! }
        var rows: [StoredRow] = []
        if isBefore("debts") {
            for (job, attempt, reason) in [(2, 1, nil), (3, 3, "the post-script could not be run")]
                as [(Int, Int, String?)]
            {
                rows.append(
                    StoredRow(
                        "debts",
                        [
                            "job": job, "attempt": attempt, "runs": 0, "pre_status": nil, "pre_exit_code": nil,
                            "backup_status": nil, "snapshot": nil, "bytes_added": nil, "unpaid_because": reason,
                        ]))
            }
        }
        if isBefore("streams") {
            rows.append(StoredRow("facts", ["key": "pruned_report", "value": 3]))
            for (collector, through) in [("main", 6), ("second", 4)] {
                rows.append(
                    StoredRow(
                        "streams",
                        [
                            "collector": collector, "incarnation": incarnation, "base": 0, "acknowledged": through,
                            "epoch": 0,
                        ]))
            }
        }
        return rows
    }

    @Test(arguments: JournalSchema.migrator.migrations)
    func `every row of a journal of any earlier version is there after the upgrade`(version: String) throws {
        try TemporaryDirectory.with { directory in
            let path = directory + "/journal.sqlite"
            let expected = try EarlierDatabase(JournalSchema.migrator, Self.rows)
                .write(version, to: path, made: Self.made(from: version))
            for _ in 1...2 {
                _ = try SQLiteJournal(path: path, agent: agentID)
                let found = try EarlierDatabase.contents(of: path)
                #expect(Set(expected).subtracting(found) == [], "lost, or not as it was")
                #expect(Set(found).subtracting(expected) == [], "made of nothing")
                #expect(found.count == expected.count)
            }
            let journal = try SQLiteJournal(path: path, agent: agentID)
            let contents = try journal.load()
            #expect(contents.unfinishedJobs.map(\.trigger.job) == [2, 4])
            #expect(contents.unfinishedJobs.map(\.owesPostScript) == [true, false])
            #expect(try journal.record([report(.failed)], of: ReportedTrigger(.sample(2))) == 8)
            let digest = try #require(try journal.digest(of: 7))
            #expect(try journal.digest(of: 8) == digest.followed(by: #require(try journal.reports(8...8).first)))
        }
    }
}
