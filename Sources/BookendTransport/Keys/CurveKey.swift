import CZeroMQ

/// A public CURVE key: 40 characters of Z85.
package struct CurveKey: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    /// - Throws: ``TransportError`` with code `.invalidKey`.
    package init(_ text: some StringProtocol) throws(TransportError) {
        self.text = try Z85.check(text, what: "a public key")
    }

    /// The key from its 32 bytes.
    init?(bytes: [UInt8]) {
        guard let text = Z85.encode(bytes) else { return nil }
        self.text = text
    }

    package var description: String { text }
}

/// A secret CURVE key. Nothing that prints or mirrors a value shows it.
package struct CurveSecret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The 40 characters: for key files and sockets only.
    let text: String

    init(_ text: some StringProtocol) throws(TransportError) {
        self.text = try Z85.check(text, what: "a secret key")
    }

    package var description: String { "(secret)" }
    package var debugDescription: String { "(secret)" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// The two halves by which a peer proves itself.
package struct CurveKeyPair: Sendable {
    package let publicKey: CurveKey
    package let secret: CurveSecret

    /// A new pair.
    ///
    /// - Throws: ``TransportError`` with code `.system` when the machine's libzmq was built without CURVE.
    package static func generate() throws(TransportError) -> CurveKeyPair {
        var publicText = [CChar](repeating: 0, count: 41)
        var secretText = [CChar](repeating: 0, count: 41)
        guard zmq_curve_keypair(&publicText, &secretText) == 0 else {
            throw TransportError(
                .system, "libzmq on this machine knows no CURVE; install one that does (Debian: libzmq5)")
        }
        return CurveKeyPair(
            publicKey: try CurveKey(Z85.text(publicText)), secret: try CurveSecret(Z85.text(secretText)))
    }

    /// The pair that a secret belongs to.
    init(secret: CurveSecret) throws(TransportError) {
        var publicText = [CChar](repeating: 0, count: 41)
        guard zmq_curve_public(&publicText, secret.text) == 0 else {
            throw TransportError(.invalidKey, "the secret key is not one: write a new key file")
        }
        self.init(publicKey: try CurveKey(Z85.text(publicText)), secret: secret)
    }

    private init(publicKey: CurveKey, secret: CurveSecret) {
        self.publicKey = publicKey
        self.secret = secret
    }
}

/// ZeroMQ's spelling of 32 bytes as 40 printable characters.
enum Z85 {
    /// The text itself when it spells 32 bytes. The error never quotes it: it may be a secret in the wrong place.
    static func check(_ text: some StringProtocol, what: String) throws(TransportError) -> String {
        let text = String(text)
        guard text.utf8.count == 40, decode(text) != nil else {
            throw TransportError(
                .invalidKey, "expected \(what): 40 characters of Z85, and there are \(text.utf8.count) bytes")
        }
        return text
    }

    static func decode(_ text: String) -> [UInt8]? {
        guard text.utf8.count == 40, text.utf8.allSatisfy({ alphabet.contains($0) }) else { return nil }
        var bytes = [UInt8](repeating: 0, count: 32)
        return zmq_z85_decode(&bytes, text) == nil ? nil : bytes
    }

    static func encode(_ bytes: [UInt8]) -> String? {
        guard bytes.count == 32 else { return nil }
        var characters = [CChar](repeating: 0, count: 41)
        guard zmq_z85_encode(&characters, bytes, bytes.count) != nil else { return nil }
        return text(characters)
    }

    static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static let alphabet = Set(
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#".utf8)
}
