/// Where a message came from, as the system says it and not the peer.
package enum PeerAddress: Hashable, Sendable, CustomStringConvertible {
    /// Over TCP: the numeric address.
    case host(String)
    /// Over a Unix socket: the process that connected, as the kernel saw it then.
    case process(uid: UInt32, gid: UInt32, pid: Int32)

    /// Reads libzmq's property `Peer-Address`: an IP address, or `:uid:gid:pid`.
    init?(property text: String) {
        guard text.hasPrefix(":") else {
            if text.isEmpty { return nil }
            self = .host(text)
            return
        }
        let parts = text.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
        // An IPv6 address may begin with a colon too; it has two at once.
        guard parts.count == 3, let uid = UInt32(parts[0]), let gid = UInt32(parts[1]), let pid = Int32(parts[2]) else {
            self = .host(text)
            return
        }
        self = .process(uid: uid, gid: gid, pid: pid)
    }

    package var description: String {
        switch self {
        case .host(let address): address
        case .process(let uid, let gid, let pid): "uid \(uid), gid \(gid), pid \(pid)"
        }
    }
}
