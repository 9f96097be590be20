import Foundation
import Glibc
import Testing

/// State that went back in time: the collector's from a backup, an agent's with its whole machine. Every report counts once.
@Suite struct TimeTravelTests {
    /// What the whole feed says now, from the oldest report on to the end of this job.
    private func feed(_ fleet: RealFleet, through job: Int64) async throws -> [FeedLine] {
        let watch = RunningProgram(
            "watch again", "bookend", ["watch", "--output", "json", "--from", "start"], environment: fleet.environment)
        _ = try await watch.output.first("the end of job \(job)") {
            // Not JSON: not that line.
            (try? FeedLine($0)).map { $0.job == job && $0.endsJob } ?? false
        }
        await watch.stop()
        return try watch.output.all.map(FeedLine.init)
    }

    /// Each of these jobs ended once on the feed, and no report is there twice.
    private func expectOnce(_ lines: [FeedLine], _ jobs: [Int64]) {
        for job in jobs {
            let own = lines.filter { $0.job == job }
            #expect(own.filter(\.endsJob).count == 1, "job \(job)")
            let reports = own.map { "\($0.attempt) \($0.stage ?? "job") \($0.status)" }
            #expect(reports.count == Set(reports).count, "job \(job): \(reports)")
        }
    }

    private func collector(_ fleet: RealFleet, _ words: String...) async throws -> Program.End {
        try await Program.run(
            "bookend-collector", words + ["--config", fleet.layout.directory + "/collector.yaml"])
    }

