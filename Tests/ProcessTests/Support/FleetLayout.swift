import BookendTestSupport
import Foundation
import Glibc

/// The files of one fleet on this machine: keys, configurations, sockets, the agents' places.
struct FleetLayout: Sendable {
    struct Ports: Sendable {
        var sync, broadcast, intake, feed, enroll: UInt16
    }

    struct PublicKeys: Sendable {
        var coordinator: String
        var collector: String
    }

    /// Where scripts may lie.
    let directory: String
    /// Of its own, since a socket's path has at most 107 characters.
    let sockets: String
    let ports: Ports
    /// Scripts of all agents; `backup.sh` is an engine that all of them allow.
    var shared: String { directory + "/shared" }
    let sites: [AgentSite]

    /// - Parameters:
    ///   - agents: Ids, and what stands in their configuration beside the usual.
    ///   - coordinator: What stands in the coordinator's configuration beside the usual.
    ///   - collector: The same for the collector's.
    ///   - parent: Where its directory is made; nil: where it is safe.
    static func make(
        _ name: String, agents: [(id: String, extra: String)], coordinator: String = "", collector: String = "",
        below parent: String? = nil
    ) async throws -> FleetLayout {
        let directory = try SafePlace.make(name, below: parent)
        var template = Array("/tmp/bookend-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw Missed(description: "no directory for sockets below /tmp")
        }
        let ports = try FreePorts.find(5)
        let layout = FleetLayout(
            directory: directory, sockets: String(decoding: template.dropLast().map(UInt8.init), as: UTF8.self),
            ports: Ports(sync: ports[0], broadcast: ports[1], intake: ports[2], feed: ports[3], enroll: ports[4]),
            sites: agents.map { AgentSite(id: $0.id, directory: "\(directory)/\($0.id)") })
        do {
            try await layout.fill(agents.map(\.extra), coordinator: coordinator, collector: collector)
        } catch {
            layout.remove()
            throw error
        }
        return layout
    }

    private func fill(_ extras: [String], coordinator: String, collector: String) async throws {
        try FileManager.default.createDirectory(
            atPath: shared, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
        let keys = PublicKeys(
            coordinator: try await makeKey("bookend-coordinator", "coordinator.key"),
            collector: try await makeKey("bookend-collector", "collector.key"))
        var admitted = ["\(keys.coordinator) coordinator/main", "\(keys.collector) collector/main"]
        for (site, extra) in zip(sites, extras) {
            try site.make(self, keys: keys, extra: extra)
            let key = try await makeKey("bookend-agent", "\(site.id)/agent.key")
            admitted.append("\(key) agent/\(site.id) kind=test")
        }
        try write(admitted.joined(separator: "\n") + "\n", to: directory + "/keys")
        try writeServers(keys, coordinator: coordinator, collector: collector)
    }

    private func writeServers(_ keys: PublicKeys, coordinator: String, collector: String) throws {
        try write(
            """
            state_directory: \(directory)/coordinator
            key_file: \(directory)/coordinator.key
            keys: \(directory)/keys
            sync: "tcp://127.0.0.1:\(ports.sync)"
            broadcast: "tcp://127.0.0.1:\(ports.broadcast)"
            control: ipc://\(sockets)/coordinator.sock
            agent_offline_after: 5s
            enrollment: {endpoint: "tcp://127.0.0.1:\(ports.enroll)", advertise: "tcp://127.0.0.1:\(ports.enroll)"}
            advertise: {sync: "tcp://127.0.0.1:\(ports.sync)", broadcast: "tcp://127.0.0.1:\(ports.broadcast)"}
            \(coordinator)

            """, to: directory + "/coordinator.yaml")
        try write(
            """
            state_directory: \(directory)/collector
            key_file: \(directory)/collector.key
            keys: \(directory)/keys
            intake: "tcp://127.0.0.1:\(ports.intake)"
            feed: "tcp://127.0.0.1:\(ports.feed)"
            query: ipc://\(sockets)/collector.sock
            local_feed: ipc://\(sockets)/feed.sock
            coordinator:
              sync: tcp://127.0.0.1:\(ports.sync)
              public_key: "\(keys.coordinator)"
            advertise: {intake: "tcp://127.0.0.1:\(ports.intake)", feed: "tcp://127.0.0.1:\(ports.feed)"}
            \(collector)

            """, to: directory + "/collector.yaml")
    }

    /// Makes a key with the program's own command; returns the public half.
    private func makeKey(_ program: String, _ file: String) async throws -> String {
        let end = try await Program.run(program, ["keygen", "--out", "\(directory)/\(file)"])
        guard end.status == 0, let line = end.output.split(separator: "\n").first else {
            throw Missed(description: "\(program) keygen: \(end.errors)")
        }
        return String(line)
    }

    func write(_ text: String, to path: String, mode: Int = 0o600) throws {
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        chmod(path, mode_t(mode))
    }

    func remove() {
        // A test's rubbish, no more.
        try? FileManager.default.removeItem(atPath: directory)
        try? FileManager.default.removeItem(atPath: sockets)
    }
}
