import Foundation
import Glibc

/// A server without a key, whose agent is to be enrolled.
struct Newcomer: Sendable {
    let fleet: RealFleet
    let site: AgentSite

    init(_ id: String, _ fleet: RealFleet) throws {
        self.fleet = fleet
        site = AgentSite(id: id, directory: "\(fleet.layout.directory)/\(id)")
        for path in [site.directory, site.scripts, site.source, site.restore] {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        }
        try fleet.layout.write("#!/bin/sh\nexec \"$@\"\n", to: site.engine, mode: 0o755)
        // Nothing of whom it listens to: that is what it is told.
        try fleet.layout.write(
            """
            state_directory: \(site.state)
            heartbeat: 2s
            guard: {commands: [\(site.engine)]}

            """, to: site.configuration)
    }

    private func words(_ token: String) -> [String] {
        ["enroll", token, "--id", site.id, "--config", site.configuration, "--label", "kind=newcomer"]
    }

    /// Enrolls to its end.
    func enroll(_ token: String) async throws -> Program.End {
        try await Program.run("bookend-agent", words(token))
    }

    /// Enrolls while the test goes on.
    func enrolling(_ token: String) -> RunningProgram {
        RunningProgram("\(site.id) enrolling", "bookend-agent", words(token))
    }

    /// Makes it as if it had never come.
    func forget() throws {
        if FileManager.default.fileExists(atPath: site.state) {
            try FileManager.default.removeItem(atPath: site.state)
        }
    }

    /// Runs one job of a policy that names its label.
    func runsJobs() async throws -> Program.End {
        let file = "\(site.directory)/policy.yaml"
        let policy = "for-\(site.id)"
        try fleet.layout.write(
            """
            policy: \(policy)
            agents: {ids: [\(site.id)]}
            backup: {engine: command, program: \(site.engine), arguments: [/bin/true]}

            """, to: file)
        let end = try await fleet.bookend("policy", "apply", file)
        guard end.status == 0 else { throw Missed(description: "\(end)") }
        return try await fleet.bookend("backup", policy, "--wait")
    }
}

extension RealFleet {
    /// A new token's text.
    func token(_ words: String...) async throws -> String {
        let end = try await Program.run(
            "bookend", ["agent", "token", "create", "--output", "json"] + words, environment: environment)
        guard end.status == 0, let text = try JSON(parsing: end.output)["text"].text else {
            throw Missed(description: "no token: \(end)")
        }
        return text
    }

    /// The process at which newcomers knock.
    var enroller: pid_t? {
        Processes.find(argument: layout.directory).first { Processes.commandLine($0).contains("enroller") }
    }

    /// Whether somebody listens where newcomers knock.
    var isGateOpen: Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = layout.ports.enroll.bigEndian
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    func gate(isOpen: Bool) async throws {
        for _ in 0..<1_000 {
            if isGateOpen == isOpen { return }
            try await Task.sleep(for: .milliseconds(20))  // A listener can only be looked for.
        }
        throw Missed(description: "the gate did not become \(isOpen ? "open" : "closed")")
    }
}
