import BookendModel
import BookendTransport
import BookendWire
import Synchronization

/// Somebody with a key file of the fleet, stolen or his own, who speaks with the real daemons.
final class Impostor: Sendable {
    /// One of his sockets, and what has come of it.
    final class Line: Sendable {
        let socket: any MessageSocket
        let events: Board<ConnectionEvent>
        let messages: Board<[Frame]>
        /// Awaited by nobody: both end with the socket, which its network closes.
        private let tasks: [Task<Void, Never>]

        init(_ socket: any MessageSocket, _ name: String) {
            let events = Board<ConnectionEvent>("events of \(name)")
            let messages = Board<[Frame]>("messages of \(name)")
            (self.socket, self.events, self.messages) = (socket, events, messages)
            tasks = [
                Task { for await event in socket.connectionEvents { events.append(event) } },
                Task {
                    for await batch in socket.deliveries {
                        for message in batch.compactMap(\.message) where message.frames != [Topic.welcome] {
                            messages.append(message.frames)
                        }
                    }
                },
            ]
        }

        func send(_ envelope: Envelope) { socket.send([Wire.encode(envelope)]) }

        func connects() async throws {
            _ = try await events.first("the connection") { $0 == .connected }
        }

        /// Awaits that it is turned away at the door.
        func isRefused(after position: Int = 0) async throws {
            _ = try await events.first("the refusal", after: position) {
                if case .lost(.refused, _) = $0 { true } else { false }
            }
        }

        /// The next envelope of a kind.
        func next<T: Sendable>(_ what: String, after position: Int = 0, _ kind: (Envelope) -> T?) async throws -> T {
            let frames = try await messages.first(what, after: position) { frames in
                (try? Wire.decode(frames.last ?? [])).flatMap(kind) != nil  // What cannot be read is none of it.
            }
            guard let match = kind(try Wire.decode(frames.last ?? [])) else { throw Missed(description: what) }
            return match
        }
    }

    let keys: CurveKeyPair
    private let layout: FleetLayout
    private let network: SocketThread

    init(_ layout: FleetLayout, keys: CurveKeyPair) throws {
        self.layout = layout
        self.keys = keys
        network = try SocketThread()
    }

    convenience init(_ layout: FleetLayout, keyFile: String) throws {
        try self.init(layout, keys: try CurveKeyPair.read(secretFile: keyFile))
    }

    func stop() async { await network.stop() }

    func sync() async throws -> Line { try await open("sync", .dealer, layout.ports.sync, "coordinator.key") }

    func intake() async throws -> Line { try await open("intake", .dealer, layout.ports.intake, "collector.key") }

    func orders(of agent: String) async throws -> Line {
        let topic = Frame(Topic.agent(AgentID(rawValue: agent)).utf8)
        return try await open(
            "orders", .subscriber(topics: [topic, Topic.welcome]), layout.ports.broadcast, "coordinator.key")
    }

    func open(_ name: String, _ kind: SocketPlan.Kind, _ port: UInt16, _ serverKeyFile: String) async throws -> Line {
        let server = try CurveKeyPair.read(secretFile: "\(layout.directory)/\(serverKeyFile)").publicKey
        return Line(
            try await network.open(
                SocketPlan(
                    kind, try Endpoint("tcp://127.0.0.1:\(port)"), .curveClient(ClientKeys(keys), server: server),
                    retry: Backoff(first: .milliseconds(50), limit: .milliseconds(500)))), name)
    }
}
