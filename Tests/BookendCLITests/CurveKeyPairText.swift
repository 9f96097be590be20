import BookendTransport

enum CurveKeyPairText {
    /// A public key.
    static func key() throws -> CurveKey { try CurveKeyPair.generate().publicKey }
}
