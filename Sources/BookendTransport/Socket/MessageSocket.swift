/// One socket, whatever carries its messages. Safe to use from any thread.
package protocol MessageSocket: AnyObject, Sendable {
    /// Where it is bound or connects to; a port that was `*` is the real one.
    var endpoint: Endpoint { get }

    /// What arrives, in batches; one consumer at a time. When the consumer is behind, nothing more is read from the
    /// peers. Ends when the socket closes.
    var deliveries: Deliveries { get }

    /// What happens to a client's connection; one consumer. The newest 64 events wait, older ones are dropped. On a
    /// server nothing but ``ConnectionEvent/fault(_:)`` and ``ConnectionEvent/turnedAway(address:times:)``.
    var connectionEvents: AsyncStream<ConnectionEvent> { get }

    /// Hands messages over to be sent, in order, and returns at once.
    ///
    /// A message that was taken is not a delivered one: only an answer proves that. A client's messages wait for
    /// its connection; when a connection is lost, what waited is lost with it.
    ///
    /// - Returns: How many were taken, from the first on: all, unless the outbox is full or the socket closed.
    @discardableResult
    func send(_ messages: [Message]) -> Int

    var statistics: SocketStatistics { get }

    /// Ends the connections of those whom the socket's ring does not admit any more: to be called after each change of the
    /// ring that takes somebody out. When it returns, no byte goes to them, and none of theirs is taken.
    func disconnectRevoked()

    /// A client's connection is made anew, at once: for keys that have changed. What was taken is sent first as far as the
    /// linger time allows; otherwise it is a loss like any other.
    func reconnect()

    /// Closes the socket and ends ``deliveries``. What was taken is sent first as far as the linger time allows. Closing
    /// twice does no harm.
    func close() async
}

extension MessageSocket {
    /// In memory there are no keys to revoke.
    package func disconnectRevoked() {}

    /// The same.
    package func reconnect() {}

    @discardableResult
    package func send(_ frames: [Frame], to route: Route? = nil) -> Bool {
        send([Message(frames, to: route)]) == 1
    }
}

/// Where sockets come from: a ``SocketThread``, or a host of an ``InMemoryNetwork``.
package protocol Network: Sendable {
    /// Whether its places on TCP are guarded by keys. In memory they are not.
    var hasKeys: Bool { get }

    /// Opens a socket. A server is bound when this returns; a client is on its way (see
    /// ``MessageSocket/connectionEvents``).
    func open(_ plan: SocketPlan) async throws(TransportError) -> any MessageSocket

    /// Closes all sockets and ends. Stopping twice does no harm.
    func stop() async
}

extension Network {
    package var hasKeys: Bool { true }
}

/// What a socket has counted since it was opened.
package struct SocketStatistics: Hashable, Sendable {
    package var isConnected = false
    /// Of a client over CURVE: the key by which it is connected, or was last.
    package var key: CurveKey?
    /// The same: the key by which its server has proved itself.
    package var serverKey: CurveKey?
    package var sent = 0
    package var received = 0
    /// Messages of a router for which nobody was there, or whose peer takes no more.
    package var undeliverable = 0
    /// Messages and subscriptions of a key that is not, or no longer, admitted.
    package var fromRevoked = 0
    /// Subscriptions that were not authorized.
    package var unauthorized = 0
    /// Messages with too many frames, and events for which the consumer had no room.
    package var discarded = 0
}
