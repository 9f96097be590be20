/// What happened to a client's connection; or, on a server, to one of its peers'.
package enum ConnectionEvent: Hashable, Sendable {
    /// The peer is there, proved its key and admitted ours. Everything sent before is to be taken as lost.
    case connected
    /// There is no connection. The next attempt follows after the delay; `nil`: there is none, and deliveries end.
    case lost(LossReason, retryIn: Duration?)
    /// On a server: a peer did what it may not do.
    case fault(PeerFault)
    /// On a server: somebody was turned away whose key is not admitted, so many times within some seconds.
    ///
    /// - Parameter address: The latest's; empty: of many addresses.
    case turnedAway(address: String, times: Int64)
}

package enum LossReason: String, Hashable, Sendable {
    /// Nobody listens there, the name has no address, or the network is down.
    case unreachable
    /// The server does not admit this key: not enrolled, or revoked.
    case refused
    /// The peer is not what we take it for (another server key, no CURVE at all), or went away during the handshake.
    case handshakeFailed
    /// A connection that was up went away.
    case disconnected
}
