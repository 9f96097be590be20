import BookendTestSupport
import Foundation
import Testing

extension OneFleet {
    /// Attempts that follow each other, and those that do not.
    @Suite struct RetryTests {
        @Test func `a locked repository is tried again after waits that grow, and everyone sees when`() async throws {
            try await Scenario.with(backup: .restic(repository: "locked")) { scenario in
                try await scenario.expect(try await scenario.run(), is: 0, Integers(0, 0, 0))
                try await scenario.apply(
                    backup: .restic(repository: "locked"), more: "retry: {attempts: 4, interval: 2s, backoff: 4}")
                let fleet = scenario.fleet
                let repository = scenario.site.directory + "/locked"
                var job: Int64 = 0
                try await withLockedRepository(repository, passwordFile: scenario.site.password) {
                    job = try await scenario.order()
                    try await scenario.reached(nil, 12, job, attempt: 3)
                    // Half a minute from here to the next attempt.
                    let shown = try await fleet.bookend("job", "\(job)").output
                    #expect(shown.contains("next attempt") && shown.contains("attempt 3 of 4 ended 28"), "\(shown)")
                    let list = try await fleet.bookend("jobs", "--policy", scenario.policy).output
                    #expect(list.contains("waiting-for-retry"), "\(list)")
                    #expect(try await fleet.json("job", "\(job)")["next_attempt_at_unix_ms"].int != nil)
                    let waiting = try await fleet.json("status")["jobs_waiting_for_retry"].list
                    #expect(waiting.contains { $0["job_id"].int == job }, "\(waiting)")
                    #expect(try await fleet.bookend("status").output.contains("waits for another attempt"))
                }
                try await scenario.ended(job)
                let view = try await scenario.expect(
                    job, is: 0, Integers(0, 28, 0), Integers(0, 28, 0), Integers(0, 28, 0), Integers(0, 0, 0))
                #expect(view.alerts == [])
                let waits = fleet.feed(of: job).filter { $0.stage == nil && $0.status == 12 }.map { line in
                    (line.json["details"]["next_attempt_at_unix_ms"].int ?? 0) - (line.json["at_unix_ms"].int ?? 0)
                }
                // To what passes between the decision and its report.
                #expect(waits.map { ($0 + 900) / 1_000 } == [2, 8, 32], "\(waits)")
                for attempt in 1...3 {
                    let lines = scenario.ledger.lines(of: job)
                    let end = lines.last { $0.stage == "post" && $0.event == "end" && $0.attempt == attempt }
                    let begin = lines.first { $0.stage == "pre" && $0.attempt == attempt + 1 }
                    let pause = (begin?.nanoseconds ?? 0) - (end?.nanoseconds ?? 0)
                    #expect(pause >= [2, 8, 32][attempt - 1] * 1_000_000_000, "\(attempt)")
                }
            }
        }

        @Test func `a policy may say after what it tries again`() async throws {
            let retry = "retry: {attempts: 2, interval: 0s, only_after: [WHAT]}"
            try await Scenario.with(
                backup: .command("exit 3"), more: retry.replacing("WHAT", with: "repository-locked")
            ) { scenario in
                try await scenario.expect(try await scenario.run(), is: 1, Integers(0, 1, 0))
                try await scenario.apply(backup: .command("exit 3"), more: retry.replacing("WHAT", with: "failed"))
                try await scenario.expect(try await scenario.run(), is: 1, Integers(0, 1, 0), Integers(0, 1, 0))
            }
        }

        @Test func `an attempt that wants its agent for itself waits for the others, and runs after them`() async throws
        {
            try await Scenario.with(backup: .command("open gate"), scripts: nil) { first in
                let second = try await Scenario(
                    fleet: first.fleet, site: first.site, pre: nil, post: nil, scripts: nil,
                    more: "limits: {per_agent: 1}")
                let long = try await first.order()
                try await first.reached("backup", 11, long)
                let short = try await second.order()
                try await second.reached(nil, 10, short)
                try first.open("gate")
                for (scenario, job) in [(first, long), (second, short)] {
                    try await scenario.ended(job)
                    try await scenario.expect(job, is: 0, Integers(3, 0, 3))
                }
                let end = first.ledger.lines(of: long).last { $0.event == "end" }?.nanoseconds ?? .max
                let begin = second.ledger.lines(of: short).first { $0.event == "begin" }?.nanoseconds ?? 0
                #expect(begin >= end)
            }
        }

        @Test func `a policy that starts after its last good backup starts at once, then counts what was ordered`()
            async throws
        {
            try await Scenario.with(pre: nil, post: nil, scripts: nil) { scenario in
                let fleet = scenario.fleet
                try await scenario.apply(scripts: nil, more: "schedules: [{after_success: 1m}]")
                let first = try await fleet.feed.first("the first start", patience: .seconds(120)) { line in
                    line.endsJob && line.json["policy"].text == scenario.policy
                }
                try await scenario.expect(first.job, is: 0, Integers(3, 0, 3))
                #expect(first.json["cause"].text == "schedule")
                let ordered = try await scenario.run()
                let good =
                    try await scenario.expect(ordered, is: 0, Integers(3, 0, 3)).json["ended_at_unix_ms"].int ?? .max
                let next = try await fleet.feed.first("the next start", patience: .seconds(240)) { line in
                    line.endsJob && line.json["policy"].text == scenario.policy && line.job != first.job
                        && line.job != ordered
                }
                let view = try await scenario.expect(next.job, is: 0, Integers(3, 0, 3)).json
                #expect(view["cause"].text == "schedule", "\(view)")
                // To what passes between the end of the backup and that of its job.
                #expect((view["started_at_unix_ms"].int ?? 0) - good > 50_000, "\(view)")
                let starts = try await fleet.json("schedule", "--policy", scenario.policy)["starts"].list
                #expect(starts.count >= 10, "\(starts)")
                try await scenario.apply(scripts: nil)
            }
        }
    }
}
