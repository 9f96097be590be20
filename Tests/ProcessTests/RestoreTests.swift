import Foundation
import Glibc
import Testing

/// Copies of the coordinator's database, and a coordinator that starts from one.
@Suite(.timeLimit(.minutes(60))) struct RestoreTests {
    private func coordinator(_ fleet: RealFleet, _ words: String...) async throws -> Program.End {
        try await Program.run(
            "bookend-coordinator", words + ["--config", "\(fleet.layout.directory)/coordinator.yaml"])
    }

    @Test func `a coordinator that is restored runs nothing again and gives no id twice`() async throws {
        try await RealFleet.with("restore", agents: 1) { fleet in
            let scenario = try await Scenario(fleet: fleet, site: fleet.layout.sites[0])
            let copy = fleet.layout.directory + "/copy.sqlite"
            let first = try await scenario.run()
            let made = try await coordinator(fleet, "backup", "--to", copy)
            #expect(made.status == 0, "\(made)")
            let again = try await coordinator(fleet, "backup", "--to", copy)
            #expect(again.status == 1 && again.errors.contains("is there already"), "\(again)")

            // What the copy does not know.
            let second = try await scenario.run()
            try await scenario.apply(more: "description: newer\nwindow: 1h")
            let third = try await scenario.run("--as-scheduled")

            let inUse = try await coordinator(fleet, "restore", "--from", copy)
            #expect(inUse.status == 1 && inUse.errors.contains("uses this state directory"), "\(inUse)")
            await fleet.daemon("coordinator").stop(SIGKILL)
            let restored = try await coordinator(fleet, "restore", "--from", copy)
            #expect(restored.status == 0 && restored.output.contains("before-restore"), "\(restored)")
            #expect(restored.output.contains("bookend policy diff"))
            try await fleet.startCoordinator()
            try await fleet.comesOnline(scenario.site)

            let shown = try await fleet.bookend("policy", "show", scenario.policy).output
            #expect(!shown.contains("newer"), "\(shown)")
            let next = try await scenario.run()
            #expect(next > third && scenario.ledger.begins(next) == ["pre", "backup", "post"])
            for job in [first, second, third] {
                #expect(scenario.ledger.begins(job) == ["pre", "backup", "post"])
                try await scenario.expect(job, is: 0, Integers(0, 0, 0))
            }
            // The policy comes back above what agents had.
            try await scenario.apply(more: "description: newest")
            try await scenario.expect(try await scenario.run(), is: 0, Integers(0, 0, 0))
        }
    }

    @Test func `an earlier copy that is put in place without the command is noticed`() async throws {
        try await RealFleet.with("back-in-time", agents: 2) { fleet in
            let scenario = try await Scenario(fleet: fleet, site: fleet.layout.sites[0])
            _ = try await scenario.run()
            let database = fleet.layout.directory + "/coordinator/coordinator.sqlite"
            #expect(try await coordinator(fleet, "backup", "--to", database + ".earlier").status == 0)
            let last = try await scenario.run()
            try await scenario.apply(more: "description: newer")
            await fleet.daemon("coordinator").stop()
            for suffix in ["", "-wal", "-shm"] { unlink(database + suffix) }
            try FileManager.default.moveItem(atPath: database + ".earlier", toPath: database)
            try await fleet.startCoordinator()
            try await fleet.daemon("coordinator").logged("state went back in time")
            try await fleet.comesOnline(scenario.site)
            let next = try await scenario.run()
            #expect(next > last)
            #expect(scenario.ledger.begins(last) == ["pre", "backup", "post"])
            #expect(scenario.ledger.begins(next) == ["pre", "backup", "post"])
        }
    }

    @Test func `what is no copy is refused, and the database stays`() async throws {
        try await RealFleet.with("restore-refused", agents: 1) { fleet in
            let scenario = try await Scenario(fleet: fleet, site: fleet.layout.sites[0])
            let job = try await scenario.run()
            let place = fleet.layout.directory
            let copy = place + "/copy.sqlite"
            #expect(try await coordinator(fleet, "backup", "--to", copy).status == 0)
            await fleet.daemon("coordinator").stop()

            var bytes = try Data(contentsOf: URL(fileURLWithPath: copy))
            bytes.replaceSubrange(5_000..<9_000, with: Data(repeating: 0x5A, count: 4_000))
            try bytes.write(to: URL(fileURLWithPath: place + "/damaged"))
            try Data("no database".utf8).write(to: URL(fileURLWithPath: place + "/text"))
            for (file, message) in [
                ("damaged", "damaged"), ("text", "is not a database"), ("absent", "No such file"),
                ("collector/collector.sqlite", "is not a database of bookend-coordinator"),
            ] {
                let end = try await coordinator(fleet, "restore", "--from", "\(place)/\(file)")
                #expect(end.status == 1 && end.errors.contains(message), "\(file): \(end)")
            }
            #expect(try await coordinator(fleet, "backup", "--to", place + "/no/such/place").status == 1)
            try await fleet.startCoordinator()
            try await fleet.comesOnline(scenario.site)
            #expect(try await scenario.run() == job + 1)
        }
    }
}
