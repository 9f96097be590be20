import Foundation
import Testing

extension OneFleet {
    /// What operators type at a fleet, beyond ``CommandTests``.
    @Suite struct OperatorTests {
        private var fleet: RealFleet { get throws { try OneFleet.fleet } }

        @Test func `output that there is not is named by attempt and stage`() async throws {
            try await Scenario.with(pre: "echo hello", post: nil) { scenario in
                let job = try await scenario.run()
                let attempt = try await scenario.fleet.bookend("logs", "\(job)", "--attempt", "7")
                #expect(
                    attempt.status == 4
                        && attempt.errors
                            == "bookend: job \(job) has no attempt 7: it made 1 attempt and is 0 successful\n",
                    "\(attempt)")
                let stage = try await scenario.fleet.bookend(
                    "logs", "\(job)", "--attempt", "1", "--stage", "post-script")
                #expect(stage.status == 4 && stage.errors.hasPrefix("bookend: attempt 1, post-script: "), "\(stage)")
            }
        }

        @Test func `logs that are followed go on as they come, and end with the job`() async throws {
            try await Scenario.with(pre: "echo first; open gate; echo second", post: "echo third >&2") { scenario in
                let job = try await scenario.order()
                try await scenario.reached("pre-script", 11, job)
                let logs = RunningProgram(
                    "logs", "bookend", ["logs", "\(job)", "--follow"], environment: scenario.fleet.environment)
                _ = try await logs.output.first("the first line") { $0 == "first" }
                #expect(logs.output.all == ["first"])
                try scenario.open("gate")
                #expect(await logs.ended() == 0)
                #expect(logs.output.all == ["first", "second"] && logs.errors.all == ["third"], "\(logs.errors.all)")
            }
        }

        @Test func `a report is written as every other document is`() async throws {
            try await Scenario.with { scenario in
                _ = try await scenario.run()
                let json = try await scenario.fleet.json("report", "--policy", scenario.policy)
                #expect(json["total"]["expected"].int == 1, "\(json)")
                let yaml = try await scenario.fleet.bookend("report", "--policy", scenario.policy, "-o", "yaml")
                #expect(yaml.status == 0 && yaml.output.contains("\n  expected: 1\n"), "\(yaml)")
                let csv = try await scenario.fleet.bookend("report", "--policy", scenario.policy, "--format", "csv")
                #expect(csv.status == 0 && csv.output.hasPrefix("section,name,expected"), "\(csv)")
            }
        }

