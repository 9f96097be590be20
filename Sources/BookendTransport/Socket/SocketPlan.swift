package import BookendModel

/// How a socket is guarded.
package enum Guard: Sendable {
    /// A server on TCP: proves itself by its key, admits the keys of the ring.
    case curveServer(CurveKeyPair, admitting: KeyRing)
    /// A client on TCP: proves itself by one of its keys, talks to a server with one of these keys only.
    case curveClient(ClientKeys, server: ServerKeys)
    /// A Unix socket, guarded by file permissions, or a place in this process. Never TCP.
    case local

    /// The server's key is this one, and stays.
    package static func curveClient(_ keys: ClientKeys, server: CurveKey) -> Guard {
        .curveClient(keys, server: ServerKeys(server))
    }
}

/// All that is needed to open a socket.
package struct SocketPlan: Sendable {
    package enum Kind: Sendable {
        case dealer
        case router
        /// A topic is the beginning of a message's first frame; an empty topic is everything.
        case subscriber(topics: [Frame])
        /// `welcome` is sent to each new connection first. `authorize` decides on each subscription, at once and on the
        /// socket's own thread: no waiting in there. Without it everyone who was admitted may subscribe to everything.
        case publisher(welcome: Frame?, authorize: (@Sendable (PeerIdentity?, _ topic: Frame) -> Bool)?)
    }

    package var kind: Kind
    package var endpoint: Endpoint
    package var `guard`: Guard
    /// For servers on a Unix socket.
    package var access: UnixSocketAccess
    package var limits: SocketLimits
    /// For clients: the first attempt waits for a random part of this, so that a fleet that starts does not stampede.
    package var firstAttemptWithin: Duration
    /// For clients: the pauses between attempts to connect; `nil`: one attempt, and the socket ends with its connection.
    package var retry: Backoff?

    package init(
        _ kind: Kind, _ endpoint: Endpoint, _ guard: Guard, access: UnixSocketAccess = UnixSocketAccess(),
        limits: SocketLimits = SocketLimits(), retry: Backoff? = Backoff(), firstAttemptWithin: Duration = .zero
    ) {
        self.kind = kind
        self.endpoint = endpoint
        self.guard = `guard`
        self.access = access
        self.limits = limits
        self.retry = retry
        self.firstAttemptWithin = firstAttemptWithin
    }

    var isServer: Bool {
        switch kind {
        case .router, .publisher: true
        case .dealer, .subscriber: false
        }
    }

    /// - Throws: ``TransportError`` when the parts do not fit together, TCP without keys above all.
    func check() throws(TransportError) {
        switch (`guard`, endpoint.isTCP, isServer) {
        case (.local, true, _):
            throw TransportError(.insecure, "\(endpoint) needs CURVE keys: there is no plaintext over TCP")
        case (.curveServer, false, _), (.curveClient, false, _):
            throw TransportError(.insecure, "\(endpoint) cannot use CURVE keys: only TCP does")
        case (.curveServer, true, false):
            throw TransportError(.insecure, "a client of \(endpoint) needs a client's keys and the server's public key")
        case (.curveClient, true, true):
            throw TransportError(.insecure, "a server at \(endpoint) needs a server's keys and a key ring")
        default: break
        }
        if !isServer, let reason = endpoint.reasonNotToConnect {
            throw TransportError(.invalidEndpoint, "\"\(endpoint)\" cannot be connected to: \(reason)")
        }
    }
}

/// The bounds of a socket. All have defaults that suit a fleet of two thousand.
package struct SocketLimits: Hashable, Sendable {
    /// Deliveries that wait for the consumer, at most; when there are as many, the socket is not read.
    package var inboundMessages = 4_096
    /// The same in bytes; one message more may be there.
    package var inboundBytes = 16 << 20
    /// Messages that wait to be sent, at most; what is more is not taken.
    package var outboxMessages = 16_384
    package var outboxBytes = 64 << 20
    /// The high-water marks, in messages for each connection, of what the library holds.
    package var sendQueue = 1_000
    package var receiveQueue = 1_000
    /// A peer that sends a larger frame is disconnected.
    package var frameBytes = 4 << 20
    /// The same for a publisher, to which subscriptions are sent: libzmq keeps each byte of a topic many times over.
    package var topicBytes = 4_096
    /// A message with more frames is discarded.
    package var frames = 32
    /// Servers with keys only: a peer that sends more than that without the end of its message is cut off, within seconds;
    /// on all its connections together.
    package var messageBytes = 64 << 20
    /// Servers with keys only: when all peers together send more than that, those that send most are.
    package var allMessagesBytes = 256 << 20
    /// How long a closing socket tries to send what it has.
    package var linger: Duration = .milliseconds(500)
    /// Clients only: how often to ask an idle server whether it is there, and how long to wait for its answer.
    package var heartbeat: Duration = .seconds(20)
    /// How long a handshake may take.
    package var handshake: Duration = .seconds(30)

    package init() {}
}
