package import BookendModel
import Synchronization

/// Sockets without a network, for tests and the simulator: the same bounds, the same losses, no threads and no clock.
///
/// Messages move when they are sent, when a consumer takes its deliveries, and when a held one is released. A client
/// whose server goes away connects again as soon as another is bound there.
package final class InMemoryNetwork: Sendable {
    /// One message on its way between two hosts.
    package struct Passage: Sendable {
        package let id: Int
        package let from: PeerIdentity?
        package let to: PeerIdentity?
        /// Where the server of the two is bound.
        package let endpoint: Endpoint
        package let message: Message
    }

    package enum Fate: Sendable {
        case deliver
        case drop
        /// Kept until ``InMemoryNetwork/release(_:)``; later messages overtake it. As many as the caller holds are kept.
        case hold
    }

    /// Two ends that know each other.
    struct Connection {
        let client: InMemorySocket
        let server: InMemorySocket
        let route: Route
        /// The client, as the server knows it.
        let sender: Sender?
        /// What the client, a subscriber, asked for and was granted.
        var topics: [Frame] = []
    }

    private struct State {
        var servers: [Endpoint.Place: InMemorySocket] = [:]
        /// By the order in which they were opened, like all that is keyed by a number here: addresses would make each run
        /// of the same history another one.
        var clients: [Int: InMemorySocket] = [:]
        /// By client.
        var connections: [Int: Connection] = [:]
        var clientOfRoute: [Route: Int] = [:]
        var held: [Int: (message: Message, sender: Sender?, to: InMemorySocket)] = [:]
        var lastPassage = 0
        var lastSocket = 0
        var lastRoute: UInt64 = 0
        var lastPort: UInt16 = 40_000
    }

    private let state = Mutex(State())
    private let fate: @Sendable (Passage) -> Fate
    private let reaches: @Sendable (_ client: PeerIdentity?, _ server: Endpoint) -> Bool

    /// - Parameters:
    ///   - reaches: Whether a client can connect there at present; called with a lock held, and asked again by
    ///     ``reconnect()``.
    ///   - fate: Decides on each message as it leaves; called without any lock held.
    package init(
        reaches: @escaping @Sendable (_ client: PeerIdentity?, _ server: Endpoint) -> Bool = { _, _ in true },
        fate: @escaping @Sendable (Passage) -> Fate = { _ in .deliver }
    ) {
        self.reaches = reaches
        self.fate = fate
    }

    /// The network as one process sees it: what its sockets send comes from this identity.
    package func host(_ identity: PeerIdentity?) -> InMemoryHost {
        InMemoryHost(network: self, identity: identity)
    }

    /// Delivers a message that was held. Nothing happens when there is none; it is lost when the receiver has no room.
    ///
    /// - Parameter keepsCopy: It can be released once more.
    package func release(_ passage: Int, keepsCopy: Bool = false) {
        let held = state.withLock { state in
            keepsCopy ? state.held[passage] : state.held.removeValue(forKey: passage)
        }
        guard let held else { return }
        _ = held.to.accept(held.message, from: held.sender)
    }

    /// Breaks connections. Their clients connect again with ``reconnect()``, or when a server is bound there anew.
    package func cut(where isMeant: (_ client: PeerIdentity?, _ server: Endpoint) -> Bool) {
        let lost = state.withLock { state in
            Self.disconnect(&state) { isMeant($0.client.identity, $0.server.endpoint) }
        }
        for connection in lost {
            connection.server.forget(connection.topics)
            connection.client.lose(.disconnected)
        }
    }

    // MARK: Opening and closing

    func open(_ plan: SocketPlan, _ identity: PeerIdentity?) throws(TransportError) -> InMemorySocket {
        try plan.check()
        var plan = plan
        if plan.isServer, case .tcp(_, nil) = plan.endpoint.place {
            plan.endpoint = plan.endpoint.with(
                port: state.withLock { state in
                    state.lastPort += 1
                    return state.lastPort
                })
        }
        let number = state.withLock { state in
            state.lastSocket += 1
            return state.lastSocket
        }
        let socket = InMemorySocket(plan, identity, number: number, on: self)
        if plan.isServer {
            let isFree = state.withLock { state in
                if state.servers[socket.place] != nil { return false }
                state.servers[socket.place] = socket
                return true
            }
            guard isFree else { throw TransportError(.addressInUse, "somebody listens at \(plan.endpoint) already") }
        } else {
            state.withLock { $0.clients[number] = socket }
        }
        connectAll(at: socket.place)
        return socket
    }

    /// Lets every client that has no connection try again, those that were refused above all.
    package func reconnect() {
        for place in state.withLock({ Array($0.servers.keys) }) { connectAll(at: place) }
    }

    private func connectAll(at place: Endpoint.Place) {
        var made: [Connection] = []
        var failed: [(InMemorySocket, LossReason)] = []
        state.withLock { state in
            guard let server = state.servers[place] else { return }
            for (id, client) in state.clients
            where client.place == place && state.connections[id] == nil && reaches(client.identity, server.endpoint) {
                switch Self.handshake(client, server) {
                case .failure(let loss): failed.append((client, loss.reason))
                case .success(let sender):
                    state.lastRoute += 1
                    let number = state.lastRoute
                    let route = Route((0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) })
                    let connection = Connection(client: client, server: server, route: route, sender: sender)
                    state.connections[id] = connection
                    state.clientOfRoute[route] = id
                    made.append(connection)
                }
            }
        }
        for connection in made { connection.client.greet(connection) }
        for (client, reason) in failed { client.lose(reason) }
    }

    private struct Loss: Error {
        let reason: LossReason
    }

    /// Whom the server takes the client for; by the same keys and ring as over ZeroMQ.
    private static func handshake(_ client: InMemorySocket, _ server: InMemorySocket) -> Result<Sender?, Loss> {
        guard case .curveClient(let keys, let expected) = client.plan.guard,
            case .curveServer(let own, let ring) = server.plan.guard
        else { return .success(client.identity.map { Sender(identity: $0, key: nil) }) }
        guard expected.all.contains(own.publicKey) else { return .failure(Loss(reason: .handshakeFailed)) }
        guard let enrolled = ring.enrolled(keys.preferred.publicKey) else { return .failure(Loss(reason: .refused)) }
        return .success(Sender(identity: enrolled.identity, key: enrolled.key))
    }

    func close(_ socket: InMemorySocket) {
        let lost = state.withLock { state -> [Connection] in
            state.clients[socket.number] = nil
            if state.servers[socket.place] === socket { state.servers[socket.place] = nil }
            return Self.disconnect(&state) { $0.client === socket || $0.server === socket }
        }
        for connection in lost {
            if connection.client === socket {
                connection.server.forget(connection.topics)
                connection.server.move()
            } else {
                connection.client.lose(.disconnected)
            }
        }
    }

    private static func disconnect(_ state: inout State, where isMeant: (Connection) -> Bool) -> [Connection] {
        let lost = state.connections.values.filter(isMeant)
        for connection in lost {
            state.connections[connection.client.number] = nil
            state.clientOfRoute[connection.route] = nil
        }
        return lost
    }

    /// A consumer has room again: whoever waited for it goes on.
    func resume(at place: Endpoint.Place) {
        let waiting = state.withLock { state in
            state.clients.values.filter { $0.place == place } + (state.servers[place].map { [$0] } ?? [])
        }
        for socket in waiting { socket.move() }
    }

    // MARK: Moving

    func connection(of client: InMemorySocket) -> Connection? {
        state.withLock { $0.connections[client.number] }
    }

    func connection(at route: Route, of server: InMemorySocket) -> Connection? {
        let connection = state.withLock { state in state.clientOfRoute[route].flatMap { state.connections[$0] } }
        return connection?.server === server ? connection : nil
    }

    func subscribe(_ connection: Connection, to topic: Frame) {
        state.withLock { $0.connections[connection.client.number]?.topics.append(topic) }
    }

    func subscribers(of publisher: InMemorySocket, to topic: Frame) -> [Connection] {
        state.withLock { state in
            state.connections.values.filter { connection in
                connection.server === publisher && connection.topics.contains { topic.starts(with: $0) }
            }
        }
    }

    /// Lets a message pass, unless its fate is another. False: the receiver has no room.
    func carry(_ message: Message, from: InMemorySocket, on connection: Connection) -> Bool {
        let isUpward = from === connection.client
        let to = isUpward ? connection.server : connection.client
        guard to.hasRoom else { return false }
        let sender = isUpward ? connection.sender : nil
        if isUpward, case .curveServer(_, let ring) = to.plan.guard, let sender, !ring.isAdmitted(sender) {
            to.noteRevoked()
            return true
        }
        let id = state.withLock { state in
            state.lastPassage += 1
            return state.lastPassage
        }
        let passage = Passage(
            id: id, from: isUpward ? connection.sender?.identity : from.identity,
            to: isUpward ? to.identity : connection.sender?.identity, endpoint: connection.server.endpoint,
            message: message)
        switch fate(passage) {
        case .deliver: return to.accept(message, from: sender)
        case .drop: return true
        case .hold:
            state.withLock { $0.held[id] = (message, sender, to) }
            return true
        }
    }
}
