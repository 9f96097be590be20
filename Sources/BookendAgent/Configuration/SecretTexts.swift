import FoundationEssentials
import Glibc

/// Texts that must stand in no report, log or answer, and how they are taken out of what another program says.
package struct SecretTexts: Sendable {
    /// Shorter ones would tear holes into every message.
    private static let shortest = 4

    /// The longest first: one may hold another.
    private let texts: [String]

    package init(_ texts: [String]) {
        self.texts = Set(texts.filter { $0.utf8.count >= Self.shortest }).sorted {
            ($0.utf8.count, $0) > ($1.utf8.count, $1)
        }
    }

    package static let none = SecretTexts([])

    /// The text with `***` in the place of each secret.
    package func redacted(_ text: String) -> String {
        texts.reduce(text) { $0.contains($1) ? $0.replacing($1, with: "***") : $0 }
    }

    /// The lines of a small file; none when it cannot be read, which its user will say.
    static func lines(ofFile path: String) -> [String] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return [] }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = read(file, &buffer, buffer.count)
        guard count > 0 else { return [] }
        return String(decoding: buffer[..<count], as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
    }

    /// What is secret in a location: all that stands before its `@`, the password alone, and that as programs may spell it.
    package static func parts(ofLocation location: String) -> [String] {
        guard let slash = location.firstIndex(of: "/") else { return [] }
        let authority = location[slash...].drop { $0 == "/" }.prefix { $0 != "/" }
        guard let at = authority.lastIndex(of: "@") else { return [] }
        let user = authority[..<at]
        guard let colon = user.firstIndex(of: ":") else { return [] }
        let password = String(user[user.index(after: colon)...])
        return [String(user), password, decoded(password)]
    }

    /// Without `%41` and its like.
    private static func decoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
                bytes.append(code)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func isReadable(_ path: String) -> Bool { access(path, R_OK) == 0 }
}
