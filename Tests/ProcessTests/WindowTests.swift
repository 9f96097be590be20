import BookendTestSupport
import Testing

extension OneFleet {
    /// The end of the window, whenever it comes.
    @Suite struct WindowTests {
        @Test func `a job whose window ends in the queue is skipped, and says so`() async throws {
            try await Scenario.with(pre: "open gate", more: "window: 2s") { scenario in
                let first = try await scenario.order()
                try await scenario.reached("pre-script", 11, first)
                let second = try await scenario.order("--as-scheduled")
                try await scenario.ended(second)
                try await scenario.expect(second, is: 2)
                #expect(scenario.ledger.begins(second) == [])
                try scenario.open("gate")
                try await scenario.ended(first)
                try await scenario.expect(first, is: 0, Integers(0, 0, 0))
            }
        }

        @Test func `a pre-script is ended with its window, the backup does not run, the post-script does`() async throws
        {
            try await Scenario.with(
                pre: "sleep 600 & echo $! >$here/child; wait", more: "window: 5s\nretry: {attempts: 3, interval: 0s}"
            ) { scenario in
                let job = try await scenario.run("--as-scheduled")
                try await scenario.expect(job, is: 22, Integers(22, 22, 0))
                #expect(scenario.ledger.begins(job) == ["pre", "post"])
                #expect(scenario.ledger.ends(job) == ["post"])
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "22", "22"])
                #expect(!scenario.ledger.text("child").isEmpty && !scenario.ledger.isAlive("child"))
            }
        }

        @Test func `a backup is stopped with its window, and the post-script runs`() async throws {
            try await Scenario.with(backup: .restic()) { scenario in
                try await scenario.expect(try await scenario.run(), is: 0, Integers(0, 0, 0))
                let big = try BigSource(below: scenario.directory)
                try await scenario.apply(backup: .restic(sources: [big.path]), more: "window: 8s")
                let job = try await scenario.run("--as-scheduled")
                try await scenario.expect(job, is: 22, Integers(0, 22, 0))
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "0", "22"])
                #expect(try await scenario.site.snapshots(of: job) == [])
                #expect(resticLocks(of: scenario.site.repository) == [])
            }
        }

        @Test func `a post-script is never cut short by the window`() async throws {
            try await Scenario.with(post: "sleep 6", more: "window: 5s") { scenario in
                let job = try await scenario.run("--as-scheduled")
                try await scenario.expect(job, is: 0, Integers(0, 0, 0))
                #expect(scenario.ledger.ends(job) == ["pre", "backup", "post"])
                let deadline = scenario.ledger.environment("pre", job)["BOOKEND_DEADLINE"].flatMap { Int64($0) }
                let end = scenario.ledger.lines(of: job).last?.nanoseconds ?? 0
                #expect(deadline.map { end / 1_000_000_000 > $0 } == true)
            }
        }

        @Test func `no retry follows the end of the window`() async throws {
            try await Scenario.with(
                backup: .command("exit 1"), more: "window: 6s\nretry: {attempts: 5, interval: 1h}"
            ) { scenario in
                let job = try await scenario.run("--as-scheduled")
                try await scenario.expect(job, is: 1, Integers(0, 1, 0))
            }
        }

        @Test func `a first backup may overrun its window when the policy says so, a second may not`() async throws {
            try await Scenario.with(
                backup: .command("sleep 6"), more: "window: 5s\nignore_window_for_first_backup: true"
            ) { scenario in
                let first = try await scenario.run("--as-scheduled")
                try await scenario.expect(first, is: 0, Integers(0, 0, 0))
                #expect(scenario.ledger.ends(first) == ["pre", "backup", "post"])
                try await scenario.apply(
                    backup: .command("sleep 30"), more: "window: 5s\nignore_window_for_first_backup: true")
                let second = try await scenario.run("--as-scheduled")
                try await scenario.expect(second, is: 22, Integers(0, 22, 0))
            }
        }

        @Test func `when a cancel comes before the window ends, the job is canceled and the pre-script ended`()
            async throws
        {
            try await Scenario.with(pre: "sleep 600 & wait", more: "window: 6s") { scenario in
                let job = try await scenario.order("--as-scheduled")
                try await scenario.reached("pre-script", 11, job)
                let end = try await scenario.fleet.bookend("cancel", "\(job)")
                #expect(end.status == 0)
                try await scenario.ended(job)
                try await scenario.expect(job, is: 6, Integers(22, 6, 0))
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "22", "6"])
            }
        }

        @Test func `Backup now has no window`() async throws {
            try await Scenario.with(backup: .command("sleep 3"), more: "window: 1s") { scenario in
                let job = try await scenario.run()
                try await scenario.expect(job, is: 0, Integers(0, 0, 0))
                #expect(scenario.ledger.environment("pre", job)["BOOKEND_DEADLINE"] == nil)
                #expect(scenario.ledger.environment("pre", job)["BOOKEND_TRIGGER"] == "manual")
            }
        }
    }
}
