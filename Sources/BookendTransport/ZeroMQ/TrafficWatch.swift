import BookendModel
import CLinux
import Glibc

/// What came in over a server's connections and has not become a message yet.
///
/// libzmq keeps the frames of a message until the last one is there, however many they are: a peer that never sends the
/// last one would fill the memory of this process. The kernel counts what it has handed over on each connection; between
/// two messages that must stay within a bound, and so must what one peer has on all its connections, and all peers.
struct TrafficWatch {
    /// A connection that was cut.
    struct Excess: Hashable {
        /// By the key that the peer proved; `nil` while it was not heard.
        var name: PeerIdentity?
        /// And port.
        var address: String
        /// Over this connection.
        var bytes: Int64
    }

    struct Limits {
        /// Over one connection, and over all of one peer. Those of one address are one peer's while they were not heard.
        var peer: Int
        /// Over all connections.
        var all: Int
    }

    /// When so much is on its way, the next look is to come soon.
    private static let notable: Int64 = 1 << 20

    private struct Connection {
        /// Address and port.
        var address: String
        var name: PeerIdentity?
        /// What had come when a message was last seen.
        var base: Int64
        /// Since then.
        var bytes: Int64 = 0

        var owner: String {
            name?.description ?? String(address.prefix(upTo: address.lastIndex(of: ":") ?? address.endIndex))
        }
    }

    private var connections: [Int32: Connection] = [:]
    /// Since the last look.
    private var heard: [Int32: PeerIdentity] = [:]
    private(set) var isPending = false

    /// A message came over this connection.
    mutating func hear(_ descriptor: Int32, _ name: PeerIdentity) {
        heard[descriptor] = name
    }

    /// Cuts connections of this port: those over which too much came without a message, and the largest of those that have
    /// too much together.
    ///
    /// - Parameter isRead: `false`: whoever takes the messages is behind, so that nobody is heard.
    mutating func look(port: UInt16, limits: Limits, isRead: Bool) -> [Excess] {
        measure(port: port, isRead: isRead)
        var owners: [String: Int64] = [:]
        var all: Int64 = 0
        for connection in connections.values {
            owners[connection.owner, default: 0] += connection.bytes
            all += connection.bytes
        }
        isPending = all >= Self.notable
        guard all > Int64(min(limits.peer, limits.all)) else { return [] }
        var excesses: [Excess] = []
        for (descriptor, connection) in connections.sorted(by: { $0.value.bytes > $1.value.bytes }) {
            guard owners[connection.owner, default: 0] > Int64(limits.peer) || all > Int64(limits.all) else { continue }
            guard connection.bytes > 0 else { break }
            owners[connection.owner, default: 0] -= connection.bytes
            all -= connection.bytes
            shutdown(descriptor, Int32(SHUT_RDWR))
            excesses.append(Excess(name: connection.name, address: connection.address, bytes: connection.bytes))
        }
        return excesses
    }

    private mutating func measure(port: UInt16, isRead: Bool) {
        var now: [Int32: Connection] = [:]
        for descriptor in Self.openDescriptors() {
            let received = clinux_tcp_received(descriptor, port)
            guard received >= 0, let address = Self.peer(of: descriptor) else { continue }
            var connection = connections[descriptor] ?? Connection(address: address, base: 0)
            // The number was given to another connection.
            if connection.address != address { connection = Connection(address: address, base: 0) }
            if let name = heard[descriptor] {
                connection.name = name
                connection.base = received
            } else if !isRead {
                connection.base = received
            }
            connection.bytes = received - connection.base
            now[descriptor] = connection
        }
        connections = now
        heard = [:]
    }

    private static func openDescriptors() -> [Int32] {
        guard let directory = opendir("/proc/self/fd") else { return [] }
        defer { closedir(directory) }
        var descriptors: [Int32] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { atoi($0) }
            }
            if name > 2 { descriptors.append(name) }
        }
        return descriptors
    }

    /// Address and port; `nil`: there is none any more.
    private static func peer(of descriptor: Int32) -> String? {
        var text = [CChar](repeating: 0, count: 64)
        guard clinux_tcp_peer(descriptor, &text, text.count) == 0 else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
