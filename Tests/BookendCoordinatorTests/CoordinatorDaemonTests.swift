import BookendDaemon
import BookendModel
import Glibc
import Testing

@testable import BookendCoordinator

/// The whole daemon over real sockets with CURVE.
@Suite(.timeLimit(.minutes(5))) struct CoordinatorDaemonTests {
    @Test func `an agent gets its policies, and a trigger again until it acknowledges`() async throws {
        try await CoordinatorStage.with { stage in
            let operator_ = try await stage.client()
            let agent = try await stage.agent("web-1")
            #expect(try await agent.hello().policies == [])
            let outcome = try await operator_.apply([.sample()])
            #expect(outcome.map(\.change) == [.created])
            #expect(outcome.first?.agents == [web1, web2])
            #expect(try await agent.hello(generation: 0).policies.map(\.revision) == [1])

            let orders = try await stage.subscriber("web-1", to: ["web-1"])
            try await orders.awaitConnection()
            let records = try await operator_.backup(.sample(agents: [web1]))
            #expect(records.map(\.state) == [.pending])
            #expect(records.map(\.trigger.job.rawValue) == [1])
            #expect(try await orders.trigger() == records[0].trigger)
            #expect(try await agent.trigger() == records[0].trigger)
            #expect(try await agent.trigger() == records[0].trigger)
            agent.send(.triggerAck(records[0].trigger.job))
            let collector = try await stage.client(as: "collector/main")
            try await collector.rosterState(of: records[0].trigger.job, becomes: .delivered)
            #expect(try await agent.hello().triggers == [])
        }
    }

    @Test func `a change of a policy is published to the agents that are online`() async throws {
        try await CoordinatorStage.with { stage in
            let operator_ = try await stage.client()
            let agent = try await stage.agent("web-1")
            try await agent.hello()
            let orders = try await stage.subscriber("web-1", to: ["web-1"])
            try await orders.awaitConnection()
            // The subscription has been taken in once the coordinator answers it over sync.
            _ = try await agent.next { if case .heartbeatReply(let reply) = $0 { reply } else { nil } }
            _ = try await operator_.apply([.sample(), .sample("other", agents: Selector(ids: [db1]))])
            let first = try await orders.next { if case .policyChange(let change) = $0 { change } else { nil } }
            #expect(first.generation == 1)
            #expect(first.revision?.policy == .sample())
            let second = try await orders.next { if case .policyChange(let change) = $0 { change } else { nil } }
            #expect(second == PolicyChange(generation: 2, name: PolicyName(rawValue: "other"), revision: nil))
        }
    }

    @Test func `a start that passed in a pause does not begin when its policy is paused again`() async throws {
        // On a busy machine the first pause may be over before it is asked for: once more then, with more time.
        var unit = Duration.seconds(1)
        while try await !pausesTwice(unit) { unit = unit * 8 }
    }

    /// - Returns: `false`: it was too slow.
    private func pausesTwice(_ unit: Duration) async throws -> Bool {
        var isInTime = true
        try await CoordinatorStage.with { stage in
            let operator_ = try await stage.client()
            let agent = try await stage.agent("web-1")
            try await agent.hello()
            let (clock, begun) = (SystemClock(), SystemClock().now)
            var policy = Policy.sample()
            let (passed, later) = (begun.wall + unit * 2, begun.wall + .seconds(86_400))
            policy.schedules = [Schedule(.at(passed)), Schedule(.at(later))]
            _ = try await operator_.apply([policy])
            func pause(until end: UnixTime) async throws -> ControlReply {
                try await operator_.ask(.makeHold(HoldDraft(target: .policy(policy.name), reason: "disks", until: end)))
            }
            _ = try await pause(until: begun.wall + unit * 3)
            guard clock.now.boot < begun.boot + unit else {
                isInTime = false
                return
            }
            #expect(try await agent.hello().slots.map(\.scheduledStart) == [later])
            try await clock.sleep(until: begun.boot + unit * 3 + .milliseconds(100))
            guard case .holds = try await pause(until: begun.wall + .seconds(3_600)) else {
                Issue.record("the second pause was refused")
                return
            }
            let snapshot = try await agent.hello()
            #expect(snapshot.slots.map(\.scheduledStart) == [later] && snapshot.triggers == [])
        }
        return isInTime
    }

    @Test func `an agent hears its own topic only`() async throws {
        try await CoordinatorStage.with { stage in
            let operator_ = try await stage.client()
            _ = try await operator_.apply([.sample()])
            let agents = [try await stage.agent("web-1"), try await stage.agent("web-2")]
            for agent in agents { try await agent.hello() }
            let spy = try await stage.subscriber("web-1", to: ["web-2", "web-1"])
            try await spy.awaitConnection()
            _ = try await agents[0].next { if case .heartbeatReply(let reply) = $0 { reply } else { nil } }
            let other = try await operator_.backup(.sample(agents: [web2]))
            let own = try await operator_.backup(.sample(agents: [web1]))
            #expect(other.map(\.trigger.job.rawValue) == [1])
            #expect(try await spy.trigger() == own[0].trigger)
        }
    }

    @Test func `an agent cannot speak for another`() async throws {
        try await CoordinatorStage.with { stage in
            let operator_ = try await stage.client()
            _ = try await operator_.apply([.sample()])
            let agent = try await stage.agent("web-1")
            try await agent.hello()
            let records = try await operator_.backup(.sample(agents: [web1]))
            let forger = try await stage.agent("web-2")
            forger.send(.triggerAck(records[0].trigger.job))
            // An agent may give no orders, and its next answer shows that the order was read and left.
            forger.send(.control(request: 1, .cancel(records[0].trigger.job)))
            try await forger.hello()
            let collector = try await stage.client(as: "collector/main")
            let roster = try await collector.roster()
            #expect(roster.triggers.map(\.state) == [.pending])
            #expect(roster.triggers.map(\.isCanceled) == [false])
            #expect(try await agent.trigger().job == records[0].trigger.job)
        }
    }

    @Test func `triggers, cancels and policies survive a restart, and ids go on`() async throws {
        try await CoordinatorStage.with { stage in
            var client = try await stage.client()
            _ = try await client.apply([.sample()])
            let first = try await client.backup(.sample(queueFor: .seconds(600)))
            #expect(first.map(\.trigger.job.rawValue) == [1, 2])
            guard case .canceled(let canceled) = try await client.ask(.cancel(first[1].trigger.job)) else {
                Issue.record("the cancel was refused")
                return
            }
            #expect(canceled.isCanceled)
            await client.close()
            await stage.stop()
            try await stage.start()

            client = try await stage.client()
            let agent = try await stage.agent("web-1")
            let greeting = try await agent.hello()
            #expect(greeting.triggers == [first[0].trigger])
            #expect(greeting.policies.map(\.policy) == [.sample()])
            let other = try await stage.agent("web-2").hello()
            #expect(other.cancels == [first[1].trigger.job])
            #expect(try await client.backup(.sample()).map(\.trigger.job.rawValue) == [3, 4])
            // Both were heard of before the restart: remembered, with the time.
            #expect(try await client.agents().map(\.isOnline) == [false, true, true])
        }
    }

    @Test func `an agent that was restored and goes on with a canceled job is told of the cancel again`() async throws {
        try await CoordinatorStage.with { stage in
            let client = try await stage.client()
            let agent = try await stage.agent("web-1")
            _ = try await client.apply([.sample()])
            _ = try await agent.hello()
            let trigger = try await client.backup(.sample(agents: [web1]))[0].trigger
            _ = try await client.ask(.cancel(trigger.job))
            agent.send(.triggerAck(trigger.job))
            agent.send(.cancelAck(trigger.job))
            #expect(try await agent.hello().cancels == [])
            let active = ActiveJob(job: trigger.job, policy: trigger.policy, attempt: 1, stage: .backup)
            _ = try await agent.hello(activeJobs: [active])
            #expect(try await agent.hello(activeJobs: [active]).cancels == [trigger.job])
        }
    }

    @Test func `an agent is remembered over a restart, and found offline until it speaks`() async throws {
        try await CoordinatorStage.with { stage in
            let agent = try await stage.agent("web-1")
            try await agent.hello()
            await stage.stop()
            try await stage.start()
            let client = try await stage.client()
            let record = try await client.agents().first { $0.id == web1 }
            #expect(record?.isOnline == false)
            #expect(record?.lastHeardAt != nil)
            #expect(record?.version == "0.1.0")
            // A coordinator that was started anew hears what the agent knows before it tells anything.
            agent.send(
                .heartbeat(Heartbeat(generation: 0, activeJobs: [], outboxDepth: 0, wall: SystemClock().now.wall)))
            _ = try await agent.next { if case .helloLater = $0 { true } else { nil } }
            try await agent.hello()
            #expect(try await client.agents().first { $0.id == web1 }?.isOnline == true)
        }
    }

    @Test func `a job id that an agent knows is not given again`() async throws {
        try await CoordinatorStage.with { stage in
            let client = try await stage.client()
            _ = try await client.apply([.sample()])
            let agent = try await stage.agent("web-1")
            try await agent.hello(highestJob: 500)
            #expect(try await client.backup(.sample(agents: [web1])).map(\.trigger.job.rawValue) == [1_501])
            // One that cannot be is not believed.
            try await agent.hello(highestJob: .max)
            #expect(try await client.backup(.sample(agents: [web1])).map(\.trigger.job.rawValue) == [1_502])
        }
    }

    @Test func `whoever comes first after a restore, ids go on above what any of them knows, in one new epoch`()
        async throws
    {
        for order in [["web-1", "web-2", "db-1"], ["db-1", "web-2", "web-1"], ["web-2", "db-1", "web-1"]] {
            try await CoordinatorStage.with { stage in
                let client = try await stage.client()
                _ = try await client.apply([.sample(agents: Selector(patterns: ["*"]))])
                let known: [String: Int64] = ["web-1": 5_000, "web-2": 700_000, "db-1": 930_000]
                var epochs: Set<UInt64> = []
                var highest: Int64 = 0
                for name in order {
                    let agent = try await stage.agent(name)
                    epochs.insert(try await agent.hello(generation: 40, highestJob: known[name] ?? 0).epoch)
                    highest = max(highest, known[name] ?? 0)
                    let order = BackupOrder.sample(agents: [AgentID(rawValue: name)])
                    let job = try #require(try await client.backup(order).first?.trigger.job.rawValue)
                    #expect(job > highest)
                    highest = job
                }
                // The first one's snapshot was made before it: it is told with the next.
                #expect(epochs.count == 2)
            }
        }
    }

    @Test func `ids that were given twice tell that state went back in time, once`() async throws {
        try await CoordinatorStage.with { stage in
            let client = try await stage.client()
            _ = try await client.apply([.sample(agents: Selector(patterns: ["*"]))])
            // Offline: its agent has said nothing yet. And pending, as its agent has.
            let never = try await client.backup(.sample(agents: [web1]))[0].trigger
            let owner = try await stage.agent("db-1")
            let epoch = try await owner.hello().epoch
            let job = try await client.backup(.sample(agents: [db1]))[0].trigger
            #expect(try await owner.hello(known: [job]).epoch == epoch, "its own job tells nothing")

            // Others that they had by these ids, from a life that the coordinator forgot.
            let (earlier, late) = (never.scheduledStart + .seconds(-9), never.scheduledStart + .seconds(-5))
            var lost = [never, job]
            (lost[0].scheduledStart, lost[1].scheduledStart, lost[1].agent) = (earlier, late, web1)
            let witness = try await stage.agent("web-1")
            _ = try await witness.hello(known: lost)
            let renewed = try await witness.hello(known: lost).epoch
            #expect(renewed != epoch)
            #expect(try await witness.hello(known: lost).epoch == renewed)
            // The order goes on under an id that nobody else has; the agent's own job keeps the one that it knows.
            let moved = JobID(rawValue: job.job.rawValue + 1)
            #expect(try await client.failure(of: .cancel(moved)).message.contains("was offline (31)"))
            guard case .audit(let lines) = try await client.ask(.readAudit(AuditFilter())) else { return }
            let renewals = lines.map(\.draft).filter { $0.what == "epoch.renew" }
            #expect(renewals.map(\.target) == ["job \(never.job)"])
        }
    }

    @Test func `an agent that knows another job by an order's id tells that state went back in time`() async throws {
        try await CoordinatorStage.with { stage in
            let client = try await stage.client()
            _ = try await client.apply([.sample()])
            let agent = try await stage.agent("web-1")
            let epoch = try await agent.hello().epoch
            let job = try await client.backup(.sample(agents: [web1]))[0].trigger.job
            agent.send(.triggerConflict(job))
            let snapshot = try await agent.hello()
            #expect(snapshot.triggers.map(\.job) == [JobID(rawValue: job.rawValue + 1)])
            #expect(snapshot.epoch != epoch)
        }
    }

    /// - Parameter runs: The database was put back before so many runs; 0: a number above all that there are.
    @Test(arguments: [0, 1, 3])
    func `a collector that knows changes which were lost is told everything anew`(runs: Int) async throws {
        try await CoordinatorStage.with { stage in
            let client = try await stage.client()
            _ = try await client.apply([.sample()])
            let collector = try await stage.client(as: "collector/main")
            let first = try await collector.roster()
            let job = try await client.backup(.sample(agents: [web1]))[0].trigger.job
            let told = try await collector.roster(after: first.through, epoch: first.epoch)
            #expect(told.triggers.map(\.trigger.job) == [job] && told.epoch == first.epoch)
            for _ in 1...max(1, runs) {
                await stage.stop()
                try await stage.start()
            }
            let client2 = try await stage.client()
            let collector2 = try await stage.client(as: "collector/main")
            let next = try await client2.backup(.sample(agents: [web1]))[0].trigger.job
            let honest = try await collector2.roster(after: told.through, epoch: told.epoch)
            #expect(honest.triggers.map(\.trigger.job) == [next] && honest.epoch == told.epoch)
            // As one who was told of more, before this database was put back.
            let known = runs == 0 ? honest.through + 1 : told.through + 1
            let anew = try await collector2.roster(after: known, epoch: told.epoch)
            #expect(anew.triggers.map(\.trigger.job) == [job, next] && anew.epoch != told.epoch)
            let again = try await collector2.roster(after: anew.through, epoch: anew.epoch)
            #expect(again.triggers.isEmpty && again.epoch == anew.epoch)
        }
    }

    @Test func `a collector is told of the audit log's head when the run began, before it makes the log grow`()
        async throws
    {
        try await CoordinatorStage.with { stage in
            _ = try await stage.client().apply([.sample()])
            let collector = try await stage.client(as: "collector/main")
            let before = try await collector.roster()
            await stage.stop()
            try await stage.start()
            let collector2 = try await stage.client(as: "collector/main")
            let first = try await collector2.roster(after: before.through + 1, epoch: before.epoch)
            #expect(first.epoch != before.epoch && first.auditHead == before.auditHead)
            let second = try await collector2.roster(after: first.through, epoch: first.epoch)
            #expect(try #require(second.auditHead).sequence > #require(before.auditHead).sequence)
        }
    }

    @Test func `an agent that makes conflicts up moves its orders only so often, and stands in the audit log`()
        async throws
    {
        try await CoordinatorStage.with { stage in
            let client = try await stage.client()
            _ = try await client.apply([.sample()])
            let agent = try await stage.agent("web-1")
            try await agent.hello()
            let job = try await client.backup(.sample(agents: [web1]))[0].trigger.job.rawValue
            let most = Int64(Coordinator.mostReissues)
            for moved in 0...most { agent.send(.triggerConflict(JobID(rawValue: job + moved))) }
            let triggers = try await agent.hello().triggers
            #expect(triggers.map(\.job.rawValue) == [job + most], "the order is the agent's still")
            guard case .audit(let lines) = try await client.ask(.readAudit(AuditFilter())) else { return }
            let refused = lines.map(\.draft).filter { $0.what == "trigger.reissue" }
            #expect(refused.map(\.result) == [.refused] && refused.map(\.who) == ["agent/web-1"])
        }
    }

    @Test func `an agent that makes numbers up has them raised a few times a run, and stands in the audit log`()
        async throws
    {
        try await CoordinatorStage.with { stage in
            let client = try await stage.client()
            _ = try await client.apply([.sample()])
            let agent = try await stage.agent("web-1")
            let first = try await agent.hello()
            var epochs: Set<UInt64> = []
            var highest: Int64 = 0
            for _ in 1...40 {
                let snapshot = try await agent.hello(generation: 1 << 40, highestJob: highest + 900_000)
                epochs.insert(snapshot.epoch)
                #expect(snapshot.generation == first.generation)
                highest = try await client.backup(.sample(agents: [web1]))[0].trigger.job.rawValue
            }
            #expect(highest == 40 && epochs == [first.epoch], "a generation that cannot be spoils all of it")
            for _ in 1...40 {
                epochs.insert(try await agent.hello(highestJob: highest + 900_000).epoch)
                highest = try await client.backup(.sample(agents: [web1]))[0].trigger.job.rawValue
            }
            #expect(epochs.count == 2 && highest < 2_000_000)
            guard case .audit(let lines) = try await client.ask(.readAudit(AuditFilter())) else { return }
            let raises = lines.map(\.draft).filter { $0.what == "numbers.raise" && $0.who == "agent/web-1" }
            #expect(raises.map(\.result) == [.refused, .done], "\(raises)")
        }
    }

    @Test func `policies are applied all or none, and keep their history`() async throws {
        try await CoordinatorStage.with { stage in
            let client = try await stage.client()
            let wrong = Policy.sample("wrong", program: "not/absolute")
            let failure = try await client.failure(of: .applyPolicies([.sample(), wrong], dryRun: false))
            #expect(failure.code == .invalid)
            #expect(failure.message.contains("policy wrong: backup.program"))
            #expect(try await client.ask(.listPolicies) == .policies([]))
            let twice = try await client.failure(of: .applyPolicies([.sample(), .sample()], dryRun: false))
            #expect(twice.message.contains("policy daily: stands there twice"))

            guard case .applied(let dry) = try await client.ask(.applyPolicies([.sample()], dryRun: true)) else {
                Issue.record("the dry run was refused")
                return
            }
            #expect(dry.map(\.change) == [.created])
            #expect(try await client.ask(.listPolicies) == .policies([]))

            #expect(try await client.apply([.sample()]).map(\.revision) == [1])
            #expect(try await client.apply([.sample()]).map(\.change) == [.unchanged])
            let changed = try await client.apply([.sample(program: "/bin/false")])
            #expect(changed.map(\.revision) == [2])
            #expect(changed.map(\.change) == [.changed])
            let name = PolicyName(rawValue: "daily")
            guard case .policies(let first) = try await client.ask(.showPolicy(name, revision: 1)) else {
                Issue.record("revision 1 is gone")
                return
            }
            #expect(first.map(\.policy) == [.sample()])
            #expect(first.map(\.appliedBy) == ["local/\(getuid())"])
            _ = try await client.ask(.deletePolicy(name))
            #expect(try await client.failure(of: .showPolicy(name, revision: nil)).code == .notFound)
            guard case .policies(let second) = try await client.ask(.showPolicy(name, revision: 2)) else {
                Issue.record("a deleted policy has no history")
                return
            }
            #expect(second.map(\.policy.engine) == [.command(CommandPlan(program: "/bin/false"))])
        }
    }

    @Test func `a refusal names the thing and the next step`() async throws {
        try await CoordinatorStage.with { stage in
            let client = try await stage.client()
            _ = try await client.apply([.sample()])
            let cases: [(ControlRequest, RemoteFailure.Code, String)] = [
                (.backup(.sample("dayly")), .notFound, "there is no policy dayly: did you mean daily?"),
                (.backup(.sample("xyz")), .notFound, "there is no policy xyz: bookend policy list"),
                (.backup(.sample(agents: [db1])), .refused, "policy daily does not pick agent db-1"),
                (.backup(.sample(agents: [AgentID(rawValue: "web-3")])), .notFound, "did you mean web-"),
                (.cancel(JobID(rawValue: 9)), .notFound, "job 9 is not known"),
                (.deletePolicy(PolicyName(rawValue: "daily2")), .notFound, "did you mean daily?"),
                (.showPolicy(PolicyName(rawValue: "daily"), revision: 7), .notFound, "it is at revision 1 now"),
                (
                    .ask(web1, .logs(job: JobID(rawValue: 1), attempt: nil, stage: nil, follow: false)), .unavailable,
                    "agent web-1 is offline"
                ),
            ]
            for (request, code, text) in cases {
                let failure = try await client.failure(of: request)
                #expect(failure.code == code)
                #expect(failure.message.contains(text), "\(failure.message)")
            }
            let offline = try await client.backup(.sample())
            #expect(offline.map(\.state) == [.offline, .offline])
            #expect(try await client.failure(of: .cancel(offline[0].trigger.job)).message.contains("was offline (31)"))
        }
    }

    @Test func `an operator's key gives orders over TCP, a collector's does not`() async throws {
        try await CoordinatorStage.with { stage in
            let alice = try await stage.client(as: "operator/alice")
            _ = try await alice.apply([.sample()])
            guard case .policies(let policies) = try await alice.ask(.listPolicies) else {
                Issue.record("the list was refused")
                return
            }
            #expect(policies.map(\.appliedBy) == ["operator/alice"])
            let collector = try await stage.client(as: "collector/main")
            let refused = try await collector.failure(of: .deletePolicy(PolicyName(rawValue: "daily")))
            #expect(refused.code == .refused)
            #expect(refused.message.contains("collector/main may not delete a policy"))
            #expect(try await alice.ask(.listPolicies) == .policies(policies))
        }
    }

    @Test func `a request that cannot be read is answered under number zero`() async throws {
        try await CoordinatorStage.with { stage in
            let client = try await stage.client()
            client.send(bytes: [0xFF, 0xFF, 0xFF])
            guard case .failed(let failure) = try await client.answer(to: 0) else {
                Issue.record("it was not refused")
                return
            }
            #expect(failure.code == .invalid)
            #expect(try await client.ask(.listPolicies) == .policies([]))
        }
    }

    @Test func `an agent that is unheard of for too long is offline`() async throws {
        let rules = CoordinatorRules(offlineAfter: .milliseconds(200), redeliverAfter: .milliseconds(50))
        try await CoordinatorStage.with(rules: rules) { stage in
            let client = try await stage.client()
            _ = try await client.apply([.sample()])
            try await stage.agent("web-1").hello()
            while try await client.agents().contains(where: \.isOnline) {}
            #expect(try await client.backup(.sample(agents: [web1])).map(\.state) == [.offline])
        }
    }

    @Test func `a question is relayed with credit, and its answers come back`() async throws {
        try await CoordinatorStage.with { stage in
            let client = try await stage.client()
            let agent = try await stage.agent("web-1")
            try await agent.hello()
            let request = AskRequest.logs(job: JobID(rawValue: 7), attempt: nil, stage: nil, follow: true)
            let number = client.start(.ask(web1, request))
            let (id, credit) = try await agent.next { envelope -> (UInt64, Int)? in
                guard case .askCall(.open(let id, request, let credit)) = envelope else { return nil }
                return (id, credit)
            }
            #expect((1...64).contains(credit))
            let chunk = AskAnswer.log(
                LogChunk(attempt: 1, stage: .preScript, stream: .standardOutput, data: Array("hello".utf8)))
            agent.send(.askReply(.chunk(id: id, chunk)))
            #expect(try await client.answer(to: number) == .answer(chunk))
            client.send(.control(request: number, .askCredit(chunks: 5)))
            let more = try await agent.next { if case .askCall(.credit(id, let chunks)) = $0 { chunks } else { nil } }
            #expect(more == 5)
            agent.send(.askReply(.end(id: id, nil)))
            #expect(try await client.answer(to: number) == .done)

            // Another agent's answers to it are not taken, and one that nobody waits for is closed.
            let second = client.start(.ask(web1, request))
            let open = try await agent.next { if case .askCall(.open(let id, _, _)) = $0 { id } else { nil } }
            let forger = try await stage.agent("web-2")
            try await forger.hello()
            forger.send(.askReply(.chunk(id: open, chunk)))
            let refused = try await forger.next { if case .askCall(.close(let id)) = $0 { id } else { nil } }
            #expect(refused == open)
            agent.send(.askReply(.end(id: open, RemoteFailure(.notFound, "no such job"))))
            #expect(try await client.answer(to: second) == .failed(RemoteFailure(.notFound, "no such job")))
        }
    }

    @Test func `a client that is gone leaves no question open`() async throws {
        try await CoordinatorStage.with { stage in
            let client = try await stage.client()
            let agent = try await stage.agent("web-1")
            try await agent.hello()
            _ = client.start(
                .ask(web1, .logs(job: JobID(rawValue: 7), attempt: nil, stage: nil, follow: true)))
            let id = try await agent.next { if case .askCall(.open(let id, _, _)) = $0 { id } else { nil } }
            await client.close()
            let chunk = AskAnswer.log(LogChunk(attempt: 1, stage: .preScript, stream: .standardOutput, data: [1]))
            var closed: UInt64?
            while closed == nil {
                agent.send(.askReply(.chunk(id: id, chunk)))
                agent.send(
                    .heartbeat(Heartbeat(generation: 0, activeJobs: [], outboxDepth: 0, wall: SystemClock().now.wall)))
                closed = try await agent.next { envelope -> UInt64?? in
                    switch envelope {
                    case .askCall(.close(let id)): .some(id)
                    case .heartbeatReply: .some(nil)
                    default: nil
                    }
                }
            }
            #expect(closed == id)
        }
    }

    @Test func `an agent that breaks away ends the questions that it was asked`() async throws {
        try await CoordinatorStage.with { stage in
            let client = try await stage.client()
            let agent = try await stage.agent("web-1")
            try await agent.hello()
            let number = client.start(
                .ask(web1, .snapshots(repository: RepositoryName(rawValue: "main"), policy: nil)))
            _ = try await agent.next { if case .askCall(.open(let id, _, _)) = $0 { id } else { nil } }
            try await stage.agent("web-1").hello()
            guard case .failed(let failure) = try await client.answer(to: number) else {
                Issue.record("the question did not end")
                return
            }
            #expect(failure.code == .unavailable)
        }
    }

    @Test func `five hundred orders for twenty agents that come together are all recorded`() async throws {
        let names = (1...20).map { "web-\($0)" }
        try await CoordinatorStage.with(agents: Dictionary(uniqueKeysWithValues: names.map { ($0, "") })) { stage in
            let client = try await stage.client()
            _ = try await client.apply([.sample()])
            let numbers = (1...500).map { _ in client.start(.backup(.sample(queueFor: .seconds(3_600)))) }
            var jobs: Set<JobID> = []
            for number in numbers {
                guard case .triggered(let records) = try await client.answer(to: number) else {
                    Issue.record("order \(number) was refused")
                    return
                }
                jobs.formUnion(records.map(\.trigger.job))
            }
            #expect(jobs == Set((1...10_000).map { JobID(rawValue: $0) }))
            let collector = try await stage.client(as: "collector/main")
            var seen = 0
            var page = try await collector.roster()
            while true {
                #expect(page.triggers.count <= 1_000)
                seen += page.triggers.count
                if page.isComplete { break }
                page = try await collector.roster(after: page.through)
            }
            #expect(seen == 10_000)
        }
    }
}
