import BookendTestSupport
import Foundation
import Glibc
import Testing

extension OneFleet {
    /// Both scripts on the real server without a backup, and what goes wrong on purpose. The ledgers that the scripts write are
    /// the evidence.
    @Suite struct RehearsalTests {
        /// Until it is told to end, or for ever; like a service that takes its time to stop.
        private static let slow = "sleep 600 & echo $! >\"$here/child\"; wait"

        private struct Rehearsal {
            var job: Int64
            var status: Int32
            var verdict: JSON
        }

        private func rehearse(_ scenario: Scenario, _ words: String...) async throws -> Rehearsal {
            let end = try await Program.run(
                "bookend", ["rehearse", scenario.policy, "--agent", scenario.site.id, "--output", "json"] + words,
                environment: scenario.fleet.environment)
            guard end.status < 2 else { throw Missed(description: "bookend rehearse: \(end.status), \(end.errors)") }
            let json = try JSON(parsing: end.output)
            let job = try #require(json["job"]["job_id"].int)
            try await scenario.ended(job)
            return Rehearsal(job: job, status: end.status, verdict: json["verdict"])
        }

        @Test func `both scripts run and know it, nothing is backed up, and nobody is called`() async throws {
            try await Scenario.with(backup: .restic(repository: "main")) { scenario in
                let before = try await scenario.site.snapshots().count
                let rehearsal = try await rehearse(scenario)
                let job = rehearsal.job
                #expect(rehearsal.status == 0 && rehearsal.verdict["is_proof"].bool == true, "\(rehearsal)")
                #expect(rehearsal.verdict["pause_ms"].int.map { $0 >= 0 } == true)
                let view = try await scenario.expect(job, is: 0, Integers(0, 3, 0))
                #expect(view.alerts == [] && view.json["cause"].text == "rehearsal")
                #expect(scenario.ledger.begins(job) == ["pre", "post"])
                #expect(scenario.ledger.ends(job) == ["pre", "post"])
                #expect(scenario.ledger.arguments("pre", job) == ["\(job)"])
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "0", "3"])
                for stage in ["pre", "post"] {
                    let environment = scenario.ledger.environment(stage, job)
                    #expect(environment["BOOKEND_TRIGGER"] == "rehearsal")
                    #expect(environment["BOOKEND_MAX_ATTEMPTS"] == "1")
                    #expect(environment["BOOKEND_REHEARSAL_FAULT"] == nil)
                }
                #expect(try await scenario.site.snapshots().count == before)
                #expect(try await scenario.site.snapshots(of: job) == [])
                let fleet = scenario.fleet
                let alerts = try await fleet.json("alerts")["alerts"].list
                #expect(alerts.allSatisfy { $0["policy"].text != scenario.policy }, "\(alerts)")
                let report = try await fleet.bookend("report", "--format", "json")
                #expect(report.status == 0 && !report.output.contains("\"\(scenario.policy)\""), "\(report)")
                let audit = try await fleet.bookend("audit", "--limit", "1000", "--output", "json").output
                #expect(
                    audit.contains("policy \(scenario.policy), agent \(scenario.site.id)")
                        && audit.contains("rehearsal.order"), "\(audit.suffix(2_000))")
                let explained = try await fleet.bookend("explain", "\(job)").output
                #expect(explained.contains("a rehearsal makes no backup"), "\(explained)")
            }
        }

        @Test func `a timeout ends the pre-script and all that it started, and the post-script is told`() async throws {
            try await Scenario.with(pre: Self.slow, more: "retry: {attempts: 3, interval: 0s}") { scenario in
                let rehearsal = try await rehearse(scenario, "--fault", "timeout")
                let job = rehearsal.job
                #expect(rehearsal.status == 0 && rehearsal.verdict["is_proof"].bool == true, "\(rehearsal)")
                #expect(try await scenario.expect(job, is: 5, Integers(20, 3, 0)).alerts == [])
                #expect(scenario.ledger.begins(job) == ["pre", "post"])
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "20", "3"])
                #expect(scenario.ledger.environment("post", job)["BOOKEND_REHEARSAL_FAULT"] == "timeout")
                #expect(!scenario.ledger.text("child").isEmpty && !scenario.ledger.isAlive("child"))
            }
        }

        @Test func `a kill from outside ends the pre-script itself, and what it leaves is ended as ever`() async throws
        {
            try await Scenario.with(pre: Self.slow) { scenario in
                let rehearsal = try await rehearse(scenario, "--fault", "kill", "--after", "300ms")
                let job = rehearsal.job
                #expect(rehearsal.status == 0 && rehearsal.verdict["is_proof"].bool == true, "\(rehearsal)")
                let view = try await scenario.expect(job, is: 5, Integers(21, 3, 0))
                #expect(view.alerts == [] && view.last.preScript.json["signal"].int == 9)
                // It had no time for its own last word.
                #expect(scenario.ledger.ends(job) == ["post"])
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "21", "3"])
                #expect(!scenario.ledger.text("child").isEmpty && !scenario.ledger.isAlive("child"))
            }
        }

        @Test func `a cancel lets the pre-script run to its end, and the post-script is told 6`() async throws {
            try await Scenario.with(pre: "open gate") { scenario in
                async let rehearsed = rehearse(scenario, "--fault", "cancel")
                // Until it has struck: nothing else cancels this job.
                let canceling = try await scenario.fleet.feed.first("a job that is being canceled") {
                    $0.json["policy"].text == scenario.policy && $0.status == 13
                }
                try scenario.open("gate")
                let rehearsal = try await rehearsed
                let job = rehearsal.job
                #expect(canceling.job == job)
                #expect(rehearsal.status == 0 && rehearsal.verdict["is_proof"].bool == true, "\(rehearsal)")
                try await scenario.expect(job, is: 6, Integers(0, 6, 0))
                #expect(scenario.ledger.ends(job) == ["pre", "post"])
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "0", "6"])
            }
        }

        @Test func `the end of a window that no policy has ends the pre-script, and the post-script is told 22`()
            async throws
        {
            try await Scenario.with(pre: Self.slow) { scenario in
                let rehearsal = try await rehearse(scenario, "--fault", "expire")
                let job = rehearsal.job
                #expect(rehearsal.status == 0 && rehearsal.verdict["is_proof"].bool == true, "\(rehearsal)")
                #expect(try await scenario.expect(job, is: 22, Integers(22, 22, 0)).alerts == [])
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "22", "22"])
                #expect(!scenario.ledger.text("child").isEmpty && !scenario.ledger.isAlive("child"))
            }
        }

        @Test func `a pre-script that ends before the fault proves nothing, and the command says so`() async throws {
            try await Scenario.with { scenario in
                let rehearsal = try await rehearse(scenario, "--fault", "kill", "--after", "1h")
                #expect(rehearsal.status == 1 && rehearsal.verdict["is_proof"].bool == false)
                let conclusion = rehearsal.verdict["conclusion"].text ?? ""
                #expect(conclusion.contains("before the fault struck"), "\(conclusion)")
                try await scenario.expect(rehearsal.job, is: 0, Integers(0, 3, 0))
            }
        }

        @Test func `a post-script that fails is no proof and calls people, and no good rehearsal makes it undone`()
            async throws
        {
            try await Scenario.with(post: "exit 7") { scenario in
                let rehearsal = try await rehearse(scenario)
                #expect(rehearsal.status == 1 && rehearsal.verdict["is_proof"].bool == false)
                let view = try await scenario.expect(rehearsal.job, is: 5, Integers(0, 3, 1))
                #expect(view.alerts == ["post-script-failed"])
                try await isCalled(scenario)
                try scenario.write("post", "")
                let good = try await rehearse(scenario)
                #expect(good.status == 0)
                try await isCalled(scenario)
                // A backup does.
                let job = try await scenario.run()
                try await scenario.expect(job, is: 0, Integers(0, 0, 0))
                try await isCalled(scenario, false)
            }
        }

        /// Awaits that people are called because of the policy's post-script, or are not any more.
        private func isCalled(_ scenario: Scenario, _ expected: Bool = true) async throws {
            let deadline = ContinuousClock.now + .seconds(60)
            while true {
                let alerts = try await scenario.fleet.json("alerts")["alerts"].list
                let isCalled = alerts.contains {
                    $0["policy"].text == scenario.policy && $0["kind"].text == "post-script-failed"
                }
                if isCalled == expected { return }
                guard ContinuousClock.now < deadline else { throw Missed(description: "alerts: \(alerts)") }
                try await Task.sleep(for: .milliseconds(100))  // Alerts can only be looked at.
            }
        }

        @Test func `what cannot be rehearsed is refused with a reason, and nothing runs`() async throws {
            try await Scenario.with(scripts: nil) { scenario in
                let fleet = scenario.fleet
                let plain = try await fleet.bookend("rehearse", scenario.policy, "--agent", scenario.site.id)
                #expect(plain.status == 4 && plain.errors.contains("has no scripts"), "\(plain)")
                let stranger = try await fleet.bookend("rehearse", scenario.policy, "--agent", "nobody")
                #expect(stranger.status == 4 && stranger.errors.contains("nobody"), "\(stranger)")
                let wrong = try await fleet.bookend(
                    "rehearse", scenario.policy, "--agent", scenario.site.id, "--after", "1s")
                #expect(wrong.status == 2 && wrong.errors.contains("--fault"), "\(wrong)")
                #expect(scenario.ledger.lines == [])
            }
        }
    }
}

