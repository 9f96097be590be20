import BookendTestSupport
import Foundation
import Glibc
import Testing

/// An agent whose disk is full.
@Suite(.timeLimit(.minutes(60)), .enabled(if: geteuid() == 0, "only root can mount a small disk"))
struct AgentDiskTests {
    /// Runs the body with an agent whose state lies on a small disk, and a file that fills it.
    private func withSmallDisk(
        _ name: String, _ body: (RealFleet, AgentSite, _ ballast: String) async throws -> Void
    ) async throws {
        try await RealFleet.with(name, agents: 1) { fleet in
            let site = fleet.layout.sites[0]
            await fleet.daemon(site.id).stop()
            try await SmallDisk.with(over: site.state, megabytes: 16) {
                try await fleet.start(site)
                do {
                    try await body(fleet, site, site.state + "/ballast")
                } catch {
                    await fleet.daemon(site.id).stop()
                    throw error
                }
                await fleet.daemon(site.id).stop()
            }
            try await fleet.start(site)
        }
    }

    @Test
    func `an agent whose disk fills up ends what runs, begins nothing new, and goes on when there is room`()
        async throws
    {
        try await RealFleet.with("full-agent", agents: 1) { fleet in
            let site = fleet.layout.sites[0]
            await fleet.daemon(site.id).stop()
            try await SmallDisk.with(over: site.state, megabytes: 8) {
                try await fleet.start(site)
                let ballast = site.state + "/ballast"
                let scenario = try await Scenario(
                    fleet: fleet, site: site,
                    pre: "[ -e $here/filled ] || cat /dev/zero >\(ballast) 2>/dev/null; : >$here/filled")
                let job = try await scenario.run("--queue-for", "10m")
                try await scenario.expect(job, is: 0, Integers(0, 0, 0))
                #expect(scenario.ledger.begins(job) == ["pre", "backup", "post"])

                let next = try await scenario.order("--queue-for", "10m")
                try await fleet.daemon(site.id).logged("an order could not be recorded")
                #expect(scenario.ledger.begins(next) == [])
                unlink(ballast)
                try await scenario.ended(next)
                try await scenario.expect(next, is: 0, Integers(0, 0, 0))
                await fleet.daemon(site.id).stop()
            }
            try await fleet.start(site)
        }
    }

    /// Pages in the journal's files that it can write without more space on the disk.
    private func makeRoom(inJournalOf site: AgentSite) async throws {
        let program = """
            import sqlite3, sys
            database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
            database.execute("CREATE TABLE room (room)")
            database.execute("INSERT INTO room VALUES (zeroblob(2000000))")
            database.execute("DROP TABLE room")
            for row in database.execute("PRAGMA wal_checkpoint(RESTART)"):
                print(row[0])
            """
        let end = try await Program.run(
            "/usr/bin/python3", ["-c", program, site.state + "/journal.sqlite"], environment: [:])
        try #require(end.status == 0 && end.output == "0\n", "\(end)")
    }

    @Test func `what could not be found again does not begin, whatever room the journal has`() async throws {
        try await withSmallDisk("full-before") { fleet, site, ballast in
            let scenario = try await Scenario(fleet: fleet, site: site, pre: "[ ! -e $here/slow ] || open go")
            let before = try await scenario.run()
            try await scenario.expect(before, is: 0, Integers(0, 0, 0))
            #expect(records(site) == [])
            try await makeRoom(inJournalOf: site)
            try SmallDisk.fill(ballast)
            try scenario.open("slow")

            let job = try await scenario.run("--queue-for", "10m")
            try scenario.open("go")
            #expect(scenario.ledger.begins(job) == [])
            let view = try await scenario.expect(job, is: 24, Integers(4, 24, 4))
            #expect(view.last.backup.reason.contains("No space left on device"), "\(view.last.backup.reason)")
            #expect(access(site.state + "/journal.sqlite-reserve", F_OK) == 0, "it was not needed")

            try await saysOfItsJournal(fleet) { $0.contains("is full") }
            #expect(try await fleet.bookend("status").output.contains("nothing new begins on \(site.id): "))

            unlink(ballast)
            let after = try await scenario.run()
            try await saysOfItsJournal(fleet) { $0.isEmpty }
            try await scenario.expect(after, is: 0, Integers(0, 0, 0))
            #expect(records(site) == [])
        }
    }

    /// Awaits what the coordinator knows of the agent's journal.
    private func saysOfItsJournal(_ fleet: RealFleet, _ fits: (String) -> Bool) async throws {
        for _ in 0..<1_200 {
            let problem = try await fleet.json("agents")["agents"].list[0]["journal_problem"].text
            if let problem, fits(problem) { return }
            try await Task.sleep(for: .milliseconds(100))  // Heartbeats are told to nobody else.
        }
        throw Missed(description: "the agent does not say so of its journal")
    }

    /// The records of stages that are there.
    private func records(_ site: AgentSite) -> [String] {
        // Without the folder there is none.
        let all = try? FileManager.default.subpathsOfDirectory(atPath: site.state + "/running")
        return (all ?? []).filter { $0.contains("/") }
    }

    /// In which stage the agent dies, as its last or its first act; and what then becomes of the job.
    struct Death: Sendable, CustomTestStringConvertible {
        var stage: String
        var integers: Integers
        var begins: [String]
        var testDescription: String { stage }
    }

    @Test(arguments: [
        Death(stage: "pre", integers: Integers(25, 25, 0), begins: ["pre", "post"]),
        Death(stage: "backup", integers: Integers(0, 25, 0), begins: ["pre", "backup", "post"]),
    ])
    func `an agent that dies on a full disk is followed by one that pays there, and each report is stored once`(
        death: Death
    ) async throws {
        try await withSmallDisk("full-death-\(death.stage)") { fleet, site, ballast in
            let strike = "kill -9 $(cat $here/agent)"
            let scenario = try await Scenario(
                fleet: fleet, site: site,
                pre: """
                    [ -e $here/filled ] || cat /dev/zero >\(ballast) 2>/dev/null
                    [ -e $here/filled ] || { : >$here/filled; \(death.stage == "pre" ? strike : ":"); }
                    """,
                backup: .command(
                    death.stage == "backup" ? "[ -e $here/struck ] || { : >$here/struck; \(strike); open never; }" : "")
            )
            let agent = fleet.daemon(site.id)
            try fleet.layout.write("\(await agent.pid)", to: scenario.directory + "/agent")
            let job = try await scenario.order("--queue-for", "10m")
            #expect(await agent.ended() == 128 + SIGKILL)
            try SmallDisk.fill(ballast)
            try await fleet.start(site)
            // It is paid on the disk that is full, and recorded at the latest once there is room.
            try await eventually("the end of the post-script") { scenario.ledger.ends(job).contains("post") }
            unlink(ballast)
            try await scenario.ended(job)
            try await scenario.expect(job, is: 25, death.integers)
            #expect(scenario.ledger.begins(job) == death.begins)
            #expect(scenario.ledger.ends(job).filter { $0 == "post" }.count == 1)
            #expect(scenario.ledger.environment("post", job)["BOOKEND_POST_RUN"] == "1")
            #expect(try await fleet.json("debts")["debts"].list.isEmpty)

            let next = try await scenario.run("--queue-for", "10m")
            try await scenario.expect(next, is: 0, Integers(0, 0, 0))
            FeedCheck.expectExact(fleet.feed.all)
        }
    }
}
