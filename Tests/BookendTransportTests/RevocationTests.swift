import BookendModel
import Testing

@testable import BookendTransport

/// Connections that were let in, and whose key is admitted no more.
@Suite(.timeLimit(.minutes(5))) struct RevocationTests {
    @Test func `a revoked key's connections are cut, and those of others go on`() async throws {
        try await Stage.with(.curve) { stage in
            let router = try await stage.serve(.router)
            let (revoked, other) = (try CurveKeyPair.generate(), try CurveKeyPair.generate())
            let out = try await stage.connect(.dealer, to: router, as: "agent/web-1", keys: revoked)
            let stays = try await stage.connect(.dealer, to: router, as: "agent/web-2", keys: other)
            var reader = Reader(router)
            out.send([frame("one")])
            let route = try #require(try await reader.message().route)
            stays.send([frame("two")])
            _ = try await reader.message()

            stage.ring.revoke(revoked.publicKey)
            router.disconnectRevoked()
            router.send([frame("secret")], to: route)
            let events = out.connectionEvents
            #expect(await events.first { if case .lost(.disconnected, _) = $0 { true } else { false } } != nil)
            #expect(await events.first { if case .lost(.refused, _) = $0 { true } else { false } } != nil)
            stays.send([frame("three")])
            #expect(try await reader.event { if case .message = $0 { true } else { false } }.peer?.name == "web-2")
            #expect(out.statistics.received == 0)
            #expect(stays.statistics.isConnected)
        }
    }

    @Test func `a subscription of a revoked key hears nothing when its name comes back with another key`() async throws
    {
        try await Stage.with(.curve) { stage in
            let publisher = try await stage.serve(.publisher(welcome: nil, authorize: { _, _ in true }))
            let (old, new) = (try CurveKeyPair.generate(), try CurveKeyPair.generate())
            let thief = try await stage.connect(.subscriber(topics: [frame("web-1/")]), to: publisher, keys: old)
            var reader = Reader(publisher)
            _ = try await reader.event { if case .subscribed = $0 { true } else { false } }
            stage.ring.revoke(old.publicKey)
            publisher.disconnectRevoked()

            let owner = try await stage.connect(.subscriber(topics: [frame("web-1/")]), to: publisher, keys: new)
            _ = try await reader.event { if case .subscribed = $0 { true } else { false } }
            publisher.send([frame("web-1/"), frame("order")])
            var heard = Reader(owner)
            #expect(try await heard.message().frames.last == frame("order"))
            #expect(thief.statistics.received == 0)
        }
    }

    @Test func `a key under another name than it was let in with is cut as well`() async throws {
        try await Stage.with(.curve) { stage in
            let router = try await stage.serve(.router)
            let keys = try CurveKeyPair.generate()
            let client = try await stage.connect(.dealer, to: router, as: "agent/web-1", keys: keys)
            var reader = Reader(router)
            client.send([frame("one")])
            _ = try await reader.message()
            stage.ring.enroll(
                EnrolledKey(key: keys.publicKey, identity: try #require(PeerIdentity("agent/web-9"))))
            router.disconnectRevoked()
            let lost = await client.connectionEvents.first {
                if case .lost(.disconnected, _) = $0 { true } else { false }
            }
            #expect(lost != nil)
            // It comes in again, by its new name.
            client.send([frame("two")])
            #expect(try await reader.event { if case .message = $0 { true } else { false } }.peer?.name == "web-9")
        }
    }

    /// The system gives a new connection the number of a descriptor that was closed.
    @Test func `a connection that came after another one of the same key is cut as well`() async throws {
        try await Stage.with(.curve) { stage in
            let router = try await stage.serve(.router)
            let keys = try CurveKeyPair.generate()
            var reader = Reader(router)
            for _ in 0..<10 {
                for _ in 0..<3 {
                    let before = try await stage.connect(.dealer, to: router, keys: keys)
                    before.send([frame("before")])
                    _ = try await reader.message()
                    await before.close()
                }
                let last = try await stage.connect(.dealer, to: router, keys: keys)
                last.send([frame("last")])
                _ = try await reader.message()
                stage.ring.revoke(keys.publicKey)
                router.disconnectRevoked()
                let lost = await last.connectionEvents.first {
                    if case .lost(.disconnected, _) = $0 { true } else { false }
                }
                #expect(lost != nil)
                await last.close()
            }
        }
    }
}
