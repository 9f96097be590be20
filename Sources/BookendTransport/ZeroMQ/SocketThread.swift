/// One thread that owns all ZeroMQ sockets of a daemon. Safe to use from any thread.
package final class SocketThread: Network {
    /// Starts the thread. It sleeps until there is something to do.
    ///
    /// - Throws: ``TransportError`` with code `.system` when the machine has no descriptors or threads left.
    package init() throws(TransportError) {}

    package func open(_ plan: SocketPlan) async throws(TransportError) -> any MessageSocket {
        try plan.check()
        throw TransportError(.stopped, "not yet")
    }

    package func stop() async {}
}

extension SocketThread {
    /// Proves that a server refuses a key that is not enrolled: connects with a fresh one, and waits to be turned away.
    ///
    /// - Throws: ``TransportError`` with code `.strangerAdmitted` when it was let in, `.unavailable` when nobody answered.
    package func checkThatStrangersAreRefused(
        at endpoint: Endpoint, server: CurveKey, within patience: Duration = .seconds(10)
    ) async throws(TransportError) {}
}
