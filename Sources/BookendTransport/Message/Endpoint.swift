/// Where a socket listens or connects: `tcp://host:port`, `ipc:///absolute/path` or `inproc://name`.
///
/// A port `*` lets the system choose one, and is for binding only; a host `*` is every interface.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    package enum Place: Hashable, Sendable {
        /// An IPv6 address stands without its brackets. A port of `nil` lets the system choose.
        case tcp(host: String, port: UInt16?)
        case ipc(path: String)
        case inproc(name: String)
    }

    package let place: Place

    /// - Throws: ``TransportError`` with code `.invalidEndpoint`, which quotes the text and says what is wrong with it.
    package init(_ text: String) throws(TransportError) {
        if let rest = text.dropPrefix("tcp://") {
            place = try Self.tcp(rest, text)
        } else if let path = text.dropPrefix("ipc://") {
            guard path.hasPrefix("/") else {
                throw Self.invalid(text, "the path of a Unix socket is absolute: ipc:///run/…")
            }
            guard path.utf8.count <= 107 else {
                throw Self.invalid(text, "the path of a Unix socket has at most 107 bytes")
            }
            guard !path.utf8.contains(0) else { throw Self.invalid(text, "the path holds a zero byte") }
            place = .ipc(path: path)
        } else if let name = text.dropPrefix("inproc://") {
            guard (1...200).contains(name.utf8.count), !name.utf8.contains(0) else {
                throw Self.invalid(text, "the name has 1 to 200 bytes")
            }
            guard !name.hasPrefix("zeromq.") else {
                throw Self.invalid(text, "names that begin with zeromq. are taken")
            }
            place = .inproc(name: name)
        } else {
            throw Self.invalid(text, "expected tcp://host:port or ipc:///path")
        }
    }

    private init(place: Place) {
        self.place = place
    }

    package var description: String {
        switch place {
        case .tcp(let host, let port):
            "tcp://\(host.contains(":") ? "[\(host)]" : host):\(port.map(String.init) ?? "*")"
        case .ipc(let path): "ipc://\(path)"
        case .inproc(let name): "inproc://\(name)"
        }
    }

    /// The same place with the port that the system chose.
    func with(port: UInt16) -> Endpoint {
        guard case .tcp(let host, _) = place else { return self }
        return Endpoint(place: .tcp(host: host, port: port))
    }

    /// Where a client on this machine reaches a server that is bound here: every interface becomes the loopback.
    package var seenFromThisMachine: Endpoint {
        switch place {
        case .tcp("*", let port), .tcp("0.0.0.0", let port): Endpoint(place: .tcp(host: "127.0.0.1", port: port))
        case .tcp("::", let port): Endpoint(place: .tcp(host: "::1", port: port))
        default: self
        }
    }

    package var isTCP: Bool {
        if case .tcp = place { true } else { false }
    }

    /// Why a client cannot connect here; `nil` when it can.
    var reasonNotToConnect: String? {
        switch place {
        case .tcp(_, nil): "a client needs a port, and * is none"
        case .tcp("*", _): "a client needs a host, and * is none"
        default: nil
        }
    }

    private static func tcp(_ rest: String, _ text: String) throws(TransportError) -> Place {
        guard let colon = rest.lastIndex(of: ":") else { throw invalid(text, "the port is missing: tcp://host:port") }
        var host = rest[..<colon]
        let portText = rest[rest.index(after: colon)...]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            let digits = host.split(separator: "%", maxSplits: 1).first ?? ""
            guard digits.contains(":"), digits.utf8.allSatisfy({ isHexadecimal($0) || $0 == 0x3A || $0 == 0x2E }) else {
                throw invalid(text, "[\(host)] is not an IPv6 address")
            }
        } else if host.contains(":") {
            throw invalid(text, "an IPv6 address stands in brackets: tcp://[::1]:7401")
        } else {
            let isName = host.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F }
            guard host == "*" || (isName && (1...253).contains(host.utf8.count)) else {
                throw invalid(text, "\"\(host)\" is neither a host name nor an address")
            }
        }
        if portText == "*" { return .tcp(host: String(host), port: nil) }
        guard portText.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(portText), port > 0 else {
            throw invalid(text, "the port is a number from 1 to 65535")
        }
        return .tcp(host: String(host), port: port)
    }

    private static func invalid(_ text: String, _ reason: String) -> TransportError {
        TransportError(.invalidEndpoint, "\"\(text)\" is not an address: \(reason)")
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: false
        }
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
        default: false
        }
    }
}

extension String {
    fileprivate func dropPrefix(_ prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
