/// Where a message came from, as the system says it and not the peer.
package enum PeerAddress: Hashable, Sendable, CustomStringConvertible {
    /// Over TCP: the numeric address.
    case host(String)
    /// Over a Unix socket: the process that connected, as the kernel saw it then.
    case process(uid: UInt32, gid: UInt32, pid: Int32)

    /// Reads libzmq's property `Peer-Address`.
    ///
    /// - Parameter isUnix: It is of a Unix socket: a name that means nothing, then `:uid:gid:pid`. Otherwise it is an address,
    ///   which may have colons too.
    init?(property text: String, isUnix: Bool) {
        guard isUnix else {
            if text.isEmpty { return nil }
            self = .host(text)
            return
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).suffix(3)
        guard parts.count == 3, let pid = Int32(parts[parts.endIndex - 1]), let gid = UInt32(parts[parts.endIndex - 2]),
            let uid = UInt32(parts[parts.endIndex - 3])
        else { return nil }
        self = .process(uid: uid, gid: gid, pid: pid)
    }

    package var description: String {
        switch self {
        case .host(let address): address
        case .process(let uid, let gid, let pid): "uid \(uid), gid \(gid), pid \(pid)"
        }
    }
}
