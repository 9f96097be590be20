import Foundation
import Glibc
import Testing

/// A coordinator whose disk is full.
@Suite(.timeLimit(.minutes(60)), .enabled(if: geteuid() == 0, "only root may mount a small disk"))
struct CoordinatorDiskTests {
    @Test func `a coordinator on a full disk refuses orders, goes on answering, and recovers`() async throws {
        try await RealFleet.with("coordinator-disk", agents: 1) { fleet in
            let scenario = try await Scenario(fleet: fleet, site: fleet.layout.sites[0])
            let state = fleet.layout.directory + "/coordinator"
            await fleet.daemon("coordinator").stop()
            try await SmallDisk.with(over: state, megabytes: 4) {
                try await fleet.startCoordinator()
                do {
                    try await fleet.comesOnline(scenario.site)
                    try await run(scenario, filler: state + "/filler")
                } catch {
                    await fleet.daemon("coordinator").stop()
                    throw error
                }
                await fleet.daemon("coordinator").stop()
            }
            try await fleet.startCoordinator()
        }
    }

    @Test func `acknowledgements that came while a coordinator's disk was full are settled when there is room`()
        async throws
    {
        try await RealFleet.with("coordinator-acks", agents: 1) { fleet in
            let scenario = try await Scenario(fleet: fleet, site: fleet.layout.sites[0])
            let state = fleet.layout.directory + "/coordinator"
            await fleet.daemon("coordinator").stop()
            try await SmallDisk.with(over: state, megabytes: 4) {
                try await fleet.startCoordinator()
                let daemon = fleet.daemon("coordinator")
                do {
                    try await settle(scenario, filler: state + "/filler")
                } catch {
                    await daemon.stop()
                    throw error
                }
                await daemon.stop()
            }
            try await fleet.startCoordinator()
        }
    }

    private func settle(_ scenario: Scenario, filler: String) async throws {
        let (fleet, site) = (scenario.fleet, scenario.site)
        try await fleet.comesOnline(site)
        let position = fleet.daemon("coordinator").errors.all.count
        await fleet.daemon(site.id).stop()
        try await fleet.goesOffline(site, after: position)
        var jobs: [Int64] = []
        for _ in 0..<3 { jobs.append(try await scenario.order("--queue-for", "10m")) }
        try SmallDisk.fill(filler)
        try await fleet.start(site)
        // They run all the same, and are sent again and again.
        try await fleet.daemon("coordinator").logged("what became of triggers could not be recorded")
        for job in jobs { try await scenario.ended(job) }
        unlink(filler)
        let last = try await scenario.run()
        for job in jobs + [last] {
            try await scenario.expect(job, is: 0, Integers(0, 0, 0))
            #expect(scenario.ledger.begins(job) == ["pre", "backup", "post"])
        }
        await fleet.daemon("coordinator").stop()
        let states = """
            import sqlite3, sys
            database = sqlite3.connect(sys.argv[1])
            for row in database.execute("SELECT state FROM triggers ORDER BY job"):
                print(row[0])
            """
        let database = fleet.layout.directory + "/coordinator/coordinator.sqlite"
        let end = try await Program.run("/usr/bin/python3", ["-c", states, database], environment: [:])
        #expect(end.output == String(repeating: "delivered\n", count: jobs.count + 1), "\(end)")
    }

    private func run(_ scenario: Scenario, filler: String) async throws {
        let fleet = scenario.fleet
        let before = try await scenario.run()
        try SmallDisk.fill(filler)
        // What is still in the database's own files may be used up first.
        var refused: Program.End?
        for _ in 0..<2_000 where refused == nil {
            let end = try await fleet.bookend("backup", scenario.policy)
            if end.status != 0 { refused = end }
        }
        let end = try #require(refused)
        #expect(end.status == 1 && end.errors.contains("could not write it down"), "\(end)")
        #expect(end.errors.contains("is the disk full"), "\(end)")
        let agents = try await fleet.json("agents")["agents"].list
        #expect(agents[0]["is_online"].bool == true)
        #expect(try await fleet.bookend("policy", "show", scenario.policy).status == 0)
        #expect(try await fleet.json("status")["coordinator_reached"].bool == true)

        unlink(filler)
        let after = try await scenario.run()
        #expect(after > before)
        try await scenario.expect(after, is: 0, Integers(0, 0, 0))
    }
}
