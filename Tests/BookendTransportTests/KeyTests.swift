import BookendModel
import BookendTestSupport
import Foundation
import Glibc
import Testing

@testable import BookendTransport

struct KeyTests {
    @Test func `a secret key file comes back as the same pair, and only its owner may read it`() throws {
        try TemporaryDirectory.with { folder in
            let path = "\(folder)/key"
            let keys = try CurveKeyPair.generate()
            try keys.write(secretFile: path)
            var status = stat()
            #expect(stat(path, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
            #expect(try CurveKeyPair.read(secretFile: path).publicKey == keys.publicKey)
            #expect(throws: TransportError(.keyFile, "\(path) is there already: move it away to make a new key")) {
                try keys.write(secretFile: path)
            }
        }
    }

    @Test(arguments: [0o640, 0o604, 0o660, 0o620] as [mode_t])
    func `a secret key file that others may use is refused`(mode: mode_t) throws {
        try TemporaryDirectory.with { folder in
            let path = "\(folder)/key"
            try CurveKeyPair.generate().write(secretFile: path)
            chmod(path, mode)
            let error = #expect(throws: TransportError.self) { try CurveKeyPair.read(secretFile: path) }
            #expect(error?.code == .keyFile)
            #expect(error?.message.contains("chmod 600 \(path)") == true)
        }
    }

    @Test func `a secret key file of another user is refused`() throws {
        try TemporaryDirectory.with { folder in
            let path = "\(folder)/key"
            try CurveKeyPair.generate().write(secretFile: path)
            try #require(chown(path, 4_711, 0) == 0)
            let error = #expect(throws: TransportError.self) { try CurveKeyPair.read(secretFile: path) }
            #expect(error?.message == "\(path) belongs to user 4711: run chown \(geteuid()) \(path)")
        }
    }

    @Test func `a key file that others own or can write lets nobody in`() throws {
        try TemporaryDirectory.with { folder in
            let path = "\(folder)/keys"
            let key = try CurveKeyPair.generate().publicKey
            try "\(key) operator/eve role=admin\n".write(toFile: path, atomically: false, encoding: .utf8)
            for mode in [0o600, 0o644, 0o640] as [mode_t] {
                chmod(path, mode)
                #expect(try KeyRing.read(file: path).map(\.key) == [key])
            }
            for mode in [0o666, 0o620, 0o602] as [mode_t] {
                chmod(path, mode)
                let error = #expect(throws: TransportError.self) { try KeyRing.read(file: path) }
                #expect(error?.message.hasSuffix("others than its owner can write it: run chmod go-w \(path)") == true)
            }
            chmod(path, 0o600)
            try #require(chown(path, 4_711, 0) == 0)
            let error = #expect(throws: TransportError.self) { try KeyRing.read(file: path) }
            #expect(
                error?.message == "\(path) belongs to user 4711, who could let anybody in: run chown root \(path)")
        }
    }

    @Test func `nothing that prints a pair shows its secret`() throws {
        let keys = try CurveKeyPair.generate()
        var dumped = ""
        dump(keys, to: &dumped)
        for text in ["\(keys)", String(reflecting: keys), String(reflecting: keys.secret), "\(keys.secret)", dumped] {
            #expect(!text.contains(keys.secret.text))
        }
        let error = #expect(throws: TransportError.self) { try CurveKey(keys.secret.text + "x") }
        #expect(error?.message.contains(keys.secret.text) == false)
    }

    @Test func `a key file gives names and labels`() throws {
        let (a, b) = (try CurveKeyPair.generate().publicKey, try CurveKeyPair.generate().publicKey)
        let text = "# our fleet\r\n\r\n\(a) agent/web-1 site=paris tier=\n  \(b)\toperator/alice  # admin\n"
        let expected = text.replacing("  # admin", with: " role=admin")
        #expect(
            try KeyRing.parse(expected, file: "keys") == [
                EnrolledKey(
                    key: a, identity: try #require(PeerIdentity("agent/web-1")), labels: ["site": "paris", "tier": ""]),
                EnrolledKey(key: b, identity: try #require(PeerIdentity("operator/alice")), labels: ["role": "admin"]),
            ])
    }

    @Test func `a wrong line of a key file is named`() throws {
        let key = try CurveKeyPair.generate().publicKey
        let other = try CurveKeyPair.generate().publicKey
        let wrong: [(text: String, message: String)] = [
            ("\n\nshort agent/a", "keys:3: expected a public key"),
            ("\(key)", "keys:1: expected role/name"),
            ("\(key) robot/a", "keys:1: expected role/name"),
            ("\(key) agent/..%2f", "keys:1: expected role/name"),
            ("\(key) agent/a label", "keys:1: expected label=value, found \"label\""),
            ("\(key) agent/a =x", "keys:1: expected label=value"),
            (
                "\(key) operator/a role=root",
                "keys:1: there is no role root for operator/a: roles are viewer, operator, admin"
            ),
            ("\(key) agent/a\n\(key) agent/b", "keys:2: the key stands already in line 1"),
            ("\(key) agent/a\n\(other) agent/a", "keys:2: agent/a has a key already in line 1"),
        ]
        for (text, message) in wrong {
            let error = #expect(throws: TransportError.self) { try KeyRing.parse(text, file: "keys") }
            #expect(error?.message.hasPrefix(message) == true, "\(error?.message ?? "no error")")
        }
    }

    @Test func `a key's standing is its role's, as the ring has it now`() throws {
        let text = try ["operator/a role=admin", "operator/b", "agent/c role=admin", "subscriber/d"].map {
            "\(try CurveKeyPair.generate().publicKey) \($0)"
        }.joined(separator: "\n")
        let keys = try KeyRing.parse(text, file: "keys")
        let ring = KeyRing(keys)
        let senders = keys.map { Sender(identity: $0.identity, key: $0.key) }
        #expect(senders.map(ring.standing) == [.admin, .viewer, .nobody, .subscriber])
        ring.enroll(EnrolledKey(key: keys[0].key, identity: keys[0].identity, labels: ["role": "viewer"]))
        #expect(ring.standing(of: senders[0]) == .viewer)
        ring.revoke(keys[0].key)
        #expect(ring.standing(of: senders[0]) == .nobody)
        #expect(ring.standing(of: Sender(identity: keys[1].identity, key: keys[2].key)) == .nobody)
    }

    @Test func `replacing the keys takes the old ones out`() throws {
        let identity = try #require(PeerIdentity("agent/a"))
        let (old, new) = (try CurveKeyPair.generate().publicKey, try CurveKeyPair.generate().publicKey)
        let ring = KeyRing([EnrolledKey(key: old, identity: identity)])
        #expect(ring.isAdmitted(Sender(identity: identity, key: old)))
        ring.replace(with: [EnrolledKey(key: new, identity: identity)])
        #expect(!ring.isAdmitted(Sender(identity: identity, key: old)))
        #expect(ring.isAdmitted(Sender(identity: identity, key: new)))
        #expect(!ring.isAdmitted(Sender(identity: try #require(PeerIdentity("agent/b")), key: new)))
        #expect(!ring.isAdmitted(Sender(identity: identity, key: nil)))
    }
}
