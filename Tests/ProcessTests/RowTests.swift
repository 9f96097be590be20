import BookendTestSupport
import Testing

extension OneFleet {
    /// Rows of the truth table in which more than one thing goes wrong.
    @Suite struct RowTests {
        @Test func `a failed backup without a post-script is failed, and the post-script skipped`() async throws {
            try await Scenario.with(post: nil, backup: .command("exit 1")) { scenario in
                let job = try await scenario.run()
                let view = try await scenario.expect(job, is: 1, Integers(0, 1, 2))
                #expect(view.alerts.contains("post-script-missing") && view.alerts.contains("backup-failed"))
                #expect(scenario.ledger.begins(job) == ["pre", "backup"])
            }
        }

        @Test func `both scripts fail around a good backup`() async throws {
            try await Scenario.with(pre: "exit 3", post: "exit 4") { scenario in
                let job = try await scenario.run()
                let view = try await scenario.expect(job, is: 5, Integers(1, 0, 1))
                #expect(Set(view.alerts) == ["pre-script-failed", "post-script-failed"])
                #expect(scenario.ledger.begins(job) == ["pre", "backup", "post"])
            }
        }

        @Test func `both scripts fail, and the first forbids the backup`() async throws {
            try await Scenario.with(pre: "exit 3", post: "exit 4", scripts: "skip_backup_if_pre_fails: true") {
                scenario in
                let job = try await scenario.run()
                try await scenario.expect(job, is: 26, Integers(1, 26, 1))
                #expect(scenario.ledger.begins(job) == ["pre", "post"])
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "1", "26"])
            }
        }

        @Test func `what forbids the backup without a pre-script does not forbid it after a failed one`() async throws {
            try await Scenario.with(pre: "exit 3", scripts: "skip_backup_if_pre_missing: true") { scenario in
                let job = try await scenario.run()
                try await scenario.expect(job, is: 5, Integers(1, 0, 0))
                #expect(scenario.ledger.begins(job) == ["pre", "backup", "post"])
            }
        }

        @Test func `without a pre-script a failed backup is failed, and no post-script runs`() async throws {
            try await Scenario.with(pre: nil, backup: .command("exit 1")) { scenario in
                let job = try await scenario.run()
                try await scenario.expect(job, is: 1, Integers(2, 1, 2))
                #expect(scenario.ledger.begins(job) == ["backup"])
            }
        }

        @Test func `a script that gets the time to clean up after its timeout does`() async throws {
            let body = "trap 'echo cleaned >'$here'/cleaned; exit 0' TERM; sleep 600 & wait"
            try await Scenario.with(pre: body, scripts: "pre_timeout: 1s") { scenario in
                let job = try await scenario.run()
                try await scenario.expect(job, is: 5, Integers(20, 0, 0))
                #expect(scenario.ledger.text("cleaned") == "cleaned\n")
            }
        }

        @Test func `when the window ends before a cancel comes, the job stays window-expired`() async throws {
            try await Scenario.with(post: "open gate", backup: .command("exec sleep 600"), more: "window: 4s") {
                scenario in
                let job = try await scenario.order("--as-scheduled")
                try await scenario.reached("post-script", 11, job)
                #expect(try await scenario.fleet.bookend("cancel", "\(job)").status == 0)
                try scenario.open("gate")
                try await scenario.ended(job)
                try await scenario.expect(job, is: 22, Integers(0, 22, 0))
                #expect(scenario.ledger.ends(job) == ["pre", "post"])
            }
        }

        @Test func `Backup now that its agent did not hear of in time is skipped, and never runs`() async throws {
            try await Scenario.with { scenario in
                let position = scenario.fleet.daemon("coordinator").errors.all.count
                await scenario.fleet.daemon(scenario.site.id).stop()
                try await scenario.fleet.goesOffline(scenario.site, after: position)
                let job = try await scenario.order("--queue-for", "1s")
                let deadline = ContinuousClock.now + .seconds(1)
                try await eventually("its time is over") { ContinuousClock.now > deadline }
                try await scenario.fleet.start(scenario.site)
                let next = try await scenario.run()
                try await scenario.expect(next, is: 0, Integers(0, 0, 0))
                #expect(scenario.ledger.begins(job) == [])
                try await scenario.ended(job)
                try await scenario.expect(job, is: 2)
            }
        }
    }
}
