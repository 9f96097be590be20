import Foundation

/// One agent's place on this machine: what its server would hold.
struct AgentSite: Hashable, Sendable {
    let id: String
    let directory: String

    var scripts: String { directory + "/scripts" }
    var source: String { directory + "/source" }
    var restore: String { directory + "/restore" }
    var state: String { directory + "/state" }
    var repository: String { directory + "/repository" }
    var password: String { directory + "/password" }
    var configuration: String { directory + "/agent.yaml" }
    /// The only program that its engine `command` may run: it runs its arguments.
    var engine: String { directory + "/engine.sh" }

    func make(_ layout: FleetLayout, keys: FleetLayout.PublicKeys, extra: String) throws {
        for path in [directory, scripts, source, restore] {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        }
        try layout.write("files of \(id)\n", to: source + "/file", mode: 0o644)
        try layout.write("secret\n", to: password)
        try layout.write("wrong\n", to: directory + "/wrong-password")
        try layout.write("#!/bin/sh\nexec \"$@\"\n", to: engine, mode: 0o755)
        try layout.write(
            """
            id: \(id)
            labels: {kind: test}
            state_directory: \(state)
            key_file: \(directory)/agent.key
            coordinator:
              sync: tcp://127.0.0.1:\(layout.ports.sync)
              broadcast: tcp://127.0.0.1:\(layout.ports.broadcast)
              public_key: "\(keys.coordinator)"
            collectors:
              - intake: tcp://127.0.0.1:\(layout.ports.intake)
                public_key: "\(keys.collector)"
            repositories:
              main: {location: \(repository), password_file: \(password), initialize: true}
              wrong: {location: \(repository), password_file: \(directory)/wrong-password}
              absent: {location: \(directory)/absent, password_file: \(password)}
              locked: {location: \(directory)/locked, password_file: \(password), initialize: true}
            guard:
              script_directories: [\(scripts), \(layout.shared)]
              restore_directories: [\(restore)]
              commands: [\(engine), \(directory)/not-there, \(layout.shared)/backup.sh]
            status_maps:
              legacy: {0: 100, 1: 101, 20: 120}
            heartbeat: 2s
            \(extra)

            """, to: configuration)
    }

    /// What the real restic says of a repository, by the site's password.
    func snapshots(in repository: String? = nil) async throws -> [JSON] {
        let end = try await restic(["snapshots", "--json"], repository)
        guard end.status == 0 else { return [] }
        return try JSON(parsing: end.output).list
    }

    /// The snapshots that carry a job's tag.
    func snapshots(of job: Int64) async throws -> [JSON] {
        try await snapshots().filter { $0["tags"].list.contains(.text("bookend-job=\(job)")) }
    }

    func restic(_ words: [String], _ repository: String? = nil) async throws -> Program.End {
        try await Program.run(
            "restic", ["--repo", repository ?? self.repository, "--password-file", password, "--no-cache"] + words,
            environment: ["HOME": directory])
    }
}
