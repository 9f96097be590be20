import Glibc
import Synchronization

/// The TCP connections of a server's peers, so that those of a revoked key can be cut: libzmq itself asks who may come in
/// at the handshake only, and has no call that ends one connection.
///
/// A descriptor may have been closed, and its number given to another file, by the time it is to be cut: then whoever is at
/// its other end is another one, and it is left alone.
final class PeerConnections: Sendable {
    private struct Entry {
        var sender: Sender
        /// The other end's, as the kernel spells it.
        var address: [UInt8]
    }

    /// As many as there are descriptors, at most.
    private let entries = Mutex<[Int32: Entry]>([:])

    func note(_ descriptor: Int32, of sender: Sender) {
        guard let address = Self.address(descriptor) else { return }
        entries.withLock { $0[descriptor] = Entry(sender: sender, address: address) }
    }

    /// Ends the connections of these senders: when it returns, no byte goes to them any more.
    func cut(where isMeant: (Sender) -> Bool) {
        entries.withLock { entries in
            for (descriptor, entry) in entries where isMeant(entry.sender) {
                entries[descriptor] = nil
                // It may be gone already: then there is nothing to cut.
                if Self.address(descriptor) == entry.address { shutdown(descriptor, Int32(SHUT_RDWR)) }
            }
        }
    }

    private static func address(_ descriptor: Int32) -> [UInt8]? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &length) }
        }
        guard result == 0 else { return nil }
        return withUnsafeBytes(of: storage) { Array($0.prefix(Int(length))) }
    }
}
