import BookendModel
import BookendTransport
import Logging
import Synchronization

/// Whom the collector lets in: its own key file's peers, and those that the coordinator tells of.
final class AdmittedPeers: Sendable {
    private let file: [Peer]
    private let ring: KeyRing
    private let logger: Logger
    private let servers = Mutex<[any MessageSocket]>([])

    /// - Parameter ring: Holds the key file's peers, and is filled with the others.
    init(ring: KeyRing, recorded: [Peer], logger: Logger) {
        file = ring.all.map(\.peer)
        self.ring = ring
        self.logger = logger
        admit(recorded)
    }

    /// These sockets are served by the ring.
    func guards(_ sockets: [any MessageSocket]) {
        servers.withLock { $0 = sockets }
    }

    /// When it returns, whoever is not among them is refused, and cut off.
    ///
    /// - Parameter recorded: All that are known beside the file's.
    func admit(_ recorded: [Peer]) {
        var book = PeerBook(recorded: recorded)
        book.take(file: file)
        let before = Set(ring.all)
        ring.replace(with: book)
        let after = Set(ring.all)
        guard before != after else { return }
        for server in servers.withLock({ $0 }) { server.disconnectRevoked() }
        logger.notice(
            "peers were enrolled, changed or revoked",
            metadata: [
                "new": "\(after.subtracting(before).count)", "gone": "\(before.subtracting(after).count)",
            ])
    }
}
