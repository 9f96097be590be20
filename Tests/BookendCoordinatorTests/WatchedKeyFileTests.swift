import BookendModel
import BookendTestSupport
import BookendTransport
import Glibc
import Testing

@testable import BookendCoordinator

@Suite struct WatchedKeyFileTests {
    private func write(_ text: String, to path: String) {
        // Another file in its place, as editors and tools do it.
        unlink(path)
        let bytes = Array(text.utf8)
        let descriptor = open(path, O_WRONLY | O_CREAT, 0o600)
        _ = Glibc.write(descriptor, bytes, bytes.count)
        close(descriptor)
    }

    private func agents(_ file: WatchedKeyFile) -> [AgentID: [String: String]] {
        var book = PeerBook()
        book.take(file: file.peers)
        return book.agents
    }

    @Test func `a key file that changes is read again, and a wrong one is told once`() throws {
        try TemporaryDirectory.with { directory in
            let path = directory + "/keys"
            let (first, second) = (try CurveKeyPair.generate().publicKey, try CurveKeyPair.generate().publicKey)
            write("\(first) agent/web-1 role=web\n", to: path)
            let file = try WatchedKeyFile(path: path)
            #expect(agents(file) == [web1: ["role": "web"]])
            #expect(try !file.refresh())

            write("\(second) agent/web-2\n\(first) collector/main\n", to: path)
            #expect(try file.refresh())
            #expect(agents(file) == [web2: [:]])
            #expect(file.peers.first { $0.key == PublicKey(first) }?.identity == PeerIdentity("collector/main"))

            write("not a key file at all\n", to: path)
            #expect(throws: TransportError.self) { try file.refresh() }
            #expect(try !file.refresh())
            #expect(agents(file) == [web2: [:]])

            unlink(path)
            #expect(throws: TransportError.self) { try file.refresh() }
            #expect(agents(file) == [web2: [:]])

            write("\(second) agent/web-2 role=web\n", to: path)
            #expect(try file.refresh())
            #expect(agents(file) == [web2: ["role": "web"]])
        }
    }

    @Test func `a key file that everybody could write to admits nobody new until its mode is put right`() throws {
        try TemporaryDirectory.with { directory in
            let path = directory + "/keys"
            let (first, second) = (try CurveKeyPair.generate().publicKey, try CurveKeyPair.generate().publicKey)
            write("\(first) agent/web-1\n", to: path)
            let file = try WatchedKeyFile(path: path)
            write("\(first) agent/web-1\n\(second) operator/eve role=admin\n", to: path)
            chmod(path, 0o666)
            let error = #expect(throws: TransportError.self) { try file.refresh() }
            #expect(error?.message.contains("run chmod go-w \(path)") == true)
            #expect(file.peers.map(\.key) == [PublicKey(first)])
            chmod(path, 0o600)
            #expect(try file.refresh())
            #expect(file.peers.map(\.key) == [PublicKey(first), PublicKey(second)])
        }
    }
}
