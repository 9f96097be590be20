package import BookendModel
import Glibc
import Synchronization

/// By which keys a peer knows its servers: each as its configuration names it, and what has become of that since.
///
/// ```
/// configured ──the server tells its next key──▶ configured, next ──it has proved that one──▶ configured, now next
/// ```
///
/// Until a server has proved its next key, both are taken for it; from then on that one alone, also after a restart: whoever
/// holds the key before it is a stranger. Safe to use from any thread.
package final class KnownServers: Sendable {
    fileprivate struct Server {
        let configured: CurveKey
        var present: CurveKey
        var next: CurveKey?
        let keys: ServerKeys

        init(configured: CurveKey, present: CurveKey, next: CurveKey?) {
            self.configured = configured
            self.present = present
            self.next = next
            keys = ServerKeys([present, next].compactMap(\.self))
        }

        var line: String { "\(configured) \(present) \(next?.text ?? "-")\n" }
    }

    /// What the file is called in a state directory.
    package static let fileName = "server-keys"
    /// Servers that a file may name.
    private static let limit = 100

    /// `nil`: what is learned is gone with this object.
    private let file: String?
    private let servers: Mutex<[Server]>

    package init() {
        file = nil
        servers = Mutex([])
    }

    /// - Parameter file: One that is not there yet is made when there is something to keep.
    /// - Throws: ``TransportError`` with code `.keyFile` when it cannot be read.
    package init(file: String) throws(TransportError) {
        self.file = file
        servers = Mutex(access(file, F_OK) == 0 ? try KnownServers.read(file) : [])
    }

    private static func read(_ file: String) throws(TransportError) -> [Server] {
        var servers: [Server] = []
        let text = try SmallFile.read(file, limit: 64 << 10).text
        for (index, line) in text.split(whereSeparator: \.isNewline).enumerated() {
            let words = line.split(separator: " ")
            do throws(TransportError) {
                guard words.count == 3 else { throw TransportError(.invalidKey, "expected three keys, or two and a -") }
                let next: CurveKey? = if words[2] == "-" { nil } else { try CurveKey(words[2]) }
                servers.append(
                    Server(configured: try CurveKey(words[0]), present: try CurveKey(words[1]), next: next))
            } catch {
                throw TransportError(
                    .keyFile,
                    "\(file):\(index + 1): \(error.message). Move the file away, and say in the configuration by which "
                        + "public keys the servers are known now")
            }
        }
        return servers
    }

    /// - Parameter configured: The public key by which the configuration names it.
    package func server(_ configured: CurveKey) -> KnownServer {
        let keys = servers.withLock { servers in
            let place = Self.find(configured, in: &servers)
            return servers[place].keys
        }
        return KnownServer(configured: configured, book: self, keys: keys)
    }

    /// The server's place in the list, to which it is added unless it is there.
    private static func find(_ configured: CurveKey, in servers: inout [Server]) -> Int {
        if let place = servers.firstIndex(where: { $0.configured == configured }) { return place }
        servers.append(Server(configured: configured, present: configured, next: nil))
        return servers.count - 1
    }

    fileprivate func newest(of configured: CurveKey) -> CurveKey {
        servers.withLock { servers in
            let server = servers[Self.find(configured, in: &servers)]
            return server.next ?? server.present
        }
    }

    /// Takes a change of one server, which is on the disk then.
    ///
    /// - Returns: Whether anything changed.
    fileprivate func change(
        _ configured: CurveKey, _ body: (inout Server) -> Void
    ) throws(TransportError) -> Bool {
        try servers.withLock { servers throws(TransportError) -> Bool in
            let place = Self.find(configured, in: &servers)
            let old = servers[place]
            var new = old
            body(&new)
            guard new.line != old.line else { return false }
            var changed = servers
            changed[place] = new
            if let file { try SmallFile.replace(file, with: Self.text(changed, newest: place)) }
            servers = changed
            new.keys.replace(with: [new.present, new.next].compactMap(\.self))
            return true
        }
    }

    /// What differs from the configuration is kept; of servers that are long gone the oldest fall out.
    private static func text(_ servers: [Server], newest place: Int) -> String {
        let kept = servers.indices.filter {
            $0 == place || servers[$0].present != servers[$0].configured || servers[$0].next != nil
        }
        return kept.suffix(limit).map { servers[$0].line }.joined()
    }
}

/// One server, by which keys it is known.
package struct KnownServer: Sendable {
    package let configured: CurveKey
    fileprivate let book: KnownServers
    /// For this peer's sockets.
    package let keys: ServerKeys

    fileprivate init(configured: CurveKey, book: KnownServers, keys: ServerKeys) {
        self.configured = configured
        self.book = book
        self.keys = keys
    }

    /// The last key that the server told of, which is on this peer's disk; otherwise the present one.
    package var newest: PublicKey { PublicKey(book.newest(of: configured)) }

    /// A connection is up on which the server has proved this key. Was it the next one, the one before is forgotten.
    ///
    /// - Parameter key: `nil`: the connection proves none.
    /// - Returns: Whether it is a new one.
    /// - Throws: ``TransportError`` when it cannot be written down: then nothing has changed.
    package func noteUse(of key: CurveKey?) throws(TransportError) -> Bool {
        try book.change(configured) { $0.noteUse(of: key) }
    }

    /// The server told its next key.
    ///
    /// - Parameters:
    ///   - next: `nil`: it has none. What it told before was taken back.
    ///   - key: By which the server has proved itself when it told that.
    /// - Returns: Whether that is news.
    /// - Throws: ``TransportError`` when it cannot be written down: then nothing has changed.
    package func learn(_ next: PublicKey?, over key: CurveKey?) throws(TransportError) -> Bool {
        let next = try next.map { key throws(TransportError) in try CurveKey(key) }
        return try book.change(configured) { server in
            // The key itself may have changed, and could not be written down then.
            server.noteUse(of: key)
            server.next = next == server.present ? nil : next
        }
    }
}

extension KnownServers.Server {
    fileprivate mutating func noteUse(of key: CurveKey?) {
        guard let key, key == next else { return }
        (present, next) = (key, nil)
    }
}
