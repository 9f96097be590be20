import Glibc

/// The descriptor of a connection, as libzmq names it with each message.
///
/// By the time somebody looks it may have been closed, and its number given to another file.
enum PeerDescriptor {
    /// Ends whatever connection of this server has the number now; libzmq notices, and closes it. Anything else is left
    /// alone.
    static func end(_ descriptor: Int32, of server: Endpoint) {
        if isAccepted(descriptor, by: server) { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }

    private static func isAccepted(_ descriptor: Int32, by server: Endpoint) -> Bool {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        guard result == 0 else { return false }
        return withUnsafeBytes(of: storage) { bytes in
            switch (server.place, Int32(storage.ss_family)) {
            case (.tcp(_, let port?), AF_INET):
                UInt16(bigEndian: bytes.loadUnaligned(as: sockaddr_in.self).sin_port) == port
            case (.tcp(_, let port?), AF_INET6):
                UInt16(bigEndian: bytes.loadUnaligned(as: sockaddr_in6.self).sin6_port) == port
            case (.ipc(let path), AF_UNIX): Array(bytes.dropFirst(2).prefix { $0 != 0 }) == Array(path.utf8)
            default: false
            }
        }
    }
}
