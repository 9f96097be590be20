import BookendModel
import BookendTransport

/// The configuration files of a fleet on one machine.
struct DevConfigurations: Sendable {
    let layout: DevLayout
    let ports: DevPorts
    let coordinatorKey: CurveKey
    let collectorKey: CurveKey

    private static let header = "# Written anew by each `bookend dev`.\n"

    var coordinator: String {
        Self.header
            + Document.object([
                "state_directory": .text(layout.state("coordinator")),
                "key_file": .text(layout.secretKey("coordinator")), "keys": .text(layout.keys),
                "sync": local(ports.sync), "broadcast": local(ports.broadcast),
                "control": .text("ipc://" + layout.coordinatorSocket),
                "enrollment": .object(["endpoint": local(ports.enroll), "advertise": local(ports.enroll)]),
                "advertise": .object(["sync": local(ports.sync), "broadcast": local(ports.broadcast)]),
            ]).yaml
    }

    var collector: String {
        Self.header
            + Document.object([
                "state_directory": .text(layout.state("collector")), "key_file": .text(layout.secretKey("collector")),
                "keys": .text(layout.keys), "intake": local(ports.intake), "feed": local(ports.feed),
                "query": .text("ipc://" + layout.collectorSocket), "local_feed": .text("ipc://" + layout.feedSocket),
                "coordinator": .object(["sync": local(ports.sync), "public_key": .text(coordinatorKey.text)]),
                "advertise": .object(["intake": local(ports.intake), "feed": local(ports.feed)]),
            ]).yaml
    }

    func agent(_ id: AgentID, number: Int) -> String {
        Self.header
            + Document.object([
                "id": .text(id.rawValue), "labels": .object(["number": .text(String(number))]),
                "state_directory": .text(layout.state(id.rawValue)), "key_file": .text(layout.secretKey(id.rawValue)),
                "coordinator": .object([
                    "sync": local(ports.sync), "broadcast": local(ports.broadcast),
                    "public_key": .text(coordinatorKey.text),
                ]),
                "collectors": .list([
                    .object(["intake": local(ports.intake), "public_key": .text(collectorKey.text)])
                ]),
                "repositories": .object([
                    "main": .object([
                        "location": .text(layout.repository(id)), "password_file": .text(layout.password),
                        "initialize": true,
                    ])
                ]),
                "guard": .object([
                    "script_directories": .list([.text(layout.scripts)]),
                    "restore_directories": .list([.text(layout.restore(id))]),
                    "commands": .list(["/bin/true", "/bin/false", "/bin/sleep"]),
                ]),
            ]).yaml
    }

    /// A policy to begin with.
    var example: String {
        """
        policy: example
        description: The configurations of this fleet, between two scripts if there are any
        agents:
          patterns: ["*"]
        backup:
          repository: main
          sources: [\(Document.text(layout.coordinatorConfiguration).compactJSON)]
        scripts:
          directory: \(Document.text(layout.scripts).compactJSON)

        """
    }

    private func local(_ port: UInt16) -> Document { .text("tcp://127.0.0.1:\(port)") }
}

extension DevLayout {
    fileprivate var coordinatorConfiguration: String { configuration("coordinator") }
}
