import BookendModel
import BookendTestSupport
import BookendTransport
import Glibc
import Testing

@testable import BookendCoordinator

/// The table of what each role may do, over real sockets with CURVE; and agents that speak in another's name.
@Suite(.timeLimit(.minutes(5))) struct RoleTests {
    private static let job = JobID(rawValue: 4_711)
    private static let daily = PolicyName(rawValue: "no-such-policy")

    /// One request of each kind. None does anything where it is allowed: what it names is not there.
    private static let requests: [ControlRequest] = [
        .applyPolicies([], dryRun: true), .applyPolicies([], dryRun: false), .listPolicies,
        .showPolicy(daily, revision: nil), .deletePolicy(daily), .backup(.sample("no-such-policy")),
        .rehearse(RehearsalOrder(policy: daily, agent: web1)), .cancel(job),
        .listAgents, .listSlots(nil, nil, limit: 1), .listStarts(StartFilter(limit: 1)), .listHolds,
        .readDrift(DriftFilter(policy: daily)),
        .makeHold(
            HoldDraft(target: .policy(PolicyName(rawValue: "daily")), reason: "r", until: UnixTime(milliseconds: .max))),
        .releaseHold(.policy(PolicyName(rawValue: "daily"))), .releaseHold(.agent(web1)),
        .ask(db1, .logs(job: job, attempt: nil, stage: nil, follow: false)),
        .ask(db1, .snapshots(repository: RepositoryName(rawValue: "main"), policy: nil)),
        .ask(
            db1, .restore(repository: RepositoryName(rawValue: "main"), snapshot: "latest", target: "/x", include: [])),
        .ask(db1, .debts), .ask(db1, .payDebts(job: job, attempt: nil)),
        .ask(db1, .forgiveDebts(job: job, attempt: nil, by: "", reason: "")),
        .listPeers(nil), .labelPeer(peer, set: [:], remove: []), .renamePeer(peer, to: "x"), .approvePeer(peer),
        .revokePeer(peer), .listTokens,
        .createToken(TokenDraft(peerRole: .agent)), .revokeToken(TokenID(rawValue: 4_711)),
        .readAudit(AuditFilter()), .rotateKey(AgentID(rawValue: "nobody-has-this-name")), .rotateOwnKey(ownKey),
        .serverKey(.show), .serverKey(.use(isForced: true)),
    ]
    private static let ownKey = PublicKey(checking: String(repeating: "0", count: 40))!
    private static let peer = PeerIdentity(role: .agent, name: "nobody-has-this-name")

    @Test(arguments: [
        ("operator/alice", Standing.admin), ("operator/otto", .operator), ("operator/vera", .viewer),
        ("operator/nobody", .viewer), ("subscriber/board", .subscriber), ("collector/main", .nobody),
        ("agent/web-1", .nobody),
    ])
    func `each request is answered or refused as the table says`(name: String, standing: Standing) async throws {
        try await CoordinatorStage.with { stage in
            let client = try await stage.client(as: name)
            for request in Self.requests {
                let reply = try await client.ask(request)
                let refusal = request.deed.refusal(of: name, as: standing)
                #expect((reply == .failed(refusal)) == (standing < request.deed.rule.least), "\(request): \(reply)")
            }
            let refused = Self.requests.count { standing < $0.deed.rule.least }
            #expect(stage.log.all(with: "something was refused").count == refused)
            #expect(stage.log.all(with: "something was refused").allSatisfy { $0.contains("from=127.0.0.1") })
        }
    }

    @Test func `there is a request of each kind above`() {
        let elsewhere: Set<Deed> = [
            .askContinue, .jobRead, .fleetRead, .feedRead, .alertRead, .alertAcknowledge, .alertResolve,
            .alertSilence, .channelTest, .messageResend, .messageDiscard,
        ]
        #expect(Set(Self.requests.map(\.deed)).union(elsewhere) == Set(Deed.allCases))
    }

    @Test func `a viewer that cancels is refused, and the job goes on; an operator's cancel holds`() async throws {
        try await CoordinatorStage.with { stage in
            let alice = try await stage.client(as: "operator/alice")
            let agent = try await stage.agent("web-1")
            try await agent.hello()
            _ = try await alice.apply([.sample()])
            let job = try await alice.backup(.sample(agents: [web1]))[0].trigger.job
            let vera = try await stage.client(as: "operator/vera")
            let failure = try await vera.failure(of: .cancel(job))
            #expect(failure.code == .refused)
            #expect(failure.message.contains("operator/vera, a viewer, may not cancel a job"))
            #expect(failure.message.contains("with the role operator"))
            let collector = try await stage.client(as: "collector/main")
            #expect(try await collector.roster().triggers.map(\.isCanceled) == [false])
            let otto = try await stage.client(as: "operator/otto")
            guard case .canceled(let record) = try await otto.ask(.cancel(job)) else {
                Issue.record("an operator's cancel was refused")
                return
            }
            #expect(record.isCanceled)
        }
    }

    @Test func `a role that is taken away holds for connections that are open`() async throws {
        try await CoordinatorStage.with { stage in
            let otto = try await stage.client(as: "operator/otto")
            #expect(try await otto.failure(of: .cancel(Self.job)).code == .notFound)
            await stage.rewriteKeys { $0.replacing("operator/otto role=operator", with: "operator/otto role=viewer") }
            while try await otto.failure(of: .cancel(Self.job)).code != .refused {}
        }
    }

    @Test func `who comes by the Unix socket is an admin, by the name of the user`() async throws {
        try await CoordinatorStage.with { stage in
            let local = try await stage.client()
            _ = try await local.apply([.sample()])
            guard case .policies(let policies) = try await local.ask(.listPolicies) else {
                Issue.record("the list was refused")
                return
            }
            #expect(policies.map(\.appliedBy) == ["local/\(getuid())"])
        }
    }

    // MARK: Agents

    @Test(arguments: ["trigger", "conflict", "cancel"])
    func `an acknowledgement of another agent's job is dropped, and counted`(kind: String) async throws {
        let rules = CoordinatorRules(redeliverAfter: .milliseconds(50))
        try await CoordinatorStage.with(rules: rules) { stage in
            let alice = try await stage.client(as: "operator/alice")
            let (agent, thief) = (try await stage.agent("web-1"), try await stage.agent("web-2"))
            try await agent.hello()
            try await thief.hello()
            _ = try await alice.apply([.sample()])
            let job = try await alice.backup(.sample(agents: [web1]))[0].trigger.job
            if kind == "cancel" { _ = try await alice.ask(.cancel(job)) }
            let forged: Envelope =
                switch kind {
                case "trigger": .triggerAck(job)
                case "conflict": .triggerConflict(job)
                default: .cancelAck(job)
                }
            for _ in 1...20 { thief.send(forged) }
            thief.send(
                .heartbeat(Heartbeat(generation: 0, activeJobs: [], outboxDepth: 0, wall: .init(milliseconds: 0))))
            _ = try await thief.next { if case .heartbeatReply(let reply) = $0 { reply } else { nil } }
            // It is still sent to the agent that it is for, under its own id.
            for _ in 1...3 {
                if kind == "cancel" {
                    _ = try await agent.next { if case .cancel(job) = $0 { true } else { nil } }
                } else {
                    #expect(try await agent.trigger().job == job)
                }
            }
            let lines = stage.log.all(with: "what=acknowledgement who=agent/web-2")
            #expect(lines.count == 1)
            #expect(lines.first?.contains("target=job \(job) of agent web-1") == true)
        }
    }

    @Test func `a heartbeat counts for the agent of its key, whatever jobs it names`() async throws {
        try await CoordinatorStage.with { stage in
            let alice = try await stage.client(as: "operator/alice")
            let thief = try await stage.agent("web-2")
            try await thief.hello()
            let stolen = ActiveJob(job: Self.job, policy: Self.daily, attempt: 1, stage: .backup)
            thief.send(
                .heartbeat(Heartbeat(generation: 0, activeJobs: [stolen], outboxDepth: 9, wall: .init(milliseconds: 0)))
            )
            _ = try await thief.next { if case .heartbeatReply(let reply) = $0 { reply } else { nil } }
            let records = try await alice.agents()
            #expect(records.first { $0.id == web1 }?.isOnline == false)
            #expect(records.first { $0.id == web1 }?.activeJobs == [])
            #expect(records.first { $0.id == web2 }?.activeJobs == [stolen])
        }
    }

    @Test func `an agent that asks for the roster, or answers for another, is heard by nobody`() async throws {
        try await CoordinatorStage.with { stage in
            let alice = try await stage.client(as: "operator/alice")
            let (agent, thief) = (try await stage.agent("web-1"), try await stage.agent("web-2"))
            try await agent.hello()
            try await thief.hello()
            let number = alice.start(.ask(web1, .debts))
            let id = try await agent.next { if case .askCall(.open(let id, _, _)) = $0 { id } else { nil } }
            thief.send(.rosterRequest(RosterRequest(after: 0)))
            thief.send(.askReply(.end(id: id, nil)))
            thief.send(.askReply(.chunk(id: id, .debts([]))))
            let closed = try await thief.next { envelope -> UInt64? in
                switch envelope {
                case .askCall(.close(let id)): return id
                case .rosterReply:
                    Issue.record("an agent got the roster")
                    return 0
                default: return nil
                }
            }
            #expect(closed == id)
            agent.send(.askReply(.end(id: id, RemoteFailure(.failed, "the right one"))))
            #expect(try await alice.answer(to: number) == .failed(RemoteFailure(.failed, "the right one")))
            #expect(stage.log.all(with: "what=answer who=agent/web-2").count == 1)
            #expect(stage.log.all(with: "what=message who=agent/web-2").count == 1)
        }
    }
}
