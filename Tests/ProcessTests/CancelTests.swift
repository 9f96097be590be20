import BookendTestSupport
import Testing

extension OneFleet {
    /// A cancel, whenever it comes.
    @Suite struct CancelTests {
        private func cancel(_ job: Int64, _ scenario: Scenario) async throws {
            let end = try await scenario.fleet.bookend("cancel", "\(job)")
            #expect(end.status == 0, "\(end)")
        }

        @Test func `a queued job that is canceled never runs`() async throws {
            try await Scenario.with(pre: "open gate") { scenario in
                let first = try await scenario.order()
                try await scenario.reached("pre-script", 11, first)
                let second = try await scenario.order()
                try await scenario.reached(nil, 10, second)
                try await cancel(second, scenario)
                try await scenario.ended(second)
                try await scenario.expect(second, is: 6)
                #expect(scenario.ledger.begins(second) == [])
                try scenario.open("gate")
                try await scenario.ended(first)
                try await scenario.expect(first, is: 0, Integers(0, 0, 0))
            }
        }

        @Test func `canceled during its pre-script, that ends by itself, and only the post-script runs then`()
            async throws
        {
            try await Scenario.with(pre: "open gate") { scenario in
                let job = try await scenario.order()
                try await scenario.reached("pre-script", 11, job)
                try await cancel(job, scenario)
                try await scenario.reached(nil, 13, job)
                try await cancel(job, scenario)
                try scenario.open("gate")
                try await scenario.ended(job)
                try await scenario.expect(job, is: 6, Integers(0, 6, 0))
                #expect(scenario.ledger.begins(job) == ["pre", "post"])
                #expect(scenario.ledger.ends(job) == ["pre", "post"])
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "0", "6"])
            }
        }

        @Test func `canceled during its backup, restic is stopped, leaves no lock, and the post-script runs`()
            async throws
        {
            try await Scenario.with(backup: .restic()) { scenario in
                let warmUp = try await scenario.run()
                try await scenario.expect(warmUp, is: 0, Integers(0, 0, 0))
                let big = try BigSource(below: scenario.directory)
                try await scenario.apply(backup: .restic(sources: [big.path]))
                let job = try await scenario.order()
                try await scenario.reached("backup", 11, job)
                try await big.isLocked(scenario.site.repository)
                try await cancel(job, scenario)
                try await scenario.ended(job)
                try await scenario.expect(job, is: 6, Integers(0, 6, 0))
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "0", "6"])
                #expect(try await scenario.site.snapshots(of: job) == [])
                #expect(resticLocks(of: scenario.site.repository) == [])
            }
        }

        @Test func `canceled during its post-script, that runs to its end`() async throws {
            try await Scenario.with(post: "open gate") { scenario in
                let job = try await scenario.order()
                try await scenario.reached("post-script", 11, job)
                try await cancel(job, scenario)
                try await scenario.reached(nil, 13, job)
                try scenario.open("gate")
                try await scenario.ended(job)
                try await scenario.expect(job, is: 6, Integers(0, 0, 0))
                #expect(scenario.ledger.ends(job) == ["pre", "backup", "post"])
            }
        }

        @Test func `canceling a job that is over changes nothing and says what it is`() async throws {
            try await Scenario.with(post: "exit 1") { scenario in
                let job = try await scenario.run()
                let end = try await scenario.fleet.bookend("cancel", "\(job)")
                #expect(end.status == 0, "\(end)")
                #expect(end.output == "job \(job) is over: 5 successful-with-errors; nothing to cancel\n")
                let record = try await scenario.fleet.json("cancel", "\(job)")["jobs"]
                #expect(record.all("is_over") == [.bool(true)] && record.all("is_canceled") == [.bool(false)])
                try await scenario.expect(job, is: 5, Integers(0, 0, 1))
                // One that is not known keeps no other from being canceled.
                try await scenario.apply(backup: .command("open gate"))
                let running = try await scenario.order()
                try await scenario.reached("backup", 11, running)
                let mixed = try await scenario.fleet.bookend("cancel", "99999999", "\(job)", "\(running)")
                #expect(mixed.status == 4 && mixed.errors.contains("job 99999999 is not known"), "\(mixed)")
                #expect(mixed.output.contains("job \(running) on \(scenario.site.id): canceling"), "\(mixed)")
                try await scenario.ended(running)
                let twice = try await scenario.fleet.bookend("cancel", "\(running)")
                #expect(twice.status == 0 && twice.output.contains("is over: 6 canceled"), "\(twice)")
            }
        }

        @Test func `canceled while it waits for a retry, nothing more runs`() async throws {
            try await Scenario.with(backup: .command("exit 1"), more: "retry: {attempts: 3, interval: 1h}") {
                scenario in
                let job = try await scenario.order()
                try await scenario.reached(nil, 12, job)
                try await cancel(job, scenario)
                try await scenario.ended(job)
                try await scenario.expect(job, is: 6, Integers(0, 1, 0))
                #expect(scenario.ledger.begins(job) == ["pre", "backup", "post"])
            }
        }

        @Test func `a job that is over stays what it is`() async throws {
            try await Scenario.with { scenario in
                let job = try await scenario.run()
                _ = try await scenario.fleet.bookend("cancel", "\(job)")
                try await scenario.expect(job, is: 0, Integers(0, 0, 0))
            }
        }

        @Test func `a cancel that comes before its trigger is remembered`() async throws {
            try await Scenario.with { scenario in
                let fleet = scenario.fleet
                await fleet.daemon(scenario.site.id).stop()
                let job = try await scenario.order("--queue-for", "10m")
                try await cancel(job, scenario)
                try await fleet.start(scenario.site)
                try await scenario.ended(job)
                try await scenario.expect(job, is: 6)
                #expect(scenario.ledger.lines == [])
            }
        }
    }
}
