import CSodium

/// Random bytes that nobody can guess.
package enum SecretBytes {
    /// - Parameter count: 1 to 1,024.
    package static func random(_ count: Int) -> [UInt8] {
        precondition((1...1_024).contains(count) && sodium_init() >= 0)
        var bytes = [UInt8](repeating: 0, count: count)
        randombytes_buf(&bytes, count)
        return bytes
    }
}

/// An HMAC of SHA-256 (RFC 2104), of a key of any length.
package enum MessageAuthenticationCode {
    package static func make(of message: some Sequence<UInt8>, key: [UInt8]) -> Digest {
        var state = crypto_auth_hmacsha256_state()
        let message = Array(message)
        var code = [UInt8](repeating: 0, count: Digest.size)
        crypto_auth_hmacsha256_init(&state, key, key.count)
        crypto_auth_hmacsha256_update(&state, message, UInt64(message.count))
        crypto_auth_hmacsha256_final(&state, &code)
        guard let digest = Digest(bytes: code) else { preconditionFailure("a code has as many bytes as a digest") }
        return digest
    }
}
