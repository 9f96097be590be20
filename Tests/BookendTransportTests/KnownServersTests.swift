import BookendModel
import Glibc
import Testing

@testable import BookendTransport

/// What a peer writes down of its servers' keys, and with which of them its sockets go on.
@Suite(.timeLimit(.minutes(5))) struct KnownServersTests {
    private func withFile(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/bookend-servers-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw TransportError(.system, "no folder") }
        let folder = String(cString: made)
        defer {
            for name in ["server-keys", "server-keys.new"] { unlink("\(folder)/\(name)") }
            rmdir("\(folder)/server-keys")
            rmdir(folder)
        }
        try body(folder + "/server-keys")
    }

    private func key() throws -> CurveKey { try CurveKeyPair.generate().publicKey }

    @Test func `a next key is kept beside the present one until it is proved, and then alone, over restarts`() throws {
        try withFile { file in
            let (old, new) = (try key(), try key())
            let server = try KnownServers(file: file).server(old)
            #expect(server.keys.all == [old] && access(file, F_OK) != 0)
            #expect(try !server.learn(nil, over: old) && access(file, F_OK) != 0)
            #expect(try server.learn(PublicKey(new), over: old))
            #expect(try !server.learn(PublicKey(new), over: old))
            #expect(server.keys.all == [old, new] && server.newest == PublicKey(new))
            var status = stat()
            #expect(stat(file, &status) == 0 && status.st_mode & 0o777 == 0o600)

            let again = try KnownServers(file: file).server(old)
            #expect(again.keys.all == [old, new])
            #expect(try !again.noteUse(of: old))
            #expect(try !again.noteUse(of: nil))
            #expect(try again.noteUse(of: new))
            #expect(again.keys.all == [new] && again.newest == PublicKey(new))
            // What it told before is no news, and the key before never comes back by itself.
            #expect(try !again.learn(PublicKey(new), over: new))
            #expect(try KnownServers(file: file).server(old).keys.all == [new])

            // The next rotation; the configuration still names the first one.
            let third = try key()
            let later = try KnownServers(file: file).server(old)
            #expect(try later.learn(PublicKey(third), over: new))
            #expect(try KnownServers(file: file).server(old).keys.all == [new, third])
        }
    }

    @Test func `a next key that is taken back is forgotten, and another one takes its place`() throws {
        try withFile { file in
            let (old, new, other) = (try key(), try key(), try key())
            let server = try KnownServers(file: file).server(old)
            #expect(try server.learn(PublicKey(new), over: old))
            #expect(try server.learn(PublicKey(other), over: old))
            #expect(server.keys.all == [old, other])
            #expect(try server.learn(nil, over: old))
            #expect(server.keys.all == [old])
            #expect(try !server.noteUse(of: new))
            #expect(try KnownServers(file: file).server(old).keys.all == [old])
        }
    }

    @Test func `servers are told apart, and a configuration that names the new key is a new beginning`() throws {
        try withFile { file in
            let keys = [try key(), try key(), try key()]
            let book = try KnownServers(file: file)
            let (first, second) = (book.server(keys[0]), book.server(keys[1]))
            #expect(try first.learn(PublicKey(keys[2]), over: keys[0]))
            #expect(second.keys.all == [keys[1]])
            #expect(try second.learn(PublicKey(try key()), over: keys[1]))
            #expect(try first.noteUse(of: keys[2]))
            let again = try KnownServers(file: file)
            #expect(again.server(keys[0]).keys.all == [keys[2]])
            #expect(again.server(keys[1]).keys.all.count == 2)
            #expect(again.server(keys[2]).keys.all == [keys[2]])
        }
    }

    @Test func `what cannot be written down is not known, and a key that was proved is tried again`() throws {
        try withFile { file in
            let (old, new) = (try key(), try key())
            let server = try KnownServers(file: file).server(old)
            // Stands in for a disk that is full.
            mkdir(file, 0o700)
            #expect(throws: TransportError.self) { try server.learn(PublicKey(new), over: old) }
            #expect(server.keys.all == [old] && server.newest == PublicKey(old))
            rmdir(file)
            #expect(try server.learn(PublicKey(new), over: old))
            unlink(file)
            mkdir(file, 0o700)
            #expect(throws: TransportError.self) { try server.noteUse(of: new) }
            #expect(server.keys.all == [old, new])
            rmdir(file)
            // The server has none after it: this must not forget the only key that it has.
            #expect(try server.learn(nil, over: new))
            #expect(server.keys.all == [new])
        }
    }

    @Test(arguments: ["x", "a b", "a b c\n", String(repeating: "0", count: 40) + " - -"])
    func `a file that says something else stops the start, and says what to do`(text: String) throws {
        try withFile { file in
            try SmallFile.replace(file, with: text)
            let failure = #expect(throws: TransportError.self) { try KnownServers(file: file) }
            #expect(failure?.message.contains(file + ":1") == true, "\(failure?.message ?? "")")
        }
    }

    @Test func `each key of a server is tried before the client waits, also one of its own`() async throws {
        try await Stage.with(.curve) { stage in
            let router = try await stage.serve(.router)
            let strange = try (0..<2).map { _ in try CurveKeyPair.generate() }
            let own = try CurveKeyPair.generate()
            stage.ring.enroll(EnrolledKey(key: own.publicKey, identity: try #require(PeerIdentity("agent/web-1"))))
            func open(_ servers: [CurveKey]) async throws -> any MessageSocket {
                try await stage.network().open(
                    SocketPlan(
                        .dealer, router.endpoint,
                        .curveClient(ClientKeys([strange[0], own]), server: ServerKeys(servers)),
                        retry: Backoff(first: .seconds(86_400), limit: .seconds(86_400))))
            }
            let right = stage.serverKeys.publicKey
            let dealer = try await open([strange[1].publicKey, right])
            var events: [ConnectionEvent] = []
            for await event in dealer.connectionEvents {
                events.append(event)
                if event == .connected { break }
            }
            #expect(
                events == [.lost(.handshakeFailed, retryIn: .zero), .lost(.refused, retryIn: .zero), .connected])

            // Each was tried: now it waits.
            let lost = try await open([strange[0].publicKey, strange[1].publicKey])
            var pauses: [Duration] = []
            for await case .lost(.handshakeFailed, let pause?) in lost.connectionEvents {
                pauses.append(pause)
                if pauses.count == 2 { break }
            }
            #expect(pauses.first == .zero && pauses.last != .zero, "\(pauses)")
        }
    }

    @Test func `a client whose server has changed its key goes on with the next one, and back`() async throws {
        try await Stage.with(.curve) { stage in
            let next = try CurveKeyPair.generate()
            let client = try CurveKeyPair.generate()
            stage.ring.enroll(EnrolledKey(key: client.publicKey, identity: try #require(PeerIdentity("agent/web-1"))))
            let networks = [try stage.network(), try stage.network()]
            let router = try await stage.serve(.router, on: networks[0])
            let server = KnownServers().server(stage.serverKeys.publicKey)
            _ = try server.learn(PublicKey(next.publicKey), over: nil)
            let dealer = try await stage.network().open(
                SocketPlan(
                    .dealer, router.endpoint, .curveClient(ClientKeys(client), server: server.keys),
                    retry: Backoff(first: .milliseconds(5), limit: .seconds(2))))
            #expect(await dealer.connectionEvents.first { $0 == .connected } != nil)
            #expect(dealer.statistics.serverKey == stage.serverKeys.publicKey)

            // The same place, with the next key.
            let place = router.endpoint
            await networks[0].stop()
            #expect(
                await dealer.connectionEvents.first { if case .lost(.disconnected, _) = $0 { true } else { false } }
                    != nil)
            _ = try await networks[1].open(SocketPlan(.router, place, .curveServer(next, admitting: stage.ring)))
            #expect(await dealer.connectionEvents.first { $0 == .connected } != nil)
            #expect(dealer.statistics.serverKey == next.publicKey)
            #expect(try server.noteUse(of: dealer.statistics.serverKey))

            // Whoever has the key before is nobody now.
            await networks[1].stop()
            _ = try await stage.serve(.router, at: place)
            #expect(
                await dealer.connectionEvents.first { if case .lost(.handshakeFailed, _) = $0 { true } else { false } }
                    != nil)
            #expect(
                await dealer.connectionEvents.first { if case .lost(.handshakeFailed, _) = $0 { true } else { false } }
                    != nil)
            #expect(!dealer.statistics.isConnected)
        }
    }
}
