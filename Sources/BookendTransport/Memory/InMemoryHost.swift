import BookendModel
import Synchronization

/// An ``InMemoryNetwork`` as one process sees it, from its start to its end.
package final class InMemoryHost: Network {
    private struct State {
        var sockets: [InMemorySocket] = []
        var isDead = false
    }

    private let network: InMemoryNetwork
    private let identity: PeerIdentity?
    private let state = Mutex(State())

    package var hasKeys: Bool { false }

    init(network: InMemoryNetwork, identity: PeerIdentity?) {
        self.network = network
        self.identity = identity
    }

    package func open(_ plan: SocketPlan) async throws(TransportError) -> any MessageSocket {
        guard !state.withLock(\.isDead) else {
            throw TransportError(.stopped, "the process that opens \(plan.endpoint) has died")
        }
        let socket = try network.open(plan, identity)
        state.withLock { $0.sockets.append(socket) }
        return socket
    }

    package func stop() async {
        for socket in state.withLock(\.sockets) { await socket.close() }
    }

    /// The process dies: its sockets close at once, what they had not yet sent is lost, and it opens no more.
    package func crash() {
        let sockets = state.withLock { state in
            state.isDead = true
            return state.sockets
        }
        for socket in sockets { socket.crash() }
    }
}