extension CrashFleet {
    @Suite(.timeLimit(.minutes(60))) struct RehearsalCrashTests {
        @Test func `an agent that is offline fails it at once, and nothing runs when it comes back`() async throws {
            try await Scenario.with { scenario in
                let fleet = scenario.fleet
                let position = fleet.daemon("coordinator").errors.count
                await fleet.daemon(scenario.site.id).stop()
                try await fleet.goesOffline(scenario.site, after: position)
                let end = try await fleet.bookend("rehearse", scenario.policy, "--agent", scenario.site.id)
                #expect(end.status == 1 && end.output.contains("31 agent-offline"), "\(end)")
                #expect(end.output.contains("nothing was shown"), "\(end)")
                try await fleet.start(scenario.site)
                try await fleet.comesOnline(scenario.site, after: position)
                // Triggers come in order: one of before would have run by then.
                try await scenario.expect(try await scenario.run(), is: 0, Integers(0, 0, 0))
                #expect(Set(scenario.ledger.lines.map(\.job)).count == 1)
            }
        }

        @Test func `a rehearsal whose agent dies pays its debt, and looks for no snapshot`() async throws {
            try await Scenario.with(pre: "open gate", backup: .restic(repository: "main")) { scenario in
                let fleet = scenario.fleet
                async let rehearsed = fleet.bookend("rehearse", scenario.policy, "--agent", scenario.site.id)
                let begun = try await fleet.feed.first("the pre-script of a rehearsal") {
                    $0.json["policy"].text == scenario.policy && $0.stage == "pre-script" && $0.status == 11
                }
                #expect(await fleet.daemon(scenario.site.id).stop(SIGKILL) == 128 + SIGKILL)
                try await fleet.start(scenario.site)
                let end = try await rehearsed
                // What it was to show, and more: the post-script copes.
                #expect(end.status == 0, "\(end)")
                try await scenario.ended(begun.job)
                try await scenario.expect(begun.job, is: 25, Integers(25, 25, 0))
                #expect(scenario.ledger.begins(begun.job) == ["pre", "post"])
                #expect(scenario.ledger.arguments("post", begun.job) == ["\(begun.job)", "25", "25"])
                #expect(try await scenario.site.snapshots(of: begun.job) == [])
            }
        }
    }
}
