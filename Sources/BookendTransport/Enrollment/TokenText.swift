package import BookendModel
import BookendWire

/// The text that people carry: `bookend1-` and the ticket's bytes in base64url, without padding.
package enum TokenText {
    package static let prefix = "bookend1-"

    package static func render(_ ticket: EnrollmentTicket) -> String {
        prefix + encode(Wire.encode(ticket))
    }

    /// - Parameter roles: What the reading program can enroll as.
    /// - Throws: ``TransportError`` with code `.invalidKey`; the text, which is a secret, is not quoted.
    package static func parse(_ text: String, for roles: Set<PeerRole>) throws(TransportError) -> EnrollmentTicket {
        guard text.utf8.count <= 4_096, text.hasPrefix(prefix), let bytes = decode(text.dropFirst(prefix.count)) else {
            throw TransportError(
                .invalidKey, "this is no token: one begins with \(prefix), and is copied whole, in one piece")
        }
        let ticket: EnrollmentTicket
        do {
            ticket = try Wire.decodeEnrollmentTicket(bytes)
        } catch {
            throw TransportError(.invalidKey, "this token cannot be read: was it cut off? Ask for a new one")
        }
        guard roles.contains(ticket.peerRole) else {
            throw TransportError(
                .invalidKey,
                "this token enrolls as \(ticket.peerRole.rawValue), and not as "
                    + roles.map(\.rawValue).sorted().joined(separator: " or "))
        }
        return ticket
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    private static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        var (buffer, bits) = (UInt32(0), 0)
        for byte in bytes {
            (buffer, bits) = (buffer << 8 | UInt32(byte), bits + 8)
            while bits >= 6 {
                bits -= 6
                text.append(alphabet[Int(buffer >> UInt32(bits) & 63)])
            }
        }
        if bits > 0 { text.append(alphabet[Int(buffer << UInt32(6 - bits) & 63)]) }
        return String(decoding: text, as: UTF8.self)
    }

    private static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var bytes: [UInt8] = []
        var (buffer, bits) = (UInt32(0), 0)
        for character in text.utf8 {
            guard let value = alphabet.firstIndex(of: character) else { return nil }
            (buffer, bits) = (buffer << 6 | UInt32(value), bits + 6)
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: buffer >> UInt32(bits)))
            }
        }
        return bytes
    }
}
