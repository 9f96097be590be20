extension SocketThread {
    /// Proves that a server refuses a key that is not enrolled: connects with a fresh one, and waits to be turned away.
    ///
    /// - Throws: ``TransportError`` with code `.strangerAdmitted` when it was let in, `.unavailable` when nobody answered
    ///   in time.
    package func checkThatStrangersAreRefused(
        at endpoint: Endpoint, server: CurveKey, within patience: Duration = .seconds(10)
    ) async throws(TransportError) {
        let target = endpoint.seenFromThisMachine
        var limits = SocketLimits()
        limits.handshake = patience
        limits.linger = .zero
        let socket = try await open(
            SocketPlan(
                .dealer, target, .curveClient(ClientKeys(try CurveKeyPair.generate()), server: server), limits: limits,
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
