import BookendModel
import CZeroMQ

/// A client's connection: watches it, and says when to make the socket anew.
///
///     waiting ──retryAt──▶ connecting ──▶ connected
///        ▲                     │ refused…     │ disconnected
///        └─────────────────────┴──────────────┘
struct Connection {
    /// A connection that was up for so long was a good one: the next pause is a short one again.
    private static let believedAfter: Duration = .seconds(30)

    var retryAt: ContinuousClock.Instant?
    private(set) var attempts = 0
    private(set) var monitor: RawSocket?
    private var backoff: Backoff?
    private var connectedAt: ContinuousClock.Instant?

    init(retry: Backoff?) {
        backoff = retry
    }

    var isConnected: Bool { connectedAt != nil }

    /// Connects a socket that was just made, and watches it.
    mutating func connect(
        _ socket: RawSocket, to endpoint: Endpoint, id: SocketID, in context: UnsafeMutableRawPointer
    ) throws(TransportError) {
        retryAt = nil
        attempts += 1
        let address = "inproc://monitor.\(id).\(attempts)"
        let events =
            ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED
            | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
            | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
        if case .inproc = endpoint.place {
            // Nothing to watch: a place in this process has no handshake and does not go away.
            try check(zmq_connect(socket.pointer, endpoint.description), endpoint)
            return
        }
        let reader = try RawSocket(context, ZMQ_PAIR)
        monitor = reader
        try check(zmq_socket_monitor(socket.pointer, address, events), endpoint)
        try check(zmq_connect(reader.pointer, address), endpoint)
        try check(zmq_connect(socket.pointer, endpoint.description), endpoint)
    }

    private func check(_ result: Int32, _ endpoint: Endpoint) throws(TransportError) {
        if result != 0 { throw TransportError(.unavailable, "cannot connect to \(endpoint): \(RawSocket.reason())") }
    }

    /// What the monitor tells next; `nil`: nothing more.
    func news() -> News? {
        while let arrival = monitor?.receive(frameLimit: 2) {
            guard let head = arrival.frames.first, head.count >= 6 else { continue }
            let event = Int32(UInt16(head[0]) | UInt16(head[1]) << 8)
            switch event {
            case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: return .connected
            case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: return .lost(.refused)
            case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
                return .lost(.handshakeFailed)
            case ZMQ_EVENT_DISCONNECTED, ZMQ_EVENT_CLOSED, ZMQ_EVENT_CONNECT_RETRIED:
                return .lost(isConnected ? .disconnected : .unreachable)
            default: continue
            }
        }
        return nil
    }

    enum News {
        case connected
        case lost(LossReason)
    }

    mutating func noteConnected(at now: ContinuousClock.Instant) {
        connectedAt = now
    }

    /// The connection is gone: how long to wait for the next attempt; `nil`: there is none.
    ///
    /// - Parameter isWrongKey: It failed for its key alone, and another one is there to try: that is no reason to wait.
    mutating func noteLost(
        at now: ContinuousClock.Instant, isWrongKey: Bool, using random: inout some RandomNumberGenerator
    ) -> Duration? {
        if let connectedAt, now - connectedAt >= Self.believedAfter { backoff?.reset() }
        connectedAt = nil
        guard let delay = isWrongKey && backoff != nil ? .zero : backoff?.next(using: &random) else { return nil }
        retryAt = now + delay
        return delay
    }

    /// The connection was given up, to make another one at once.
    mutating func renew(at now: ContinuousClock.Instant) {
        connectedAt = nil
        retryAt = now
    }

    /// Stops watching, then closes the socket: a monitor that nobody reads would block the one that writes it.
    mutating func close(_ socket: RawSocket?, linger: Duration) {
        if let socket {
            if monitor != nil { zmq_socket_monitor(socket.pointer, nil, 0) }
            socket.close(linger: linger)
        }
        monitor?.close(linger: .zero)
        monitor = nil
    }
}