        @Test func `policies come from standard input, are compared key by key, and deleted together or not at all`()
            async throws
        {
            let fleet = try fleet
            let file = fleet.layout.directory + "/together.yaml"
            func policies(_ source: String) -> String {
                ["one", "two"].map {
                    "policy: together-\($0)\nagents: {ids: [a1]}\nbackup: {repository: main, sources: [\(source)]}\n"
                }
                .joined(separator: "---\n")
            }
            try fleet.layout.write(policies("/etc"), to: file)
            let new = try await fleet.bookend("policy", "diff", "--exit-code", file)
            #expect(new.status == 1 && new.output.contains("policy together-one is new:"), "\(new)")
            let applied = try await OutputTests.shell(
                "$bookend policy apply - <\(file)", environment: fleet.environment)
            #expect(applied.status == 0 && applied.output.contains("together-two"), "\(applied)")

            let same = try await fleet.bookend("policy", "diff", "--exit-code", file)
            #expect(
                same.status == 0
                    && same.output == "policy together-one: as revision 1\npolicy together-two: as revision 1\n",
                "\(same)")
            try fleet.layout.write(policies("/usr"), to: file)
            let other = try await fleet.bookend("policy", "diff", file)
            #expect(
                other.status == 0 && other.output.contains("policy together-one differs from revision 1:"), "\(other)")
            #expect(
                other.output.contains("backup.sources") && other.output.contains("/etc")
                    && other.output.contains("/usr"))
            let json = try await fleet.json("policy", "diff", file)
            #expect(json.all("is_changed") == [.bool(true), .bool(true)])

            let refused = try await fleet.bookend("policy", "delete", "together-one", "together-three")
            #expect(refused.status == 4 && refused.errors.contains("there is no policy together-three"), "\(refused)")
            #expect(try await fleet.bookend("policy", "show", "together-one").status == 0)
            let deleted = try await fleet.bookend("policy", "delete", "together-one", "together-two")
            #expect(
                deleted.status == 0
                    && deleted.output == "policy together-one is deleted\npolicy together-two is deleted\n",
                "\(deleted)")
        }

        @Test func `a backup that went well on one agent and not on the other ends with 1`() async throws {
            let fleet = try fleet
            let folder = fleet.layout.shared + "/mixed"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try fleet.layout.write(
                "#!/bin/sh\n[ -e \(folder)/$BOOKEND_AGENT ]\n", to: folder + "/pre_script.sh", mode: 0o755)
            try await fleet.pool.with { one in
                try await fleet.pool.with { two in
                    try fleet.layout.write("", to: "\(folder)/\(one.id)")
                    let file = fleet.layout.directory + "/mixed.yaml"
                    try fleet.layout.write(
                        """
                        policy: mixed
                        agents: {ids: [\(one.id), \(two.id)]}
                        backup: {repository: main, sources: [/etc/hostname]}
                        scripts: {directory: \(folder), skip_backup_if_pre_fails: true}

                        """, to: file)
                    #expect(try await fleet.bookend("policy", "apply", file).status == 0)
                    let end = try await fleet.bookend("backup", "mixed", "--wait")
                    #expect(end.status == 1, "\(end)")
                    let lines = end.output.split(separator: "\n")
                    func row(_ site: AgentSite) -> Substring { lines.last { $0.hasPrefix(site.id + " ") } ?? "" }
                    #expect(row(one).contains("0 successful") && !row(one).contains("not-run"), "\(end.output)")
                    #expect(row(two).contains("26 not-run"), "\(end.output)")
                    #expect(end.output.contains("1 job did not end well"), "\(end.output)")
                }
            }
        }

        // MARK: On a terminal

        @Test func `a backup that is waited for is drawn in place, within the window's width, and in colour`()
            async throws
        {
            try await Scenario.with(pre: "open gate") { scenario in
                let backup = ["backup", scenario.policy, "--wait"]
                async let waiting = Pty.run(backup, columns: 70, environment: scenario.fleet.environment)
                // Something is drawn while the job runs.
                let begun = try await scenario.fleet.feed.first("the pre-script") {
                    $0.json["policy"] == .text(scenario.policy) && $0.stage == "pre-script" && $0.status == 11
                }
                try scenario.open("gate")
                try await scenario.ended(begun.job)
                let end = try await waiting
                #expect(end.status == 0, "\(end)")
                #expect(end.output.contains("0 of 1 job over, 0 failed"), "\(end.output)")
                // The block is drawn over and taken away in the end.
                #expect(end.output.contains("\u{1B}[2A\u{1B}[J"), "\(end.output)")
                #expect(end.output.contains("\u{1B}[32m0 successful\u{1B}[0m"), "\(end.output)")
                let plain = end.output.replacing(/\u{1B}\[[0-9]*[mAJ]/, with: "")
                for line in plain.split(whereSeparator: \.isNewline) { #expect(line.count <= 70, "\(line)") }
            }
        }

        @Test func `NO_COLOR takes the colour away, and a program gets neither colour nor cursor movements`()
            async throws
        {
            try await Scenario.with { scenario in
                let job = try await scenario.run()
                let colored = try await Pty.run(["job", "\(job)"], environment: scenario.fleet.environment)
                #expect(colored.status == 0 && colored.output.contains("\u{1B}[32m"), "\(colored.output)")
                for variable in [["NO_COLOR": "1"], ["TERM": "dumb"]] {
                    let plain = try await Pty.run(
                        ["job", "\(job)"], environment: scenario.fleet.environment.merging(variable) { $1 })
                    #expect(plain.status == 0 && plain.output.contains("0 successful"), "\(plain.output)")
                    #expect(!plain.output.contains("\u{1B}"), "\(plain.output)")
                }
                let empty = try await Pty.run(
                    ["job", "\(job)"], environment: scenario.fleet.environment.merging(["NO_COLOR": ""]) { $1 })
                #expect(empty.output.contains("\u{1B}[32m"))
                let piped = try await scenario.fleet.bookend("backup", scenario.policy, "--wait")
                #expect(piped.status == 0 && !piped.output.contains("\u{1B}"), "\(piped.output)")
            }
        }
    }
}
