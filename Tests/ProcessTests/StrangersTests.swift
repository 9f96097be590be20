import BookendTestSupport
import Foundation
import Glibc
import Testing

/// Peers that were never admitted: the servers' memory stays bounded, and the fleet goes on.
@Suite(.timeLimit(.minutes(60))) struct StrangersTests {
    struct Flood: Sendable, CustomTestStringConvertible {
        let kind: Strangers.Kind
        let count: Int
        let what: String
        let time: Duration
        /// More memory that a server may take than before, in MiB.
        let memory: Int

        var testDescription: String { what }
    }

    private static let floods = [
        // For longer than a handshake may take.
        Flood(
            kind: .silent, count: 9_000, what: "nine thousand connections that never finish the handshake",
            time: .seconds(35), memory: 256),
        Flood(
            kind: .unknown, count: 200, what: "two hundred handshakes a second with unknown keys", time: .seconds(10),
            memory: 64),
        Flood(kind: .huge, count: 1, what: "frames of 2 GiB", time: .seconds(10), memory: 64),
    ]

    /// The most that the process ever had in memory, in MiB.
    private func peak(_ fleet: RealFleet, _ daemon: String) async throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(try await fleet.daemon(daemon).pid)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(line.split(separator: " ").compactMap { Int($0) }.first) / 1_024
    }

    @Test(arguments: floods) func `memory stays bounded and enrolled agents go on`(flood: Flood) async throws {
        try await RealFleet.with("strangers", agents: 2, machine: .alone) { fleet in
            var scenarios: [Scenario] = []
            for site in fleet.layout.sites { scenarios.append(try await Scenario(fleet: fleet, site: site)) }
            for scenario in scenarios { _ = try await scenario.run() }
            let servers = ["coordinator", "collector"]
            var before: [String: Int] = [:]
            for server in servers { before[server] = try await peak(fleet, server) }
            let keys = try String(contentsOfFile: fleet.layout.directory + "/keys", encoding: .utf8)
                .split(separator: "\n").prefix(2).compactMap { $0.split(separator: " ").first.map(String.init) }
            // All of the silent ones at one door.
            let ports =
                flood.kind == .silent
                ? [fleet.layout.ports.sync] : [fleet.layout.ports.sync, fleet.layout.ports.intake]

            try await Strangers.knock(flood.kind, count: flood.count, at: ports, keys: keys) { strangers in
                let end = ContinuousClock.now + flood.time
                while ContinuousClock.now < end {
                    for scenario in scenarios {
                        let job = try await scenario.run()
                        try await scenario.expect(job, is: 0, Integers(0, 0, 0))
                    }
                    #expect(try await fleet.bookend("status").status == 0)
                    try await Task.sleep(for: .seconds(1))
                }
                #expect(!strangers.output.all.contains("taken"), "a frame of a stranger was taken")
                #expect(strangers.errors.all.isEmpty, "\(strangers.errors.all)")
            }
            for server in servers {
                let after = try await peak(fleet, server)
                print("\(flood.what): \(server) had \(before[server]!) MiB, and \(after) MiB at most")
                #expect(after - before[server]! <= flood.memory, "\(server)")
            }
            for site in fleet.layout.sites {
                #expect(
                    !fleet.daemon("coordinator").errors.all.contains {
                        $0.contains("an agent is offline agent=\(site.id)")
                    })
            }
        }
    }

    struct Endless: Sendable, CustomTestStringConvertible {
        let kind: Strangers.Kind
        /// Megabytes over each connection.
        let count: Int
        /// More memory that a server may take than before, in MiB.
        let memory: Int

        var testDescription: String { kind.rawValue }
    }

    @Test(arguments: [
        Endless(kind: .endless, count: 600, memory: 500), Endless(kind: .several, count: 55, memory: 250),
    ])
    func `an enrolled key that never ends its message is named and cut off, and the servers go on`(
        endless: Endless
    ) async throws {
        try await RealFleet.with("endless", agents: 2, machine: .alone) { fleet in
            // The agent whose key was stolen does not run.
            let (victim, other) = (fleet.layout.sites[0], fleet.layout.sites[1])
            await fleet.daemon(victim.id).stop()
            let scenario = try await Scenario(fleet: fleet, site: other)
            let servers = ["coordinator", "collector"]
            var before: [String: Int] = [:]
            for server in servers { before[server] = try await peak(fleet, server) }
            let keys = try String(contentsOfFile: fleet.layout.directory + "/keys", encoding: .utf8)
                .split(separator: "\n").prefix(2).compactMap { $0.split(separator: " ").first.map(String.init) }
            let ports = [fleet.layout.ports.sync, fleet.layout.ports.intake]
            try await Strangers.knock(
                endless.kind, count: endless.count, at: ports, keys: keys,
                secret: "\(fleet.layout.directory)/\(victim.id)/agent.key"
            ) { strangers in
                _ = try await strangers.output.first("the end", patience: .seconds(120)) { $0 == "done" }
                #expect(strangers.output.all.filter { $0 == "cut off" }.count == 2, "\(strangers.output.all)")
                #expect(strangers.errors.all.isEmpty, "\(strangers.errors.all)")
                for server in servers {
                    try await fleet.daemon(server).logged("a peer sent without ever ending its message")
                    let line = fleet.daemon(server).errors.all.first { $0.contains("without ever ending") } ?? ""
                    #expect(line.contains("agent/\(victim.id) at 127.0.0.1:"), "\(line)")
                }
            }
            let job = try await scenario.run()
            try await scenario.expect(job, is: 0, Integers(0, 0, 0))
            for server in servers {
                let after = try await peak(fleet, server)
                print("\(endless.kind): \(server) had \(before[server]!) MiB, and \(after) MiB at most")
                #expect(after - before[server]! < endless.memory, "\(server)")
            }
            try await fleet.isAudited("message.endless", of: victim)
        }
    }

    /// libzmq ends its process when it gives a number that a peer has chosen.
    @Test func `an enrolled key that chooses its routing ids ends no server, and is named`() async throws {
        try await RealFleet.with("routes", agents: 2) { fleet in
            let (victim, other) = (fleet.layout.sites[0], fleet.layout.sites[1])
            await fleet.daemon(victim.id).stop()
            let scenario = try await Scenario(fleet: fleet, site: other)
            let keys = try String(contentsOfFile: fleet.layout.directory + "/keys", encoding: .utf8)
                .split(separator: "\n").prefix(2).compactMap { $0.split(separator: " ").first.map(String.init) }
            try await Strangers.knock(
                .routes, count: 64, at: [fleet.layout.ports.sync, fleet.layout.ports.intake], keys: keys,
                secret: "\(fleet.layout.directory)/\(victim.id)/agent.key"
            ) { strangers in
                _ = try await strangers.output.first("the end", patience: .seconds(120)) { $0 == "done" }
                #expect(strangers.errors.all.isEmpty, "\(strangers.errors.all)")
                for server in ["coordinator", "collector"] {
                    try await fleet.daemon(server).logged("who=agent/\(victim.id)")
                }
            }
            let job = try await scenario.run()
            try await scenario.expect(job, is: 0, Integers(0, 0, 0))
            try await fleet.isAudited("route.choose", of: victim)
        }
    }
}

extension RealFleet {
    /// A refusal of this kind stands in the audit log.
    fileprivate func isAudited(_ what: String, of site: AgentSite) async throws {
        var entries: [JSON] = []
        try await eventually("\(what) in the audit log") {
            entries = try await json("audit")["entries"].list.filter { $0["what"].text == what }
            return !entries.isEmpty
        }
        #expect(
            entries.allSatisfy { $0["who"].text == "agent/\(site.id)" && $0["result"].text == "refused" }, "\(entries)")
    }
}
