import CLinux
import Glibc

/// What came in over a server's connections and has not become a message yet.
///
/// libzmq keeps the frames of a message until the last one is there, however many they are: a peer that never sends the
/// last one would fill the memory of this process. The kernel counts what it has handed over on each connection; between
/// two messages that must stay within a bound.
struct TrafficWatch {
    /// A connection that was cut.
    struct Excess: Hashable {
        /// The name that the peer's key proved, and its address; only the address while it was not heard.
        var peer: String
        var bytes: Int64
    }

    private struct Connection {
        var peer: String
        var name: String?
        /// What had come when a message was last seen.
        var base: Int64
    }

    private var connections: [Int32: Connection] = [:]
    /// Since the last look.
    private var heard: [Int32: String] = [:]

    /// A message came over this connection.
    mutating func hear(_ descriptor: Int32, _ name: String) {
        heard[descriptor] = name
    }

    /// Cuts the connections of this port over which more than `limit` bytes came without a message.
    ///
    /// - Parameter isRead: `false`: whoever takes the messages is behind, so that nobody is heard.
    mutating func look(port: UInt16, limit: Int, isRead: Bool) -> [Excess] {
        var now: [Int32: Connection] = [:]
        var excesses: [Excess] = []
        for descriptor in Self.openDescriptors() {
            let received = clinux_tcp_received(descriptor, port)
            guard received >= 0, let peer = Self.peer(of: descriptor) else { continue }
            var connection = connections[descriptor] ?? Connection(peer: peer, base: 0)
            // The number was given to another connection.
            if connection.peer != peer { connection = Connection(peer: peer, base: 0) }
            if let name = heard[descriptor] {
                connection.name = name
                connection.base = received
            } else if !isRead {
                connection.base = received
            }
            if received - connection.base > Int64(limit) {
                shutdown(descriptor, Int32(SHUT_RDWR))
                excesses.append(
                    Excess(
                        peer: connection.name.map { "\($0) at \(peer)" } ?? peer, bytes: received - connection.base))
            }
            now[descriptor] = connection
        }
        connections = now
        heard = [:]
        return excesses
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
