import Foundation
import Glibc
import Testing

/// Starts that wait for each other on a real fleet.
@Suite(.timeLimit(.minutes(60))) struct LimitTests {
    @Test func `the servers of a policy with a limit of one run one after the other`() async throws {
        try await RealFleet.with("limits", agents: 3, extra: "autonomy: {grace: 2s, splay: 0s}") { fleet in
            let log = "\(fleet.layout.directory)/order"
            let body = "echo \"begin $BOOKEND_JOB_ID\" >> \(log); sleep 3; echo \"end $BOOKEND_JOB_ID\" >> \(log)"
            let scenario = try await Scenario(
                fleet: fleet, site: fleet.layout.sites[0], pre: nil, post: nil, scripts: nil)
            let ids = fleet.layout.sites.map(\.id).joined(separator: ", ")
            let program = fleet.layout.shared + "/backup.sh"
            try fleet.layout.write("#!/bin/sh\n\(body)\n", to: program, mode: 0o755)
            let start = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 + 6).rounded()).formatted(.iso8601)
            let file = "\(fleet.layout.directory)/limited.yaml"
            try fleet.layout.write(
                """
                policy: limited
                agents: {ids: [\(ids)]}
                backup: {engine: command, program: \(program)}
                window: 10m
                limits: {per_policy: 1}
                schedules: [{at: "\(start)"}]

                """, to: file)
            let applied = try await fleet.bookend("policy", "apply", file)
            try #require(applied.status == 0, "\(applied)")
            let jobs = try await fleet.json("schedule", "--policy", "limited").all("job_id").compactMap(\.int)
            try #require(jobs.count == 3)
            for job in jobs { try await scenario.ended(job) }
            let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
            #expect(lines.count == 6, "\(lines)")
            for pair in stride(from: 0, to: lines.count - 1, by: 2) {
                #expect(lines[pair].dropFirst(6) == lines[pair + 1].dropFirst(4), "\(lines)")
            }
            for job in jobs {
                #expect(try await fleet.json("job", "\(job)")["status"]["status"].int == 0)
                #expect(try await fleet.json("job", "\(job)")["cause"].text == "schedule")
            }
        }
    }

    /// Two servers, one of which waits for the other's job, which ends when it is let go.
    private func withOneHeldBack(
        _ name: String,
        _ body:
            @Sendable (_ fleet: RealFleet, _ scenario: Scenario, _ jobs: [Int64], _ log: String) async throws -> Void
    ) async throws {
        try await RealFleet.with(name, agents: 2, extra: "autonomy: {grace: 2s, splay: 1s}") { fleet in
            let log = "\(fleet.layout.directory)/order"
            let program = fleet.layout.shared + "/backup.sh"
            try fleet.layout.write(
                """
                #!/bin/sh
                echo "begin $BOOKEND_JOB_ID" >> \(log)
                while [ ! -e \(log).go ]; do sleep 0.2; done
                echo "end $BOOKEND_JOB_ID" >> \(log)

                """, to: program, mode: 0o755)
            let jobs = try await start(
                fleet,
                [
                    (
                        "limited",
                        "backup: {engine: command, program: \(program)}\nlimits: {per_policy: 1}\nschedules: [{START}]"
                    )
                ]
            ).sorted()
            try #require(jobs.count == 2)
            let scenario = try await Scenario(
                fleet: fleet, site: fleet.layout.sites[0], pre: nil, post: nil, scripts: nil)
            try await scenario.reached("backup", 11, jobs[0])
            try await comes(jobs[1], to: 10, fleet)
            try await body(fleet, scenario, jobs, log)
        }
    }

    /// What only the coordinator told of a job is not on the feed.
    private func comes(_ job: Int64, to status: Int64, _ fleet: RealFleet) async throws {
        let deadline = ContinuousClock.now + .seconds(120)
        while true {
            let end = try await fleet.bookend("job", "\(job)", "--output", "json")
            // Until the collector has heard of it there is no such job.
            if end.status == 0, try JSON(parsing: end.output)["status"]["status"].int == status { return }
            try #require(ContinuousClock.now < deadline, "job \(job) does not come to \(status): \(end)")
        }
    }

    @Test func `a start that is held back when the coordinator is killed runs all the same, and none runs twice`()
        async throws
    {
        try await withOneHeldBack("held-alone") { fleet, scenario, jobs, log in
            #expect(await fleet.daemon("coordinator").stop(SIGKILL) == 137)
            // The first still runs: limits over several servers hold only while they hear their coordinator.
            try await scenario.reached("backup", 11, jobs[1])
            try fleet.layout.write("", to: log + ".go")
            for job in jobs { try await scenario.ended(job) }
            try await fleet.startCoordinator()
            for site in fleet.layout.sites { try await fleet.comesOnline(site) }
            _ = try await scenario.run()
            let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
            for job in jobs {
                #expect(lines.filter { $0 == "begin \(job)" }.count == 1, "\(lines)")
                #expect(fleet.feed(of: job).filter(\.endsJob).count == 1)
                #expect(try await fleet.json("job", "\(job)")["status"]["status"].int == 0)
            }
            #expect(try await fleet.json("job", "\(jobs[1])")["cause"].text == "autonomous")
        }
    }

    @Test func `a start that is held back when its policy is paused is shown as skipped, and who cancels it is told`()
        async throws
    {
        try await withOneHeldBack("held-paused") { fleet, scenario, jobs, log in
            let pause = try await fleet.bookend("policy", "pause", "limited", "--for", "1h", "--reason", "r")
            try #require(pause.status == 0, "\(pause)")
            try await comes(jobs[1], to: 2, fleet)
            let shown = try await fleet.bookend("job", "\(jobs[1])").output
            #expect(shown.contains("withdrawn before it began"), "\(shown)")
            #expect(try await fleet.json("jobs", "--active").all("job_id").compactMap(\.int) == [jobs[0]])
            let cancel = try await fleet.bookend("cancel", "\(jobs[1])")
            #expect(cancel.status == 0 && cancel.output.contains("is over: 2 skipped"), "\(cancel)")
            try fleet.layout.write("", to: log + ".go")
            try await scenario.ended(jobs[0])
            // Nobody holds it back any more, and without a coordinator its agent does not begin it either.
            #expect(await fleet.daemon("coordinator").stop(SIGKILL) == 137)
            try await Task.sleep(for: .seconds(6))  // Longer than it would wait alone: there is nothing to await.
            let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
            #expect(lines == ["begin \(jobs[0])", "end \(jobs[0])"])
            try await fleet.startCoordinator()
        }
    }

    /// Applies policies that all start at one time; returns their jobs.
    private func start(_ fleet: RealFleet, _ policies: [(name: String, more: String)], after delay: Double = 8)
        async throws
        -> [Int64]
    {
        let date = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 + delay).rounded())
        let start = date.formatted(.iso8601)
        let ids = fleet.layout.sites.map(\.id).joined(separator: ", ")
        for (name, more) in policies {
            let file = "\(fleet.layout.directory)/\(name).yaml"
            try fleet.layout.write(
                """
                policy: \(name)
                agents: {ids: [\(ids)]}
                window: 10m
                \(more.replacing("START", with: "at: \"\(start)\""))

                """, to: file)
            let applied = try await fleet.bookend("policy", "apply", file)
            try #require(applied.status == 0, "\(applied)")
        }
        return try await fleet.json("schedule").all("job_id").compactMap(\.int)
    }

    /// The most that ran at one time, of lines that begin with `begin` or `end`.
    private func most(_ lines: [String]) -> Int {
        var (now, most) = (0, 0)
        for line in lines {
            now += line.hasPrefix("begin") ? 1 : -1
            most = max(most, now)
        }
        return most
    }

    @Test func `no more jobs of the fleet run at once than the coordinator's configuration says`() async throws {
        try await RealFleet.with(
            "jobs-at-once", agents: 4, extra: "autonomy: {grace: 3s, splay: 0s}", coordinator: "jobs_at_once: 2"
        ) { fleet in
            let log = "\(fleet.layout.directory)/order"
            let program = fleet.layout.shared + "/backup.sh"
            try fleet.layout.write(
                "#!/bin/sh\necho begin >> \(log); sleep 3; echo end >> \(log)\n", to: program, mode: 0o755)
            let jobs = try await start(
                fleet, [("all", "backup: {engine: command, program: \(program)}\nschedules: [{START}]")])
            try #require(jobs.count == 4)
            let scenario = try await Scenario(
                fleet: fleet, site: fleet.layout.sites[0], pre: nil, post: nil, scripts: nil)
            for job in jobs { try await scenario.ended(job) }
            let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
            #expect(lines.count == 8 && most(lines) == 2, "\(lines)")
            for job in jobs { #expect(try await fleet.json("job", "\(job)")["cause"].text == "schedule") }
        }
    }

    @Test func `one job at a time writes into a repository, and restic gets each start's own bandwidth`() async throws {
        try await RealFleet.with("per-repository", agents: 2, extra: "autonomy: {grace: 3s, splay: 0s}") { fleet in
            let log = "\(fleet.layout.directory)/order"
            let restic = fleet.layout.shared + "/restic"
            try fleet.layout.write(
                """
                #!/bin/sh
                [ "$1" = backup ] || exec restic "$@"
                echo "begin $*" >> \(log)
                sleep 2
                restic "$@"
                code=$?
                echo "end" >> \(log)
                exit $code

                """, to: restic, mode: 0o755)
            for site in fleet.layout.sites { try await fleet.reconfigure(site) { $0 + "\nrestic: \(restic)\n" } }
            let backup = "backup: {repository: main, sources: [/etc/hostname]}\nlimits: {per_repository: 1}\n"
            let jobs = try await start(
                fleet,
                [
                    ("wide", backup + "bandwidth_limit: 5MiB\nschedules: [{START}]"),
                    ("narrow", backup + "bandwidth_limit: 5MiB\nschedules: [{START, bandwidth_limit: 512KiB}]"),
                    ("free", backup + "schedules: [{START}]"),
                ], after: 12)
            try #require(jobs.count == 6)
            let scenario = try await Scenario(
                fleet: fleet, site: fleet.layout.sites[0], pre: nil, post: nil, scripts: nil)
            for job in jobs { try await scenario.ended(job) }
            for job in jobs { #expect(try await fleet.json("job", "\(job)")["status"]["status"].int == 0) }
            let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
            #expect(most(lines) == 1, "\(lines)")
            for (policy, limit) in [("wide", "5120"), ("narrow", "512"), ("free", nil)] as [(String, String?)] {
                let own = lines.filter { $0.contains("bookend-policy=\(policy)") }
                #expect(own.count >= 2, "\(lines)")
                for line in own {
                    let words = line.split(separator: " ").map(String.init)
                    let place = words.firstIndex(of: "--limit-upload")
                    #expect(place.map { words[$0 + 1] } == limit, "\(line)")
                    #expect(!words.contains("--limit-download"))
                }
            }
        }
    }
}
