import Foundation
import Glibc
import Testing

/// A coordinator whose disk is full.
@Suite(.timeLimit(.minutes(30)), .enabled(if: geteuid() == 0, "only root may mount a small disk"))
struct CoordinatorDiskTests {
    @Test func `a coordinator on a full disk refuses orders, goes on answering, and recovers`() async throws {
        try await RealFleet.with("coordinator-disk", agents: 1) { fleet in
            let scenario = try await Scenario(fleet: fleet, site: fleet.layout.sites[0])
            let state = fleet.layout.directory + "/coordinator"
            await fleet.daemon("coordinator").stop()
            try FileManager.default.moveItem(atPath: state, toPath: state + ".moved")
            mkdir(state, 0o700)
            try #require(mount("tmpfs", state, "tmpfs", 0, "size=4m,mode=0700") == 0)
            do {
                for name in try FileManager.default.contentsOfDirectory(atPath: state + ".moved") {
                    try FileManager.default.copyItem(atPath: "\(state).moved/\(name)", toPath: "\(state)/\(name)")
                }
                try await fleet.startCoordinator()
                try await fleet.comesOnline(scenario.site)
                try await run(scenario, filler: state + "/filler")
            } catch {
                await fleet.daemon("coordinator").stop()
                umount2(state, Int32(MNT_DETACH))
                throw error
            }
            await fleet.daemon("coordinator").stop()
            try #require(umount2(state, Int32(MNT_DETACH)) == 0)
            try await fleet.startCoordinator()
        }
    }

    private func run(_ scenario: Scenario, filler: String) async throws {
        let fleet = scenario.fleet
        let before = try await scenario.run()
        fill(filler)
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

    /// Writes until there is no room.
    private func fill(_ path: String) {
        let descriptor = open(path, O_WRONLY | O_CREAT, 0o600)
        let block = [UInt8](repeating: 1, count: 4_096)
        while write(descriptor, block, block.count) == block.count {}
        close(descriptor)
    }
}
