import BookendModel

/// Where a fleet on one machine keeps everything.
struct DevLayout: Hashable, Sendable {
    let directory: String

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    var run: String { path("run") }
    var coordinatorSocket: String { path("run/coordinator.sock") }
    var collectorSocket: String { path("run/collector.sock") }
    var feedSocket: String { path("run/feed.sock") }
    var scripts: String { path("scripts") }
    var password: String { path("repository.password") }
    /// The peers that coordinator and collector admit.
    var keys: String { path("keys") }
    var ports: String { path("ports") }
    var example: String { path("example.yaml") }

    func secretKey(_ name: String) -> String { path("secrets/\(name).key") }
    func state(_ name: String) -> String { path("state/\(name)") }
    func configuration(_ name: String) -> String { path("\(name).yaml") }
    func log(_ name: String) -> String { path("logs/\(name).log") }
    func repository(_ agent: AgentID) -> String { path("repositories/\(agent)") }
    func restore(_ agent: AgentID) -> String { path("restore/\(agent)") }

    func directories(_ agents: [AgentID]) -> [String] {
        ["", "/run", "/scripts", "/secrets", "/state", "/logs", "/repositories", "/restore"].map { directory + $0 }
            + agents.map(restore)
    }

    static func agents(_ count: Int) -> [AgentID] {
        (1...count).map { AgentID(rawValue: "agent-\($0)") }
    }
}

/// The TCP ports of a fleet on one machine.
struct DevPorts: Hashable, Sendable {
    var sync: UInt16
    var broadcast: UInt16
    var intake: UInt16
    var feed: UInt16
    /// Where newcomers knock.
    var enroll: UInt16

    static let count = 5

    init(_ ports: [UInt16]) {
        (sync, broadcast, intake, feed, enroll) = (ports[0], ports[1], ports[2], ports[3], ports[4])
    }

    /// What ``text`` wrote; `nil`: anything else.
    init?(text: String) {
        let ports = text.split(whereSeparator: \.isWhitespace).compactMap { UInt16($0) }
        guard ports.count == Self.count, !ports.contains(0), Set(ports).count == Self.count else { return nil }
        self.init(ports)
    }

    var all: [UInt16] { [sync, broadcast, intake, feed, enroll] }
    var text: String { all.map(String.init).joined(separator: " ") + "\n" }
}
