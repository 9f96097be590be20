import BookendModel
import BookendTransport
import Testing

@testable import BookendCoordinator

/// The coordinator's own key: who is told of the next one, and when it may be used.
@Suite(.timeLimit(.minutes(5))) struct ServerKeyTests {
    private func state(_ client: TestPeer, _ step: ServerKeyStep) async throws -> ServerKeyState {
        guard case .serverKey(let state) = try await client.ask(.serverKey(step)) else {
            throw RemoteFailure(.failed, "refused")
        }
        return state
    }

    private func toldKey(_ agent: TestPeer) async throws -> PublicKey? {
        try await agent.next { if case .heartbeatReply(let reply) = $0 { reply } else { nil } }.nextKey
    }

    /// Returns once the coordinator has read it.
    private func says(_ key: PublicKey, _ agent: TestPeer) async throws {
        var heartbeat = Heartbeat(generation: 0, activeJobs: [], outboxDepth: 0, wall: UnixTime(milliseconds: 0))
        heartbeat.serverKey = key
        agent.send(.heartbeat(heartbeat))
        _ = try await toldKey(agent)
    }

    @Test func `who is there hears of the next key at once, and it is not used while somebody does not know it`()
        async throws
    {
        try await CoordinatorStage.with { stage in
            let client = try await stage.client()
            let (web1, web2) = (try await stage.agent("web-1"), try await stage.agent("web-2"))
            #expect(try await web1.hello().nextKey == nil)
            let before = try await state(client, .show)
            let stored = try await stage.storedKey
            #expect(before == ServerKeyState(key: PublicKey(stored)))
            #expect(try await client.failure(of: .serverKey(.use(isForced: true))).code == .refused)

            let prepared = try await state(client, .prepare)
            let next = try #require(prepared.next)
            #expect(next != before.key && prepared.key == before.key && prepared.informed == 0)
            #expect(prepared.uninformed.map(\.description).count == 4)
            #expect(try await state(client, .prepare) == prepared)
            #expect(try await toldKey(web1) == next)
            try await says(next, web1)
            // One that comes later hears of it too, and another key than this one does not count.
            #expect(try await web2.hello().nextKey == next)
            try await says(before.key, web2)
            let collector = try await stage.client(as: "collector/main")
            #expect(try await collector.roster().nextKey == next)
            var request = RosterRequest(after: 0)
            request.serverKey = next
            collector.send(.rosterRequest(request))
            _ = try await collector.next { if case .rosterReply(let reply) = $0 { reply } else { nil } }
            let known = try await state(client, .show)
            #expect(known.informed == 2 && known.uninformed.map(\.description) == ["agent/db-1", "agent/web-2"])

            let failure = try await client.failure(of: .serverKey(.use(isForced: false)))
            #expect(failure.code == .refused)
            #expect(failure.message.hasPrefix("agent/db-1, agent/web-2 would not find"), "\(failure.message)")
            #expect(try await PublicKey(stage.storedKey) == before.key)

            // It is forced.
            #expect(try await state(client, .use(isForced: true)).isInUse)
            #expect(try await stage.ending() == .keyChanged)
            #expect(try await PublicKey(stage.storedKey) == next)
        }
    }

    @Test func `a next key that was prepared is told again by a coordinator that was started anew`() async throws {
        try await CoordinatorStage.with { stage in
            let next = try await state(try await stage.client(), .prepare).next
            await stage.stop()
            try await stage.start()
            let client = try await stage.client()
            let shown = try await state(client, .show)
            #expect(shown.next == next && next != nil && shown.informed == 0)
            #expect(try await stage.agent("web-1").hello().nextKey == next)
        }
    }

    @Test func `the gate's key goes with the coordinator's, and open tokens with it`() async throws {
        let key = PublicKey(try CurveKeyPair.generate().publicKey)
        let enrollment = EnrollmentRules(
            endpoint: "tcp://127.0.0.1:1", gateKey: key, needsApproval: false, sync: "tcp://127.0.0.1:2",
            broadcast: "tcp://127.0.0.1:3", coordinatorKey: key
        ) { () throws(TransportError) in throw TransportError(.unavailable, "nobody is to come here") }
        try await CoordinatorStage.with(enrollment: enrollment) { stage in
            let gateFile = NextKeyFile(besides: stage.directory + "/enroller.key")
            let stolen = try CurveKeyPair.generate()
            try stolen.write(secretFile: gateFile.present)
            // Of a change that broke off: it was copied, too.
            let alsoStolen = try gateFile.make()
            let client = try await stage.client()
            for _ in 1...2 { _ = try await client.ask(.createToken(TokenDraft(peerRole: .agent))) }
            _ = try await client.ask(.revokeToken(TokenID(rawValue: 1)))
            _ = try await state(client, .prepare)
            // What is refused changes neither.
            #expect(try await client.failure(of: .serverKey(.use(isForced: false))).code == .refused)
            #expect(try CurveKeyPair.read(secretFile: gateFile.present).publicKey == stolen.publicKey)

            let used = try await state(client, .use(isForced: true))
            #expect(used.isInUse && used.revokedTokens == 1)
            #expect(try await stage.ending() == .keyChanged)
            let present = try CurveKeyPair.read(secretFile: gateFile.present).publicKey
            #expect(![stolen.publicKey, alsoStolen.publicKey].contains(present))
            #expect(try gateFile.read() == nil)
            let store = try SQLitePolicyStore(path: stage.directory + "/coordinator.sqlite")
            #expect(try store.access().tokens.map(\.isRevoked) == [true, true])
            let lines = try store.audit(AuditFilter()).map(\.draft).filter { $0.what == "token.revoke" }
            #expect(lines.map(\.target) == ["token 1", "token 2"])
        }
    }
}
