import BookendModel
import CZeroMQ

extension RawSocket {
    /// Makes the socket of a plan, with all its options; neither bound nor connected.
    ///
    /// - Parameters:
    ///   - domain: The name under which a server's handshakes reach the admission.
    ///   - attempt: Counts a client's attempts to connect, from zero.
    ///   - own: Of a client over CURVE: by which key it proves itself this time.
    ///   - server: The same: by which key it knows its server.
    static func make(
        _ plan: SocketPlan, in context: UnsafeMutableRawPointer, domain: String, attempt: Int,
        own: CurveKeyPair? = nil, server: CurveKey? = nil
    ) throws(TransportError) -> RawSocket {
        let socket = try RawSocket(context, plan.zeroMQType)
        do {
            try socket.apply(plan.limits)
            if case .publisher = plan.kind {
                try socket.set(ZMQ_MAXMSGSIZE, Int64(min(plan.limits.topicBytes, plan.limits.frameBytes)))
            }
            try socket.apply(plan.guard, domain: domain, own: own, server: server)
            try socket.apply(plan.kind)
            if plan.endpoint.isTCP { try socket.applyTCP(plan, attempt: attempt) }
            if !plan.isServer {
                // libzmq never tries again by itself: its pauses have no jitter, and a handshake that failed does not
                // lengthen them. The first one announces a failure; before it ends, the socket is made anew.
                try socket.set(ZMQ_RECONNECT_IVL, Int32(3_600_000))
                try socket.set(ZMQ_CONNECT_TIMEOUT, milliseconds: plan.limits.handshake)
            }
        } catch {
            socket.close(linger: .zero)
            throw error
        }
        return socket
    }

    private func apply(_ limits: SocketLimits) throws(TransportError) {
        try set(ZMQ_LINGER, milliseconds: limits.linger)
        try set(ZMQ_SNDHWM, Int32(clamping: max(limits.sendQueue, 1)))
        try set(ZMQ_RCVHWM, Int32(clamping: max(limits.receiveQueue, 1)))
        try set(ZMQ_MAXMSGSIZE, Int64(limits.frameBytes))
        try set(ZMQ_HANDSHAKE_IVL, milliseconds: limits.handshake)
    }

    private func apply(
        _ guard: Guard, domain: String, own: CurveKeyPair?, server: CurveKey?
    ) throws(TransportError) {
        switch `guard` {
        case .local: break
        case .curveServer(let keys, _):
            try set(ZMQ_CURVE_SERVER, Int32(1))
            try set(ZMQ_CURVE_SECRETKEY, Z85.decode(keys.secret.text) ?? [])
            try set(ZMQ_ZAP_DOMAIN, Array(domain.utf8))
        case .curveClient(let all, let servers):
            let (keys, server) = (own ?? all.preferred, server ?? servers.preferred)
            try set(ZMQ_CURVE_SERVERKEY, Z85.decode(server.text) ?? [])
            try set(ZMQ_CURVE_PUBLICKEY, Z85.decode(keys.publicKey.text) ?? [])
            try set(ZMQ_CURVE_SECRETKEY, Z85.decode(keys.secret.text) ?? [])
        }
    }

    private func apply(_ kind: SocketPlan.Kind) throws(TransportError) {
        switch kind {
        // Without `ZMQ_IMMEDIATE`, with which libzmq drops what is not read yet when a connection ends: that nothing dies
        // in the queue of a connection that never was, the outbox sees to.
        case .dealer: break
        case .router:
            try set(ZMQ_ROUTER_MANDATORY, Int32(1))
        case .subscriber(let topics):
            for topic in topics { try set(ZMQ_SUBSCRIBE, topic) }
        case .publisher(let welcome, let authorize):
            if authorize != nil { try set(ZMQ_XPUB_MANUAL, Int32(1)) }
            if let welcome { try set(ZMQ_XPUB_WELCOME_MSG, welcome) }
        }
    }

    private func applyTCP(_ plan: SocketPlan, attempt: Int) throws(TransportError) {
        try set(ZMQ_TCP_KEEPALIVE, Int32(1))
        try set(ZMQ_TCP_KEEPALIVE_IDLE, Int32(60))
        try set(ZMQ_TCP_KEEPALIVE_INTVL, Int32(15))
        try set(ZMQ_TCP_KEEPALIVE_CNT, Int32(4))
        try set(ZMQ_IPV6, Int32(plan.usesIPv6(attempt: attempt) ? 1 : 0))
        if plan.isServer {
            try set(ZMQ_BACKLOG, Int32(4_096))
        } else if plan.limits.heartbeat > .zero {
            // On one side only: a timer for each connection would cost a server of ten thousand a third of a core.
            try set(ZMQ_HEARTBEAT_IVL, milliseconds: plan.limits.heartbeat)
            try set(ZMQ_HEARTBEAT_TIMEOUT, milliseconds: plan.limits.heartbeat)
        }
    }
}

extension SocketPlan {
    fileprivate var zeroMQType: Int32 {
        switch kind {
        case .dealer: ZMQ_DEALER
        case .router: ZMQ_ROUTER
        case .subscriber: ZMQ_SUB
        case .publisher: ZMQ_XPUB
        }
    }

    /// libzmq takes one address of a name and never tries another, so that a client's attempts take turns: first IPv4,
    /// then IPv6.
    fileprivate func usesIPv6(attempt: Int) -> Bool {
        guard case .tcp(let host, _) = endpoint.place else { return false }
        if host.contains(":") || host == "*" { return true }
        let isAddress = host.utf8.allSatisfy { $0 == 0x2E || (0x30...0x39).contains($0) }
        return !isServer && !isAddress && attempt % 2 == 1
    }
}
