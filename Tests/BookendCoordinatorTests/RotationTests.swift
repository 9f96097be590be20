import BookendModel
import BookendTransport
import Testing

@testable import BookendCoordinator

/// What a running coordinator does when a key is changed, with agents that do not do as they are asked.
@Suite(.timeLimit(.minutes(5))) struct RotationTests {
    private func question(_ agent: TestPeer) async throws -> (id: UInt64, request: AskRequest) {
        try await agent.next { if case .askCall(.open(let id, let request, _)) = $0 { (id, request) } else { nil } }
    }

    private func keys(_ name: String, _ operator_: TestPeer) async throws -> [PublicKey: Peer.State] {
        guard case .peers(let peers) = try await operator_.ask(.listPeers(.agent)) else { return [:] }
        let own = peers.filter { $0.identity.name == name }
        return Dictionary(uniqueKeysWithValues: own.map { ($0.key, $0.state) })
    }

    @Test func `an agent whose next key is somebody else's, or was revoked, keeps the one that it has`() async throws {
        try await CoordinatorStage.with { stage in
            let operator_ = try await stage.client()
            let agent = try await stage.agent("web-1")
            try await agent.hello()
            let other = try #require(try await keys("web-2", operator_).keys.first)
            let before = try await keys("web-1", operator_)
            for state in [Peer.State.admitted, .revoked] {
                if state == .revoked {
                    _ = try await operator_.ask(.revokePeer(PeerIdentity(role: .agent, name: "web-2")))
                }
                let number = operator_.start(.rotateKey(web1))
                let (id, request) = try await question(agent)
                #expect(request == .makeKey)
                agent.send(.askReply(.chunk(id: id, .key(other))))
                agent.send(.askReply(.end(id: id, nil)))
                guard case .failed(let failure) = try await operator_.answer(to: number) else {
                    Issue.record("it was admitted")
                    return
                }
                #expect(failure.code == .refused)
                #expect(try await keys("web-1", operator_) == before)
            }
        }
    }

    @Test func `a next key that is not used leaves both, and another agent cannot answer for this one`() async throws {
        try await CoordinatorStage.with { stage in
            let operator_ = try await stage.client()
            let (agent, foreign) = (try await stage.agent("web-1"), try await stage.agent("web-2"))
            try await agent.hello()
            try await foreign.hello()
            let next = PublicKey(try CurveKeyPair.generate().publicKey)
            let number = operator_.start(.rotateKey(web1))
            let (id, _) = try await question(agent)
            foreign.send(.askReply(.chunk(id: id, .key(PublicKey(try CurveKeyPair.generate().publicKey)))))
            // What it says next is read after that.
            try await foreign.hello()
            #expect(try await keys("web-2", operator_).count == 1)
            agent.send(.askReply(.chunk(id: id, .key(next))))
            let use = try await question(agent)
            #expect(use.request == .useKey(next))
            // While it lasts there is no second one.
            #expect(try await operator_.failure(of: .rotateKey(web1)).code == .unavailable)
            agent.send(.askReply(.end(id: use.id, RemoteFailure(.failed, "no"))))
            #expect(try await operator_.answer(to: number) == .failed(RemoteFailure(.failed, "no")))
            let both = try await keys("web-1", operator_)
            #expect(both.count == 2 && both[next] == .admitted && both.values.allSatisfy { $0 == .admitted })
            // Its old key still speaks.
            try await agent.hello()
        }
    }

    @Test func `an agent that is offline, or does not know how, changes nothing`() async throws {
        try await CoordinatorStage.with { stage in
            let operator_ = try await stage.client()
            #expect(try await operator_.failure(of: .rotateKey(web1)).code == .unavailable)
            #expect(try await operator_.failure(of: .rotateKey(AgentID(rawValue: "nobody"))).code == .notFound)
            #expect(try await operator_.failure(of: .ask(web1, .makeKey)).code == .invalid)
            let agent = try await stage.agent("web-1")
            try await agent.hello()
            let number = operator_.start(.rotateKey(web1))
            let (id, _) = try await question(agent)
            agent.send(.askReply(.end(id: id, RemoteFailure(.invalid, "what is that?"))))
            #expect(try await operator_.answer(to: number) == .failed(RemoteFailure(.invalid, "what is that?")))
            #expect(try await keys("web-1", operator_).count == 1)
            // Nobody waits any more: it can be tried again.
            let again = operator_.start(.rotateKey(web1))
            let (next, _) = try await question(agent)
            agent.send(.askReply(.end(id: next, RemoteFailure(.invalid, "what is that?"))))
            _ = try await operator_.answer(to: again)
        }
    }

    @Test func `an operator and a collector change their own key once a minute`() async throws {
        let rules = CoordinatorRules(redeliverAfter: .milliseconds(150), collectorPatience: .milliseconds(10))
        try await CoordinatorStage.with(rules: rules) { stage in
            func newKey() throws -> PublicKey { PublicKey(try CurveKeyPair.generate().publicKey) }
            let (vera, collector) = (
                try await stage.client(as: "operator/vera"), try await stage.client(as: "collector/main")
            )
            let (first, second) = (try newKey(), try newKey())
            guard case .rotated(let rotation) = try await vera.ask(.rotateOwnKey(first)) else {
                Issue.record("it was refused")
                return
            }
            #expect(rotation.key == first && !rotation.isInUse)
            let failure = try await vera.failure(of: .rotateOwnKey(second))
            #expect(failure.code == .unavailable && failure.message.contains("once a minute"), "\(failure)")

            // A collector tells its next key with each question.
            for key in [first, second] {
                var request = RosterRequest(after: 0)
                request.nextKey = key == first ? try newKey() : second
                collector.send(.rosterRequest(request))
                _ = try await collector.next { if case .rosterReply(let reply) = $0 { reply } else { nil } }
            }
            let client = try await stage.client()
            guard case .peers(let peers) = try await client.ask(.listPeers(nil)) else { return }
            #expect(peers.count { $0.identity.name == "main" } == 2 && !peers.contains { $0.key == second })
            guard case .audit(let lines) = try await client.ask(.readAudit(AuditFilter())) else { return }
            let refused = lines.map(\.draft).filter { $0.what == "next key" }
            #expect(refused.map(\.target) == ["\(second)"] && refused.first?.who == "collector/main")
        }
    }
}
