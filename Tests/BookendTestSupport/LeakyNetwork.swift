import BookendModel
package import BookendTransport
import Synchronization

/// A network of which one server lets every client of this program in, as libzmq does when nobody answers for a server.
package final class LeakyNetwork: Network {
    private let network: any Network
    private let leak: Int
    private let servers = Mutex(0)
    private let ring = KeyRing()

    /// - Parameter leak: Of the servers that are guarded by keys, in the order in which they are opened; the first is 0.
    package init(_ network: any Network, leak: Int) {
        self.network = network
        self.leak = leak
    }

    package func open(_ plan: SocketPlan) async throws(TransportError) -> any MessageSocket {
        var plan = plan
        switch plan.guard {
        case .curveServer(let keys, admitting: _):
            let number = servers.withLock { count in
                defer { count += 1 }
                return count
            }
            if number == leak { plan.guard = .curveServer(keys, admitting: ring) }
        case .curveClient(let keys, server: _):
            let anyone = PeerIdentity(role: .subscriber, name: "anyone")
            ring.enroll(EnrolledKey(key: keys.preferred.publicKey, identity: anyone))
        case .local: break
        }
        return try await network.open(plan)
    }

    package func stop() async { await network.stop() }
}
