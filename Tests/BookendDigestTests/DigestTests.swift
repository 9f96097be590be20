import BookendDigest
import Testing

struct DigestTests {
    @Test func `the digest of a text is the one that the standard names`() {
        // FIPS 180-2, appendix B.1 and B.2.
        #expect(
            SHA256.hash("abc".utf8).description == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        var hash = SHA256()
        hash.update("abcdbcdecdefdefgefgh".utf8)
        hash.update("fghighijhijkijkljklmklmnlmnomnopnopq".utf8)
        #expect(
            hash.finish().description == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
    }

    @Test func `a digest is read as it is written, in either case, and from nothing else`() throws {
        let digest = SHA256.hash([])
        #expect(Digest(digest.description) == digest)
        #expect(Digest(digest.description.uppercased()) == digest)
        #expect(Digest(bytes: digest.bytes) == digest)
        #expect(Digest(digest.description.dropLast()) == nil)
        #expect(Digest(digest.description.dropLast() + "g") == nil)
        #expect(Digest(bytes: digest.bytes.dropLast()) == nil)
        #expect(SHA256.hash([0]) != digest)
    }

    @Test func `a code is the one that RFC 4231 names`() {
        let code = MessageAuthenticationCode.make(of: "what do ya want for nothing?".utf8, key: Array("Jefe".utf8))
        #expect(code.description == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }

    @Test func `random bytes differ`() {
        #expect(SecretBytes.random(32).count == 32)
        #expect(SecretBytes.random(32) != SecretBytes.random(32))
    }
}
