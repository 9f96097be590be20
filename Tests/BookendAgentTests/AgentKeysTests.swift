import BookendModel
import BookendTransport
import Glibc
import Testing

@testable import BookendAgent

/// The agent's key files, step by step.
struct AgentKeysTests {
    private func withKey(_ body: (_ file: String, _ present: CurveKeyPair) throws -> Void) async throws {
        try await Workbench.with { bench in
            let file = bench.path + "/state/agent.key"
            let present = try CurveKeyPair.generate()
            try present.write(secretFile: file)
            try body(file, present)
        }
    }

    @Test func `a next key is made once, for its owner's eyes alone, and survives the agent`() async throws {
        try await withKey { file, present in
            // Of an agent that died while it wrote.
            let unfinished = open(file + ".next.new", O_WRONLY | O_CREAT, 0o600)
            close(unfinished)
            let keys = try AgentKeys(file: file)
            let next = try keys.prepare()
            #expect(try keys.prepare() == next && next != present.publicKey)
            var status = stat()
            #expect(stat(file + ".next", &status) == 0 && status.st_mode & 0o777 == 0o600)
            #expect(access(file + ".next.new", F_OK) != 0)
            // Until it is admitted the present one is used.
            #expect(keys.client.preferred.publicKey == present.publicKey)
            let again = try AgentKeys(file: file)
            #expect(try again.prepare() == next)
            #expect(again.client.preferred.publicKey == next, "it may be the only one that is let in")
        }
    }

    @Test func `only the next key or the present one can be ordered to be used`() async throws {
        try await withKey { file, present in
            let keys = try AgentKeys(file: file)
            let other = try CurveKeyPair.generate()
            #expect(throws: RemoteFailure.self) { try keys.use(PublicKey(other.publicKey)) }
            let next = try keys.prepare()
            #expect(throws: RemoteFailure.self) { try keys.use(PublicKey(other.publicKey)) }
            try keys.use(PublicKey(present.publicKey))
            #expect(keys.client.preferred.publicKey == present.publicKey)
            try keys.use(PublicKey(next))
            #expect(keys.client.preferred.publicKey == next)
        }
    }

    @Test func `where no file can be made the answer says why, and nothing is changed`() async throws {
        let keys = AgentKeys(try CurveKeyPair.generate())
        #expect(throws: RemoteFailure.self) { try keys.prepare() }
        try await withKey { file, present in
            let keys = try AgentKeys(file: file)
            // Stands in for a directory that cannot be written, which root does not know.
            mkdir(file + ".next", 0o700)
            let failure = #expect(throws: RemoteFailure.self) { try keys.prepare() }
            #expect(failure?.message.contains(file) == true, "\(failure?.message ?? "")")
            #expect(keys.client.preferred.publicKey == present.publicKey)
            rmdir(file + ".next")
        }
    }
}
