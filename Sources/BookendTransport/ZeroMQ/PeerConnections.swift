import Glibc
import Synchronization

/// The TCP connections of a server's peers, so that those of a revoked key can be cut: libzmq itself asks who may come in
/// at the handshake only, and has no call that ends one connection.
///
/// A descriptor may have been closed, and its number given to another file, by the time it is to be cut: then whoever is at
/// its other end is another one, and it is left alone.
final class PeerConnections: Sendable {
    private struct Entry {
        /// The other end's, as the kernel spells it.
        var address: [UInt8]
        /// Whoever was heard with this descriptor while it had that other end. One, unless a message was read after its
        /// connection was closed and the number given to another: then it is not known which of them is there.
        var senders: [Sender]
    }

    /// As many as there are descriptors, at most.
    private let entries = Mutex<[Int32: Entry]>([:])

    /// To be called again and again for each connection over which something comes: nothing says when the number of a
    /// descriptor stands for another connection, of the same key perhaps.
    func note(_ descriptor: Int32, of sender: Sender) {
        guard let address = Self.address(descriptor) else { return }
        entries.withLock { entries in
            guard var entry = entries[descriptor], entry.address == address else {
                entries[descriptor] = Entry(address: address, senders: [sender])
                return
            }
            guard !entry.senders.contains(sender) else { return }
            entry.senders = entry.senders.suffix(3) + [sender]
            entries[descriptor] = entry
        }
    }

    /// Ends the connections of these senders: when it returns, no byte goes to them any more.
    func cut(where isMeant: (Sender) -> Bool) {
        entries.withLock { entries in
            for (descriptor, entry) in entries where entry.senders.contains(where: isMeant) {
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
