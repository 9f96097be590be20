import BookendModel
import BookendTransport
import BookendWire
import Foundation
import Glibc
import Testing

/// What somebody without a key gains from the network, and what somebody gains from a repository's password.
@Suite(.timeLimit(.minutes(60))) struct StolenTests {
    @Test func `who speaks without CURVE is turned away at each port, however he asks`() async throws {
        try await RealFleet.with("plaintext", agents: 1) { fleet in
            // The gate of enrollment is there while a token lives.
            _ = try await fleet.token()
            try await fleet.gate(isOpen: true)
            let all = fleet.layout.ports
            let ports = [all.sync, all.broadcast, all.intake, all.feed, all.enroll]
            try await Tape.run(.absent, at: ports) { tape in
                #expect(await tape.ended() == 0, "\(tape.errors.all)")
                #expect(tape.output.count == ports.count * 7)
                #expect(tape.output.all.allSatisfy { $0.hasPrefix("refused ") }, "\(tape.output.all)")
            }
            let scenario = try await Scenario(fleet: fleet, site: fleet.layout.sites[0])
            try await scenario.expect(try await scenario.run(), is: 0, Integers(0, 0, 0))
        }
    }

    @Test func `an order that was recorded on the network orders nothing when it is played again`() async throws {
        try await RealFleet.with("replayed-order", agents: 1) { fleet in
            let scenario = try await Scenario(fleet: fleet, site: fleet.layout.sites[0])
            let directory = fleet.layout.directory
            let end = try await Program.run("bookend-coordinator", ["keygen", "--out", "\(directory)/otto.key"])
            let key = try #require(end.output.split(separator: "\n").first)
            let keys = directory + "/keys"
            let lines = try String(contentsOfFile: keys, encoding: .utf8)
            let server = try #require(lines.split(separator: "\n").first { $0.hasSuffix("coordinator/main") }).prefix(
                40)
            let position = fleet.daemon("coordinator").errors.count
            try fleet.layout.write(lines + "\(key) operator/otto role=operator\n", to: keys + ".new")
            rename(keys + ".new", keys)
            try await fleet.daemon("coordinator").logged("the key file was read again", after: position)

            try await Tape.run(.record, at: [fleet.layout.ports.sync]) { tape in
                let port = try await Tape.port(tape)
                let order = try await Program.run(
                    "bookend",
                    [
                        "backup", scenario.policy, "--output", "json", "--coordinator",
                        "tcp://127.0.0.1:\(port)?\(server)", "--key-file", "\(directory)/otto.key",
                    ], environment: fleet.environment)
                #expect(order.status == 0, "\(order)")
                let job = try #require(try JSON(parsing: order.output).all("job_id").compactMap(\.int).first)
                try await scenario.ended(job)
                _ = try await tape.output.first("the end", patience: .seconds(150)) { $0 == "played" }
                let said = tape.output.all
                #expect(said.contains { $0.hasPrefix("recorded ") && $0.hasSuffix(" ready") }, "\(said)")
                #expect(
                    said.count { $0.hasPrefix("refused ") } == 2 && !said.contains { $0.hasPrefix("taken ") }, "\(said)"
                )
                // A job that it had ordered would have the next number.
                #expect(try await scenario.run() == job + 1)
            }
        }
    }

    @Test(arguments: [Tape.Mode.client, .server])
    func `a message that is repeated within its connection is not heard twice, and ends it`(mode: Tape.Mode)
        async throws
    {
        try await RealFleet.with("replayed-message", agents: 1) { fleet in
            let site = fleet.layout.sites[0]
            _ = try await Scenario(fleet: fleet, site: site)
            let twin = try Impostor(fleet.layout, keyFile: site.directory + "/agent.key")
            try await Tape.run(mode, at: [fleet.layout.ports.sync]) { tape in
                let line = try await twin.open("sync", .dealer, try await Tape.port(tape), "coordinator.key")
                try await line.connects()
                line.send(Self.hello)
                _ = try await tape.output.first("the repetition") { $0 == "twice" }
                _ = try await tape.output.first("the end of the connection") { $0 == "cut off" }
                _ = try await line.events.first("the loss") { if case .lost = $0 { true } else { false } }
                #expect(line.snapshots <= 1, "\(line.snapshots)")
                // The next connection is as good as ever.
                let (before, position) = (line.snapshots, line.messages.count)
                line.send(Self.hello)
                _ = try await line.next("the snapshot", after: position) {
                    if case .syncSnapshot(let snapshot) = $0 { snapshot } else { nil }
                }
                #expect(line.snapshots == before + 1)
            }
            await twin.stop()
        }
    }

    private static var hello: Envelope {
        .hello(
            Hello(
                incarnation: 1, version: "0.1.0", labels: ["filler": String(repeating: "x", count: 60)], generation: 0,
                activeJobs: [], highestJob: JobID(rawValue: 0),
                wall: UnixTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1e3))))
    }

    @Test func `the password of one repository opens no other, and nothing of the fleet`() async throws {
        try await RealFleet.with("password", agents: 2) { fleet in
            let (robbed, other) = (fleet.layout.sites[0], fleet.layout.sites[1])
            try fleet.layout.write("another\n", to: other.password)
            for site in [robbed, other] {
                let scenario = try await Scenario(fleet: fleet, site: site, backup: .restic())
                try await scenario.expect(try await scenario.run(), is: 0, Integers(0, 0, 0))
            }
            #expect(try await robbed.restic(["snapshots"]).status == 0)
            // With the stolen one.
            let end = try await robbed.restic(["snapshots"], other.repository)
            #expect(end.status != 0 && (end.output + end.errors).contains("wrong password"), "\(end)")
            // A key file is asked for, and the password is none.
            let directory = fleet.layout.directory
            let lines = try String(contentsOfFile: directory + "/keys", encoding: .utf8)
            let server = try #require(lines.split(separator: "\n").first { $0.hasSuffix("coordinator/main") }).prefix(
                40)
            let asked = try await Program.run(
                "bookend",
                [
                    "agents", "--coordinator", "tcp://127.0.0.1:\(fleet.layout.ports.sync)?\(server)", "--key-file",
                    robbed.password,
                ])
            #expect(asked.status != 0 && !asked.output.contains("a1"), "\(asked)")
        }
    }
}

extension Impostor.Line {
    /// How often the coordinator answered a hello.
    fileprivate var snapshots: Int {
        messages.all.count { frames in
            // What cannot be read is none.
            guard let envelope = try? Wire.decode(frames.last ?? []) else { return false }
            if case .syncSnapshot = envelope { return true } else { return false }
        }
    }
}
