import BookendModel
import Testing

@testable import BookendTransport

/// Clients with more than one key, and strangers.
@Suite(.timeLimit(.minutes(5))) struct ClientKeysTests {
    private func open(
        _ keys: ClientKeys, to router: any MessageSocket, _ stage: Stage
    ) async throws -> any MessageSocket {
        try await stage.network().open(
            SocketPlan(
                .dealer, router.endpoint, .curveClient(keys, server: stage.serverKeys.publicKey),
                retry: Backoff(first: .milliseconds(5), limit: .seconds(2))))
    }

    private func enroll(_ pair: CurveKeyPair, _ stage: Stage) throws {
        stage.ring.enroll(EnrolledKey(key: pair.publicKey, identity: try #require(PeerIdentity("agent/web-1"))))
    }

    @Test func `a client whose preferred key is refused comes in with the other, and stays with it`() async throws {
        try await Stage.with(.curve) { stage in
            let router = try await stage.serve(.router)
            let (old, new) = (try CurveKeyPair.generate(), try CurveKeyPair.generate())
            try enroll(old, stage)
            let client = try await open(ClientKeys([new, old]), to: router, stage)
            var events: [ConnectionEvent] = []
            for await event in client.connectionEvents {
                events.append(event)
                if event == .connected { break }
            }
            #expect(events.count == 2 && events.last == .connected, "\(events)")
            #expect(client.statistics.key == old.publicKey)

            // The other way round: now the new one is admitted, and the old one is not.
            try enroll(new, stage)
            client.send([frame("hello")])
            var reader = Reader(router)
            #expect(
                try await reader.event { if case .message = $0 { true } else { false } }.sender?.key == old.publicKey)
            stage.ring.revoke(old.publicKey)
            router.disconnectRevoked()
            #expect(await client.connectionEvents.first { $0 == .connected } != nil)
            #expect(client.statistics.key == new.publicKey)
        }
    }

    @Test func `a client that is to connect anew does so at once, with the key that it has now`() async throws {
        try await Stage.with(.curve) { stage in
            let router = try await stage.serve(.router)
            let (old, new) = (try CurveKeyPair.generate(), try CurveKeyPair.generate())
            for pair in [old, new] { try enroll(pair, stage) }
            let keys = ClientKeys(old)
            let client = try await open(keys, to: router, stage)
            var reader = Reader(router)
            client.send([frame("one")])
            #expect(
                try await reader.event { if case .message = $0 { true } else { false } }.sender?.key == old.publicKey)
            keys.replace(with: [new, old])
            // What was taken before is still sent, with the old key.
            client.send([frame("two")])
            client.reconnect()
            let two = try await reader.event { if case .message = $0 { true } else { false } }
            #expect(two.message?.frames == [frame("two")] && two.sender?.key == old.publicKey)
            #expect(
                await client.connectionEvents.first { if case .lost(.disconnected, .zero) = $0 { true } else { false } }
                    != nil)
            #expect(await client.connectionEvents.first { $0 == .connected } != nil)
            client.send([frame("three")])
            #expect(
                try await reader.event { if case .message = $0 { true } else { false } }.sender?.key == new.publicKey)
        }
    }

    @Test func `who is turned away is counted and told by his address, and a program's own knock is not`() async throws
    {
        try await Stage.with(.curve) { stage in
            let router = try await stage.serve(.router)
            let server = try #require(stage.server as? SocketThread)
            try await server.checkThatStrangersAreRefused(at: router.endpoint, server: stage.serverKeys.publicKey)
            for _ in 0..<3 {
                let stranger = try await stage.network().open(
                    SocketPlan(
                        .dealer, router.endpoint,
                        .curveClient(ClientKeys(try CurveKeyPair.generate()), server: stage.serverKeys.publicKey),
                        retry: nil))
                #expect(await stranger.connectionEvents.first { $0 == .lost(.refused, retryIn: nil) } != nil)
            }
            var told: Int64 = 0
            for await case .turnedAway(let address, let times) in router.connectionEvents {
                #expect(address == "127.0.0.1")
                told += times
                if told >= 3 { break }
            }
            #expect(told == 3)
        }
    }

    @Test func `of many addresses some are told apart, and none goes uncounted`() {
        var count = StrangerCount()
        for number in 1...1_000 { count.note(at: "192.0.2.\(number)") }
        count.note(at: "192.0.2.1")
        #expect(count.told.count == StrangerCount.limit + 1)
        #expect(count.told.reduce(0) { $0 + $1.times } == 1_001)
        #expect(count.told.first { $0.address == "192.0.2.1" }?.times == 2)
        #expect(count.told.last?.address.isEmpty == true)
    }
}
