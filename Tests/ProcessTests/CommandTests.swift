import Foundation
import Testing

extension OneFleet {
    /// What operators type, and what they get.
    @Suite struct CommandTests {
        private var fleet: RealFleet { get throws { try OneFleet.fleet } }

        @Test func `the exit status says how it went: 0 to 4`() async throws {
            #expect(try await fleet.bookend("agents").status == 0)
            try await Scenario.with(backup: .command("exit 1")) { scenario in
                let end = try await fleet.bookend("backup", scenario.policy, "--wait")
                #expect(end.status == 1, "\(end)")
            }
            #expect(try await fleet.bookend("agents", "--no-such-flag").status == 2)
            #expect(try await fleet.bookend("no-such-command").status == 2)
            var nobody = try fleet.environment
            nobody["BOOKEND_COORDINATOR"] = "ipc:///tmp/bookend-nobody-listens-here.sock"
            nobody["BOOKEND_COLLECTOR"] = "ipc:///tmp/bookend-nobody-listens-here.sock"
            #expect(try await Program.run("bookend", ["agents"], environment: nobody).status == 3)
            #expect(try await Program.run("bookend", ["jobs"], environment: nobody).status == 3)
            let refused = try await fleet.bookend("backup", "no-such-policy")
            #expect(refused.status == 4 && refused.errors.contains("no-such-policy"), "\(refused)")
        }

        @Test func `nothing is applied from a set in which one file is wrong`() async throws {
            let folder = try fleet.layout.directory + "/set"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            let good = "agents: {ids: [a1]}\nbackup: {repository: main, sources: [/etc/hostname]}\n"
            try fleet.layout.write("policy: set-one\n" + good, to: folder + "/one.yaml")
            try fleet.layout.write(
                "policy: set-two\nagents: {ids: [a1]}\nbackup: {repositry: main}\n", to: folder + "/two.yaml")
            let end = try await fleet.bookend("policy", "apply", folder)
            #expect(end.status != 0)
            let text = end.errors + end.output
            #expect(text.contains("two.yaml:3:") && text.contains("repository"), "\(text)")
            let names = try await fleet.json("policy", "list").all("policy") + fleet.json("policy", "list").all("name")
            #expect(!names.contains(.text("set-one")) && !names.contains(.text("set-two")))

            try fleet.layout.write("policy: set-two\n" + good, to: folder + "/two.yaml")
            #expect(try await fleet.bookend("policy", "apply", folder).status == 0)
            let list = try await fleet.bookend("policy", "list").output
            #expect(list.contains("set-one") && list.contains("set-two"))
            #expect(try await fleet.bookend("policy", "delete", "set-one").status == 0)
            #expect(try await fleet.bookend("policy", "show", "set-one").status == 4)
            #expect(try await fleet.bookend("policy", "show", "set-two").output.contains("/etc/hostname"))
        }

        @Test func `what was backed up is listed, restored, and the same byte for byte`() async throws {
            try await Scenario.with(backup: .restic()) { scenario in
                let data = Data((0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) })
                let file = scenario.site.source + "/data \"with\" ümlaut"
                try data.write(to: URL(fileURLWithPath: file))
                let job = try await scenario.run()
                try await scenario.expect(job, is: 0, Integers(0, 0, 0))

                let snapshot = try #require(try await scenario.site.snapshots(of: job).first)
                let id = try #require(snapshot["id"].text)
                let listed = try await fleet.json(
                    "snapshots", "--agent", scenario.site.id, "--repository", "main")
                #expect(
                    listed.all("id").contains(.text(id)) || listed.all("snapshot_id").contains(.text(id)), "\(listed)")

                let target = scenario.site.restore + "/back"
                let end = try await fleet.bookend("restore", "\(job)", "--agent", scenario.site.id, "--to", target)
                #expect(end.status == 0, "\(end)")
                #expect(FileManager.default.contents(atPath: target + file) == data)
                #expect(FileManager.default.contents(atPath: target + scenario.site.source + "/file") != nil)

