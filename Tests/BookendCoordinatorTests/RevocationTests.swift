import BookendModel
import Testing

@testable import BookendCoordinator

/// What a running coordinator does when a key is revoked.
@Suite(.timeLimit(.minutes(5))) struct RevocationTests {
    private let web1Peer = PeerIdentity(role: .agent, name: "web-1")

    @Test func `a revoked agent of the key file is not known any more, also after a restart`() async throws {
        try await CoordinatorStage.with { stage in
            let operator_ = try await stage.client()
            let agent = try await stage.agent("web-1")
            try await agent.hello()
            _ = try await operator_.apply([.sample()])
            guard case .revoked(let revocation) = try await operator_.ask(.revokePeer(web1Peer)) else {
                Issue.record("it was not revoked")
                return
            }
            #expect(revocation.peers.map(\.state) == [.revoked])
            // It never asked: nobody can say what it knows.
            #expect(revocation.uninformed.map(\.description) == ["collector/main"])
            #expect(try await operator_.agents().map(\.id) == [db1, web2])
            #expect(try await operator_.failure(of: .backup(.sample(agents: [web1]))).code == .notFound)
            #expect(try await operator_.failure(of: .revokePeer(web1Peer)).code == .notFound)

            await stage.stop()
            try await stage.start()
            let again = try await stage.client()
            #expect(try await again.agents().map(\.id) == [db1, web2])
            guard case .peers(let peers) = try await again.ask(.listPeers(.agent)) else { return }
            #expect(peers.map(\.state) == [.admitted, .revoked, .admitted])
        }
    }

    @Test func `a revocation is answered once the collector says that it acts by it`() async throws {
        let rules = CoordinatorRules(redeliverAfter: .milliseconds(150), collectorPatience: .seconds(200))
        try await CoordinatorStage.with(rules: rules) { stage in
            let operator_ = try await stage.client()
            let collector = try await stage.client(as: "collector/main")
            let before = try await collector.roster()
            #expect(before.peers == [] && before.peersThrough == 0)
            let number = operator_.start(.revokePeer(web1Peer))
            // Pushed: it did not ask.
            let told: RosterReply = try await collector.next {
                if case .rosterReply(let reply) = $0, !reply.peers.isEmpty { reply } else { nil }
            }
            #expect(told.peers.map(\.identity) == [web1Peer] && told.peers.map(\.state) == [.revoked])
            collector.send(
                .rosterRequest(
                    RosterRequest(after: told.through, epoch: told.epoch, peersAfter: told.peersThrough)))
            guard case .revoked(let revocation) = try await operator_.answer(to: number) else {
                Issue.record("it was not revoked")
                return
            }
            #expect(revocation.uninformed == [])
            let after = try await collector.next { if case .rosterReply(let reply) = $0 { reply } else { nil } }
            #expect(after.peers == [])
        }
    }

    @Test func `a collector that does not answer is named in time`() async throws {
        try await CoordinatorStage.with { stage in
            let operator_ = try await stage.client()
            let collector = try await stage.client(as: "collector/main")
            _ = try await collector.roster()
            guard case .revoked(let revocation) = try await operator_.ask(.revokePeer(web1Peer)) else {
                Issue.record("it was not revoked")
                return
            }
            #expect(revocation.uninformed.map(\.description) == ["collector/main"])
        }
    }
}
