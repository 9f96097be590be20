/// Sockets without a network, for tests and the simulator.
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
        /// Kept until ``InMemoryNetwork/release(_:)``; later messages overtake it.
        case hold
    }

    package init(fate: @escaping @Sendable (Passage) -> Fate = { _ in .deliver }) {}

    /// The network as one peer sees it: what its sockets send comes from this identity.
    package func host(_ identity: PeerIdentity?) -> any Network { fatalError("not yet") }

    /// Delivers a message that was held. Nothing happens when there is none, or the connection is gone.
    package func release(_ passage: Int) {}
}
