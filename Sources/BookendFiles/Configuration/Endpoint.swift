import BookendModel

/// Which endpoints a key takes.
enum EndpointRole {
    /// `tcp://host:port` that somebody else listens on.
    case connectTCP
    /// `tcp://host:port` or a Unix socket that somebody else listens on.
    case connectAny
    /// `tcp://address:port` to listen on; `*` stands for every address, or for any free port.
    case bindTCP
    /// To listen on, either a Unix socket or TCP.
    case bindAny
    /// A Unix socket to listen on.
    case bindIPC
}

extension YAMLValue {
    /// An endpoint of the right shape; whether anybody is there is not asked.
    func endpoint(_ role: EndpointRole) -> String? {
        guard let text = string() else { return nil }
        if let problem = EndpointText.problem(text, role: role) {
            report(problem)
            return nil
        }
        return text
    }

    /// A CURVE public key in Z85: 40 characters.
    func publicKey() -> String? {
        guard let text = string() else { return nil }
        guard Z85.isKey(text) else {
            let count = text.unicodeScalars.count
            report(
                "expected a public key, 40 characters of Z85, found "
                    + (count == 40 ? "40 characters that are not" : "\(count) characters"))
            return nil
        }
        return text
    }
}

enum EndpointText {
    /// `sun_path` holds 108 bytes, the last one zero.
    static let longestSocketPath = 107

    static func problem(_ text: String, role: EndpointRole) -> String? {
        let takesTCP = role != .bindIPC
        let takesIPC = role != .connectTCP && role != .bindTCP
        let expected = [takesTCP ? "tcp://host:port" : nil, takesIPC ? "ipc:///absolute/path" : nil]
            .compactMap { $0 }.joined(separator: " or ")
        if takesTCP, let address = text.dropping(prefix: "tcp://") {
            return isAddress(address, mayHaveStars: role == .bindTCP || role == .bindAny)
                ? nil : "expected \(expected), found '\(text.clipped)'"
        }
        if takesIPC, let path = text.dropping(prefix: "ipc://") {
            if let problem = TextRules.absolutePathProblem(path) {
                return "the socket's path '\(path.clipped)' \(problem)"
            }
            return path.utf8.count > longestSocketPath
                ? "a Unix socket's path has at most \(longestSocketPath) bytes, found \(path.utf8.count)" : nil
        }
        return "expected \(expected), found '\(text.clipped)'"
    }

    private static func isAddress(_ text: String, mayHaveStars: Bool) -> Bool {
        guard let colon = text.lastIndex(of: ":") else { return false }
        let (host, port) = (text[..<colon], text[text.index(after: colon)...])
        let isPort =
            mayHaveStars && port == "*"
            || port.utf8.count <= 5 && port.utf8.allSatisfy(isDigit) && (1...65_535).contains(Int(port) ?? 0)
        guard isPort else { return false }
        if mayHaveStars, host == "*" { return true }
        if host.hasPrefix("["), host.hasSuffix("]") {
            let inner = host.dropFirst().dropLast()
            return inner.contains(":")
                && inner.utf8.allSatisfy { isDigit($0) || isLetter($0) || "%.:".utf8.contains($0) }
        }
        return !host.isEmpty && host.utf8.allSatisfy { isDigit($0) || isLetter($0) || "-._".utf8.contains($0) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }
}

/// ZeroMQ's way to write 32 bytes as text (ZeroMQ RFC 32).
enum Z85 {
    private static let alphabet = Array(
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#".utf8)

    /// 40 characters of the alphabet, each five of which stand for four bytes.
    static func isKey(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 40 else { return false }
        return stride(from: 0, to: 40, by: 5).allSatisfy { start in
            var number: UInt64 = 0
            for byte in bytes[start..<(start + 5)] {
                guard let digit = alphabet.firstIndex(of: byte) else { return false }
                number = number * 85 + UInt64(digit)
            }
            return number <= UInt64(UInt32.max)
        }
    }
}

extension String {
    func dropping(prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
