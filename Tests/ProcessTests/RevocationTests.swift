import BookendModel
import Foundation
import Glibc
import Testing

/// A key that is revoked while its connections are up, on the real programs.
@Suite(.timeLimit(.minutes(60))) struct RevocationTests {
    private static let policy = """
        policy: NAME
        agents: {labels: {kind: test}}
        backup: {engine: command, program: ENGINE, arguments: [/bin/true]}

        """

    private func apply(_ name: String, _ fleet: RealFleet) async throws {
        let file = "\(fleet.layout.directory)/\(name).yaml"
        let engine = fleet.layout.shared + "/backup.sh"
        try fleet.layout.write("#!/bin/sh\nexec \"$@\"\n", to: engine, mode: 0o755)
        try fleet.layout.write(
            Self.policy.replacing("NAME", with: name).replacing("ENGINE", with: engine), to: file)
        let end = try await fleet.bookend("policy", "apply", file)
        #expect(end.status == 0, "\(end)")
    }

    private func hello() -> Envelope {
        .hello(
            Hello(
                incarnation: 1, version: "0.1.0", labels: [:], generation: 0, activeJobs: [],
                highestJob: JobID(rawValue: 0), wall: UnixTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1e3)))
        )
    }

    @Test func `a revoked agent receives nothing more and is heard no more`() async throws {
        try await RealFleet.with("revocation", agents: 2) { fleet in
            try await apply("first", fleet)
            let both = try await fleet.bookend("backup", "first", "--wait")
            #expect(both.status == 0, "\(both)")

            // Who has copied the key of a1 has what a1 has: connections that are up, and its topic.
            let thief = try Impostor(fleet.layout, keyFile: fleet.layout.sites[0].directory + "/agent.key")
            let (sync, intake, orders) = (
                try await thief.sync(), try await thief.intake(), try await thief.orders(of: "a1")
            )
            for line in [sync, intake, orders] { try await line.connects() }
            sync.send(hello())
            _ = try await sync.next("the snapshot") {
                if case .syncSnapshot(let snapshot) = $0 { snapshot } else { nil }
            }
            intake.send(.intake(.resume(IntakeResume(incarnation: 77, acknowledged: 0, epoch: 0))))
            _ = try await intake.next("the answer") { if case .intakeAck(let ack) = $0 { ack } else { nil } }
            try await apply("second", fleet)
            _ = try await orders.next("a change") { if case .policyChange(let change) = $0 { change } else { nil } }

            let position = fleet.daemon("a1").errors.count
            let end = try await fleet.bookend("agent", "revoke", "a1")
            let counts = [sync, intake, orders].map(\.messages.count)
            #expect(end.status == 0, "\(end)")
            #expect(end.output.contains("repositories") && end.output.contains("schedule"), "\(end.output)")

            // All that could be told to it, and all that it could say.
            sync.send(hello())
            intake.send(.intake(.resume(IntakeResume(incarnation: 77, acknowledged: 0, epoch: 0))))
            try await apply("third", fleet)
            let alone = try await fleet.json("backup", "first")
            #expect(alone.all("agent") == [.text("a2")], "\(alone)")
            #expect(try await fleet.bookend("backup", "first", "--agent", "a1").status == 4)
            #expect(try await fleet.bookend("agents", "a1").status == 4)
            for line in [sync, intake, orders] { try await line.isRefused() }
            try await fleet.daemon("a1").logged("refused", after: position)
            let job = try #require(alone.all("job_id").first?.int)
            _ = try await fleet.feed.first("job \(job)") { $0.job == job && $0.endsJob }
            #expect([sync, intake, orders].map(\.messages.count) == counts)

            try await survivesRestarts(fleet, thief)
            await thief.stop()
        }
    }

    /// The key file still names it: what was revoked is remembered by each daemon by itself.
    private func survivesRestarts(_ fleet: RealFleet, _ thief: Impostor) async throws {
        await fleet.daemon("collector").stop(SIGKILL)
        await fleet.daemon("coordinator").stop(SIGKILL)
        try await fleet.startCollector()
        let late = try await thief.intake()
        try await late.isRefused()
        try await fleet.startCoordinator()
        let later = try await thief.sync()
        try await later.isRefused()
        let shown = try await fleet.json("agent", "show", "a1")
        #expect(shown.all("state") == [.text("revoked")], "\(shown)")
    }

    @Test func `a collector that is cut off is named, and hears of it when it is back`() async throws {
        try await RealFleet.with("revocation-late", agents: 2) { fleet in
            try await apply("first", fleet)
            let thief = try Impostor(fleet.layout, keyFile: fleet.layout.sites[0].directory + "/agent.key")
            let intake = try await thief.intake()
            try await intake.connects()
            intake.send(.intake(.resume(IntakeResume(incarnation: 77, acknowledged: 0, epoch: 0))))
            _ = try await intake.next("the answer") { if case .intakeAck(let ack) = $0 { ack } else { nil } }
            try await fleet.daemon("collector").signal(SIGSTOP)
            let end = try await fleet.bookend("agent", "revoke", "a1")
            try await fleet.daemon("collector").signal(SIGCONT)
            #expect(end.status == 1 && end.errors.contains("collector/main"), "\(end)")
            try await intake.isRefused()
            await thief.stop()
        }
    }
}
