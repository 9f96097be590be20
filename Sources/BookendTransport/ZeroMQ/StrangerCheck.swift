extension Network {
    /// Proves that a server refuses a key that is not enrolled: connects with a fresh one, and waits to be turned away.
    ///
    /// - Parameter kind: Of the client: one that the server's kind speaks with.
    /// - Throws: ``TransportError`` with code `.strangerAdmitted` when it was let in, `.unavailable` when nobody answered
    ///   in time.
    package func checkThatStrangersAreRefused(
        at endpoint: Endpoint, as kind: SocketPlan.Kind = .dealer, server: CurveKey,
        within patience: Duration = .seconds(20)
    ) async throws(TransportError) {
        let target = endpoint.seenFromThisMachine
        var limits = SocketLimits()
        limits.handshake = patience
        limits.linger = .zero
        let socket = try await open(
            SocketPlan(
                kind, target, .curveClient(ClientKeys(try CurveKeyPair.generate()), server: server), limits: limits,
                retry: nil))
        // With `retry: nil` the first event is the verdict, and the handshake's limit bounds the wait for it.
        var verdict: ConnectionEvent?
        for await event in socket.connectionEvents {
            verdict = event
            break
        }
        await socket.close()
        switch verdict {
        case .lost(.refused, _): return
        case .connected:
            throw TransportError(
                .strangerAdmitted, "\(endpoint) lets in a key that nobody enrolled: it must not go on; report this")
        default:
            throw TransportError(
                .unavailable, "\(target) did not answer, and whether it refuses strangers is not known")
        }
    }
}

extension Network {
    /// Each server on TCP, before it is served: without its handler libzmq would let every key in. Whoever is let in shall
    /// find nobody who listens.
    ///
    /// - Parameter doors: With the kind of client that each of them speaks with. Those that no key guards are passed over.
    /// - Throws: As for one; the sockets are the caller's to close.
    package func checkThatStrangersAreRefused(
        at doors: [(socket: any MessageSocket, client: SocketPlan.Kind)], server: CurveKey
    ) async throws(TransportError) {
        for (socket, client) in doors where hasKeys && socket.endpoint.isTCP {
            try await checkThatStrangersAreRefused(at: socket.endpoint, as: client, server: server)
        }
    }
}