                let refused = try await fleet.bookend(
                    "restore", "\(job)", "--agent", scenario.site.id, "--to", scenario.site.directory + "/elsewhere")
                #expect(refused.status == 4, "\(refused)")
                #expect(!FileManager.default.fileExists(atPath: scenario.site.directory + "/elsewhere"))
            }
        }

        @Test func `a restore takes a number for a job, and says what else it may be`() async throws {
            try await Scenario.with(backup: .restic()) { scenario in
                let job = try await scenario.run()
                let snapshot = try #require(try await scenario.site.snapshots(of: job).first?["id"].text)
                let target = scenario.site.restore + "/\(scenario.policy)"
                let unknown = try await scenario.fleet.bookend("restore", "98765432", "--to", target)
                #expect(unknown.status == 4 && unknown.errors.contains("there is no job 98765432"), "\(unknown)")
                let named = try await scenario.fleet.bookend(
                    "restore", "--snapshot", String(snapshot.prefix(8)), "--agent", scenario.site.id, "--to", target)
                #expect(named.status == 0, "\(named)")
                #expect(FileManager.default.contents(atPath: target + scenario.site.source + "/file") != nil)
            }
        }

        @Test func `a restore that finds nothing says what to do, and leaves nothing behind`() async throws {
            try await Scenario.with(backup: .restic()) { scenario in
                let job = try await scenario.run()
                let (fleet, site) = (scenario.fleet, scenario.site)
                let place = site.restore + "/\(scenario.policy)"
                for (words, what) in [
                    (["--snapshot", "deadbeef"], "repository main has no snapshot deadbeef"),
                    (["\(job)", "--include", "/nope"], "has nothing at /nope"),
                ] {
                    let end = try await Program.run(
                        "bookend", ["restore"] + words + ["--agent", site.id, "--to", place + "/a/b"],
                        environment: fleet.environment)
                    #expect(end.status == 1 && end.output.contains(what), "\(end)")
                    #expect(end.output.contains("bookend snapshots --agent"), "\(end)")
                    #expect(!FileManager.default.fileExists(atPath: place), "\(words)")
                }
                // What was there before stays.
                try FileManager.default.createDirectory(
                    atPath: place, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
                _ = try await fleet.bookend("restore", "\(job)", "--include", "/nope", "--to", place)
                #expect(try FileManager.default.contentsOfDirectory(atPath: place) == [])
            }
        }

        @Test func `backup with --wait shows many agents and ends by the worst outcome`() async throws {
            try await fleet.pool.with { one in
                try await fleet.pool.with { two in
                    let file = try fleet.layout.directory + "/both.yaml"
                    try fleet.layout.write(
                        """
                        policy: both
                        agents: {ids: [\(one.id), \(two.id)]}
                        backup: {repository: main, sources: [/etc/hostname]}

                        """, to: file)
                    #expect(try await fleet.bookend("policy", "apply", file).status == 0)
                    let good = try await fleet.bookend("backup", "both", "--wait")
                    #expect(good.status == 0, "\(good)")
                    #expect(
                        (good.output + good.errors).contains(one.id) && (good.output + good.errors).contains(two.id))
                    let narrowed = try await fleet.json("backup", "both", "--agent", two.id)
                    #expect(Set(narrowed.all("agent")) == [.text(two.id)], "\(narrowed)")
                    let job = try #require(narrowed.all("job_id").first?.int)
                    _ = try await fleet.feed.first("job \(job)") { $0.job == job && $0.endsJob }
                }
            }
        }

        @Test func `agents, status and jobs say what the fleet is and did`() async throws {
            try await Scenario.with { scenario in
                let job = try await scenario.run()
                let agents = try await fleet.bookend("agents")
                #expect(agents.status == 0 && agents.output.contains(scenario.site.id))
                let status = try await fleet.bookend("status")
                #expect(status.status == 0 && status.output.contains("successful"), "\(status)")
                let jobs = try await fleet.json("jobs", "--policy", scenario.policy)
                #expect(jobs.all("job_id").compactMap(\.int) == [job])
                let yaml = try await fleet.bookend("job", "\(job)", "--output", "yaml")
                #expect(yaml.status == 0 && yaml.output.contains("job_id: \(job)"), "\(yaml)")
                let unknown = try await fleet.bookend("job", "99999999")
                #expect(unknown.status != 0 && unknown.errors.contains("99999999"))
            }
        }

        @Test func `a page of Python prints the same feed as the CLI`() async throws {
            let python = try await PythonHome.shared()
            let script = SafePlace.checkout + "/tools/subscribe.py"
            let layout = try fleet.layout
            try await Scenario.with(pre: "exit 3", backup: .restic()) { scenario in
                // From a cursor on that the CLI printed: both see the same from there.
                let earlier = try await scenario.run()
                let cursor = try #require(scenario.fleet.feed(of: earlier).last?.cursor.text)
                let follower = RunningProgram(
                    "subscribe.py", python,
                    [
                        "-u", script, "--feed", "ipc://\(layout.sockets)/feed.sock", "--query",
                        "ipc://\(layout.sockets)/collector.sock", "--from", cursor,
                    ])
                let job = try await scenario.run()
                try await scenario.expect(job, is: 5, Integers(1, 0, 0))
                do {
                    _ = try await follower.output.first("the end of job \(job)") { line in
                        // Not JSON: not that line.
                        (try? PythonLine(line)).map { $0.job == job && $0.endsJob } ?? false
                    }
                } catch {
                    throw Missed(description: "\(error): \(follower.errors.all)")
                }
                let theirs = try follower.output.all.map(PythonLine.init).filter { $0.job == job }
                let ours = scenario.fleet.feed(of: job)
                #expect(theirs.map(\.cursor) == ours.map(\.cursor))
                #expect(theirs.map(\.status) == ours.map(\.status))
                #expect(theirs.map(\.stage) == ours.map(\.stage))
                #expect(theirs.map(\.attempt) == ours.map(\.attempt))
                #expect(theirs.map { $0.report["policy"] } == ours.map { $0.json["policy"] })
                #expect(theirs.map { $0.report["agent"] } == ours.map { $0.json["agent"] })
                await follower.stop()
            }
        }
    }
}

/// One line of `tools/subscribe.py`: protobuf's own JSON.
private struct PythonLine {
    let report: JSON
    let cursor: JSON

    init(_ line: String) throws {
        let json = try JSON(parsing: line)
        (report, cursor) = (json["report"], json["cursor"])
    }

    var job: Int64 { report["job_id"].text.flatMap { Int64($0) } ?? -1 }
    var attempt: Int64 { report["attempt"].int ?? 0 }
    var status: Int64 { report["status"].int ?? -1 }
    var endsJob: Bool { stage == nil && (status < 10 || status >= 20) }
    var stage: String? {
        switch report["stage"].text {
        case "STAGE_PRE_SCRIPT": "pre-script"
        case "STAGE_BACKUP": "backup"
        case "STAGE_POST_SCRIPT": "post-script"
        default: nil
        }
    }
}