    @Test func `a collector restored from its backup gets again what came since, each report once`() async throws {
        try await RealFleet.with("restored-collector", agents: 2) { fleet in
            var scenarios: [Scenario] = []
            for site in fleet.layout.sites { scenarios.append(try await Scenario(fleet: fleet, site: site)) }
            var jobs: [Int64] = []
            for scenario in scenarios { jobs.append(try await scenario.run()) }
            let backup = fleet.layout.directory + "/monday.sqlite"
            let made = try await collector(fleet, "backup", "--to", backup)
            #expect(made.status == 0 && made.output.contains("2 jobs"), "\(made)")
            #expect(try FileManager.default.attributesOfItem(atPath: backup)[.posixPermissions] as? Int == 0o600)
            let refused = try await collector(fleet, "backup", "--to", backup)
            #expect(refused.status == 1 && refused.errors.contains("is there already"), "\(refused)")

            for scenario in scenarios + scenarios { jobs.append(try await scenario.run()) }
            var before: [JSON] = []
            for job in jobs { before.append(try await fleet.job(job).json["attempts"]) }
            let cursor = try #require(fleet.feed.all.last).cursorText

            let busy = try await collector(fleet, "restore", "--from", backup)
            #expect(busy.status == 1 && busy.errors.contains("another process"), "\(busy)")
            await fleet.daemon("collector").stop()
            let restored = try await collector(fleet, "restore", "--from", backup)
            #expect(restored.status == 0 && restored.output.contains("Next:"), "\(restored)")
            #expect(restored.output.contains("collector.sqlite.before-restore-"))
            try await fleet.startCollector()

            // The rest comes from the agents, by itself.
            jobs.append(try await runWithoutFeed(scenarios[0], fleet))
            jobs.append(try await runWithoutFeed(scenarios[1], fleet))
            var lines: [FeedLine] = []
            for job in jobs.suffix(2) { lines = try await feed(fleet, through: job) }
            expectOnce(lines, jobs)
            for (job, attempts) in zip(jobs, before) { #expect(try await fleet.job(job).json["attempts"] == attempts) }
            for site in fleet.layout.sites {
                try await fleet.daemon(site.id).logged("the collector lost reports that it had stored")
            }
            let gap = try await Program.run(
                "bookend", ["watch", "--output", "json", "--from", cursor], environment: fleet.environment)
            #expect(gap.status != 0 && gap.errors.contains("no longer kept"), "\(gap)")
        }
    }

    @Test func `a collector's database that was copied back by hand is noticed, and what came since is sent again`()
        async throws
    {
        try await RealFleet.with("copied-back", agents: 1) { fleet in
            let site = fleet.layout.sites[0]
            let scenario = try await Scenario(fleet: fleet, site: site)
            var jobs = [try await scenario.run()]
            let database = fleet.layout.directory + "/collector/collector.sqlite"
            let copy = fleet.layout.directory + "/monday.sqlite"
            await fleet.daemon("collector").stop()
            try FileManager.default.copyItem(atPath: database, toPath: copy)
            try await fleet.startCollector()
            for _ in 1...2 { jobs.append(try await scenario.run()) }
            var before: [JSON] = []
            for job in jobs { before.append(try await fleet.job(job).json["attempts"]) }
            let cursor = try #require(fleet.feed.all.last).cursorText

            await fleet.daemon("collector").stop()
            for end in ["", "-wal", "-shm"] { unlink(database + end) }
            try FileManager.default.copyItem(atPath: copy, toPath: database)
            try await fleet.startCollector()
            try await fleet.daemon("collector").logged("the database went back in time")
            try await fleet.daemon(site.id).logged("the collector lost reports that it had stored")

            jobs.append(try await runWithoutFeed(scenario, fleet))
            expectOnce(try await feed(fleet, through: jobs.last!), jobs)
            for (job, attempts) in zip(jobs, before) { #expect(try await fleet.job(job).json["attempts"] == attempts) }
            let gap = try await Program.run(
                "bookend", ["watch", "--output", "json", "--from", cursor], environment: fleet.environment)
            #expect(gap.status != 0 && gap.errors.contains("no longer kept"), "\(gap)")
        }
    }

    /// The fleet's own subscriber ended with the gap: the job's end is looked for.
    private func runWithoutFeed(_ scenario: Scenario, _ fleet: RealFleet) async throws -> Int64 {
        let job = try await scenario.order()
        _ = try await feed(fleet, through: job)
        return job
    }

    @Test func `a rubbish file is not restored, and the database stays as it is`() async throws {
        try await RealFleet.with("not-restored", agents: 1) { fleet in
            let scenario = try await Scenario(fleet: fleet, site: fleet.layout.sites[0])
            let job = try await scenario.run()
            await fleet.daemon("collector").stop()
            let file = fleet.layout.directory + "/rubbish"
            try fleet.layout.write(String(repeating: "rubbish", count: 2_000), to: file)
            let other = fleet.layout.directory + "/coordinator/coordinator.sqlite"
            for (file, word) in [
                (file, "is not a database"), (other, "not a database of bookend-collector"),
                ("/nowhere", "No such file"),
            ] {
                let end = try await collector(fleet, "restore", "--from", file)
                #expect(end.status == 1 && end.errors.contains(word), "\(end)")
            }
            try await fleet.startCollector()
            #expect(try await fleet.job(job).status == 0)
        }
    }

    @Test func `an agent whose state was put back reports what it still has, and each report counts once`() async throws
    {
        try await RealFleet.with("restored-agent", agents: 1) { fleet in
            let site = fleet.layout.sites[0]
            let scenario = try await Scenario(fleet: fleet, site: site)
            var jobs = [try await scenario.run(), try await scenario.run()]
            await fleet.daemon(site.id).stop()
            let copy = site.directory + "/snapshot"
            try FileManager.default.copyItem(atPath: site.state, toPath: copy)
            try await fleet.start(site)
            // The coordinator may not know yet that it is back.
            let lost = [try await scenario.run("--queue-for", "1m"), try await scenario.run()]
            await fleet.daemon(site.id).stop(SIGKILL)
            try FileManager.default.removeItem(atPath: site.state)
            try FileManager.default.moveItem(atPath: copy, toPath: site.state)
            try await fleet.start(site)
            try await fleet.daemon(site.id).logged("the collector holds other reports")
            jobs.append(try await scenario.run("--queue-for", "1m"))
            let lines = try await feed(fleet, through: jobs.last!)
            expectOnce(lines, jobs)
            for job in lost {
                #expect(lines.contains { $0.job == job && $0.endsJob && $0.status == 0 })
            }
            for job in jobs { #expect(try await fleet.job(job).status == 0) }
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root can mount a small disk"))
    func `a collector on a full disk says so, acknowledges nothing, and goes on when there is room`() async throws {
        try await RealFleet.with("full-collector", agents: 1) { fleet in
            let scenario = try await Scenario(fleet: fleet, site: fleet.layout.sites[0])
            let first = try await scenario.run()
            await fleet.daemon("collector").stop()
            let state = fleet.layout.directory + "/collector"
            try await SmallDisk.with(over: state, megabytes: 4) {
                try await fleet.startCollector()
                let daemon = fleet.daemon("collector")
                try SmallDisk.fill(state + "/ballast")
                // More than the first pages of the write-ahead log take.
                let site = scenario.site
                let job = try await scenario.order()
                try await fleet.daemon(site.id).logged("job ended agent=\(site.id) job.id=\(job) ")
                try await daemon.logged("reports could not be stored")
                // What is in the feed was stored: the end of the job cannot be.
                #expect(!fleet.feed.all.contains { $0.job == job && $0.endsJob })
                unlink(state + "/ballast")
                try await scenario.ended(job)
                try await daemon.logged("reports are stored again")
                expectOnce(try await feed(fleet, through: job), [first, job])
                await daemon.stop()
            }
            try await fleet.startCollector()
        }
    }
}
