import Testing

extension OneFleet {
    /// Every row of the truth table, with the real restic between real scripts.
    @Suite struct TruthTableTests {
        @Test func `after a successful pre-script the backup and the post-script run`() async throws {
            try await Scenario.with(backup: .restic()) { scenario in
                let job = try await scenario.run()
                let view = try await scenario.expect(job, is: 0, Integers(0, 0, 0))
                #expect(view.alerts == [])
                let lines = scenario.ledger.lines(of: job)
                try #require(
                    lines.map { "\($0.stage) \($0.event)" } == ["pre begin", "pre end", "post begin", "post end"])
                #expect(lines[0].path == scenario.directory + "/pre_script.sh" && lines[0].arguments == ["\(job)"])
                #expect(lines[2].path == scenario.directory + "/post_script.sh")
                #expect(lines[2].arguments == ["\(job)", "0", "0"])

                let snapshots = try await scenario.site.snapshots(of: job)
                #expect(snapshots.count == 1)
                #expect(snapshots.first?["paths"].list == [.text(scenario.site.source)])
                #expect(snapshots.first?["hostname"] == .text(scenario.site.id))
                let tags = Set(snapshots.first?["tags"].list.compactMap(\.text) ?? [])
                #expect(
                    tags.isSuperset(of: ["bookend-policy=\(scenario.policy)", "bookend-agent=\(scenario.site.id)"]))
            }
        }

        @Test func `the backup runs between its scripts, never beside them`() async throws {
            try await Scenario.with(pre: "sleep 0.3", backup: .command("sleep 0.3"), scripts: "") { scenario in
                let job = try await scenario.run()
                try await scenario.expect(job, is: 0, Integers(0, 0, 0))
                let lines = scenario.ledger.lines(of: job)
                #expect(
                    lines.map { "\($0.stage) \($0.event)" } == [
                        "pre begin", "pre end", "backup begin", "backup end", "post begin", "post end",
                    ])
                #expect(lines.map(\.nanoseconds) == lines.map(\.nanoseconds).sorted())
            }
        }

        @Test func `a failed backup is told to the post-script, and the job is failed`() async throws {
            try await Scenario.with(backup: .command("exit 9")) { scenario in
                let job = try await scenario.run()
                let view = try await scenario.expect(job, is: 1, Integers(0, 1, 0))
                #expect(view.last.backup.exitCode == 9 && view.alerts == ["backup-failed"])
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "0", "1"])
                #expect(scenario.ledger.begins(job) == ["pre", "backup", "post"])
            }
        }

        @Test func `a failed post-script makes a good backup successful with errors`() async throws {
            try await Scenario.with(post: "exit 4") { scenario in
                let job = try await scenario.run()
                let view = try await scenario.expect(job, is: 5, Integers(0, 0, 1))
                #expect(view.last.postScript.exitCode == 4 && view.alerts == ["post-script-failed"])
            }
        }

        @Test func `a post-script that is missing is skipped, and that is a critical alert at once`() async throws {
            try await Scenario.with(post: nil, backup: .restic()) { scenario in
                let job = try await scenario.run()
                let view = try await scenario.expect(job, is: 0, Integers(0, 0, 2))
                #expect(view.alerts.contains("post-script-missing"))
                #expect(scenario.ledger.begins(job) == ["pre"])
                #expect(try await scenario.site.snapshots(of: job).count == 1)
                let line = scenario.fleet.feed(of: job).first { $0.stage == "post-script" && $0.status == 2 }
                #expect(line?.alerts == ["post-script-missing"])
            }
        }

        @Test func `after a failed pre-script the backup runs all the same, unless the policy says otherwise`()
            async throws
        {
            try await Scenario.with(pre: "exit 3", backup: .restic()) { scenario in
                let job = try await scenario.run()
                let view = try await scenario.expect(job, is: 5, Integers(1, 0, 0))
                #expect(view.last.preScript.exitCode == 3 && view.alerts == ["pre-script-failed"])
                #expect(scenario.ledger.begins(job) == ["pre", "post"])
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "1", "0"])
                #expect(try await scenario.site.snapshots(of: job).count == 1)
            }
        }

        @Test func `a failed pre-script forbids the backup when the policy says so, and the post-script runs`()
            async throws
        {
            try await Scenario.with(
                pre: "exit 3", backup: .restic(),
                scripts: "skip_backup_if_pre_fails: true, skip_backup_if_pre_missing: false"
            ) { scenario in
                let job = try await scenario.run()
                try await scenario.expect(job, is: 26, Integers(1, 26, 0))
                #expect(scenario.ledger.begins(job) == ["pre", "post"])
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "1", "26"])
                #expect(try await scenario.site.snapshots(of: job) == [])
            }
        }

        @Test func `a failed pre-script and a failed backup are both told to the post-script`() async throws {
            try await Scenario.with(pre: "exit 1", backup: .command("exit 1"), scripts: "") { scenario in
                let job = try await scenario.run()
                try await scenario.expect(job, is: 1, Integers(1, 1, 0))
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "1", "1"])
            }
        }

        @Test func `without a pre-script the backup runs and the post-script does not`() async throws {
            try await Scenario.with(pre: nil, backup: .restic(), scripts: "skip_backup_if_pre_fails: true") {
                scenario in
                let job = try await scenario.run()
                try await scenario.expect(job, is: 0, Integers(2, 0, 2))
                #expect(scenario.ledger.lines == [])
                #expect(try await scenario.site.snapshots(of: job).count == 1)
            }
        }

        @Test func `a missing pre-script forbids the backup when the policy says so`() async throws {
            try await Scenario.with(pre: nil, scripts: "skip_backup_if_pre_missing: true") { scenario in
                let job = try await scenario.run()
                try await scenario.expect(job, is: 26, Integers(2, 26, 2))
                #expect(scenario.ledger.lines == [])
            }
        }

        @Test func `scripts that are not enabled do not run, though they are there`() async throws {
            try await Scenario.with(backup: .restic(), scripts: nil) { scenario in
                let job = try await scenario.run()
                try await scenario.expect(job, is: 0, Integers(3, 0, 3))
                #expect(scenario.ledger.lines == [])
                #expect(try await scenario.site.snapshots(of: job).count == 1)
            }
            try await Scenario.with(scripts: "enabled: false") { scenario in
                let job = try await scenario.run()
                try await scenario.expect(job, is: 0, Integers(3, 0, 3))
                #expect(scenario.ledger.begins(job) == ["backup"])
            }
        }

        @Test func `a refused pre-script is a failure without a debt`() async throws {
            try await Scenario.with(scripts: "skip_backup_if_pre_fails: true") { scenario in
                try scenario.fleet.layout.write("#!/bin/sh\n", to: scenario.directory + "/pre_script.sh", mode: 0o777)
                let job = try await scenario.run()
                let view = try await scenario.expect(job, is: 26, Integers(23, 26, 2))
                #expect(view.last.preScript.reason.contains("can be written by others"))
                #expect(scenario.ledger.lines == [])
            }
        }

        @Test func `bookend explain names the row of the table and what led there`() async throws {
            try await Scenario.with(pre: "exit 3", scripts: "skip_backup_if_pre_fails: true") { scenario in
                let job = try await scenario.run()
                let text = try await scenario.fleet.bookend("explain", "\(job)").output
                #expect(text.contains("row 3, pre-script failed"))
                #expect(text.contains("backup: 26 not-run") && text.contains("skip_backup_if_pre_fails is set"))
                #expect(text.contains("the job is 26 not-run"))
            }
            try await Scenario.with(pre: nil) { scenario in
                let job = try await scenario.run()
                #expect(
                    try await scenario.fleet.bookend("explain", "\(job)").output.contains("row 4, pre-script missing"))
            }
        }
    }
}
