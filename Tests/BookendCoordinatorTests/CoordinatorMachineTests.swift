import BookendModel
import Testing

/// What the machine decides, on a clock that the test moves.
@Suite struct CoordinatorMachineTests {
    /// A machine with three enrolled agents and the policy `daily` for the two web servers.
    private func machine(_ policies: [Policy] = [.sample()]) -> CoordinatorMachine {
        var machine = CoordinatorMachine(CoordinatorState())
        _ = machine.handle(.enrolled([web1: ["role": "web"], web2: [:], db1: [:]]), at: .start)
        let plan = machine.policies.plan(applying: policies, by: "test", at: Moment.start.wall)
        _ = machine.handle(.policiesRecorded(plan.edits), at: .start)
        return machine
    }

    /// Plans and numbers an order as the store would.
    private func order(
        _ order: BackupOrder, in machine: inout CoordinatorMachine, firstJob: Int64 = 1, at now: Moment = .start
    ) throws -> (records: [TriggerRecord], actions: [CoordinatorMachine.Action]) {
        var records = try machine.plan(order, at: now)
        for index in records.indices { records[index].trigger.job = JobID(rawValue: firstJob + Int64(index)) }
        return (records, machine.handle(.triggersRecorded(records), at: now))
    }

    private func snapshot(in actions: [CoordinatorMachine.Action]) -> SyncSnapshot? {
        for case .send(.syncSnapshot(let snapshot), _) in actions { return snapshot }
        return nil
    }

    // MARK: A coordinator that was restored

    /// A start that the agent began alone as job 3, and that its coordinator, which went back in time, calls job 9.
    private func restored() -> (machine: CoordinatorMachine, known: KnownJob, job: JobID) {
        let start = Moment.start.wall
        let slot = Trigger(
            job: JobID(rawValue: 9), agent: web1, policy: PolicyName(rawValue: "daily"), revision: 1, cause: .schedule,
            scheduledStart: start + .seconds(-30), notAfter: start + .seconds(3_600))
        let open = OpenTrigger(
            record: TriggerRecord(trigger: slot, state: .pending), isCancelAcknowledged: false, isSlot: true)
        let revision = PolicyRevision(policy: .sample(), revision: 1, appliedAt: start, appliedBy: "test")
        var rules = CoordinatorRules()
        rules.hellosPerSecond = 1
        var machine = CoordinatorMachine(
            CoordinatorState(policies: [revision], openTriggers: [open]), rules: rules)
        _ = machine.handle(.enrolled([web1: [:], web2: [:]]), at: .start)
        return (machine, KnownJob(job: JobID(rawValue: 3), fingerprint: slot.fingerprint), slot.job)
    }

    @Test func `an agent whose hello could not be compared is asked for another, and gets nothing before`() {
        var machine = machine()
        let start = Moment.start
        _ = machine.handle(.hello(web1, .sample(wall: start.wall)), at: start)
        #expect(machine.handle(.helloNotCompared(web1), at: start) == [])
        #expect(!machine.presence.isGreeted(web1) && machine.presence.isOnline(web1))
        func isAskedAgain(at now: Moment) -> Bool {
            let beat = Heartbeat(
                generation: 1, activeJobs: [], outboxDepth: 0, openDebts: 0, wall: now.wall, instance: 1)
            return machine.handle(.heartbeat(web1, beat), at: now).contains(.send(.helloLater(.zero), to: web1))
        }
        #expect(!isAskedAgain(at: start + .seconds(5)), "the disk may be full for a while")
        #expect(isAskedAgain(at: start + .seconds(15)))
        _ = machine.handle(.hello(web1, .sample(wall: start.wall)), at: start + .seconds(15))
        #expect(machine.presence.isGreeted(web1) && !isAskedAgain(at: start + .seconds(30)))
    }

    @Test(arguments: [true, false])
    func `new slots wait until every agent has said hello, or has had the time`(allCome: Bool) throws {
        let start = Moment.start
        let last = start.wall + .seconds(-7_200)
        var policy = Policy.sample()
        policy.schedules = [Schedule(.cron("30 * * * *"))]
        let revision = PolicyRevision(policy: policy, revision: 1, appliedAt: last, appliedBy: "test")
        var machine = CoordinatorMachine(
            CoordinatorState(policies: [revision], slotsPlannedAt: last), startedAt: start.boot)
        _ = machine.handle(.enrolled([web1: [:], web2: [:]]), at: start)

        func isPatient(at now: Moment) -> Bool {
            _ = machine.handle(.tick, at: now)
            guard let plan = machine.planSlots(at: now) else { return true }
            _ = machine.handle(.slotsRecorded([], plannedAt: plan.plannedAt), at: now)
            // What passed meanwhile is planned afterwards.
            return plan.new.isEmpty && plan.plannedAt == last
        }
        #expect(isPatient(at: start))
        _ = machine.handle(.hello(web1, .sample(wall: start.wall)), at: start)
        #expect(isPatient(at: start + .seconds(89)))
        var now = start + .seconds(90)
        if allCome {
            now = start + .seconds(89)
            _ = machine.handle(.hello(web2, .sample(wall: start.wall)), at: now)
        }
        _ = machine.handle(.tick, at: now)
        let plan = try #require(machine.planSlots(at: now))
        #expect(Set(plan.new.map(\.agent)) == [web1, web2] && plan.plannedAt == now.wall)
        #expect(try #require(plan.new.map(\.scheduledStart).min()) < start.wall)
    }

    @Test func `an agent whose hello must wait gets nothing before it has said what it began alone`() {
        var (machine, known, job) = restored()
        _ = machine.handle(.hello(web2, .sample(wall: Moment.start.wall)), at: .start)
        var hello = Hello.sample(highestJob: 3, wall: Moment.start.wall)
        hello.knownJobs = [known]
        let first = machine.handle(.hello(web1, hello), at: .start)
        #expect(snapshot(in: first) == nil && machine.presence.isOnline(web1))
        func tells(_ actions: [CoordinatorMachine.Action]) -> Bool {
            actions.contains { action in
                switch action {
                case .send(.trigger, let agent), .publish(.trigger, let agent), .send(.syncSnapshot, let agent):
                    agent == web1
                default: false
                }
            }
        }
        // Nothing else that happens meanwhile brings it the trigger.
        let beat = Heartbeat(generation: 0, activeJobs: [], outboxDepth: 0, wall: Moment.start.wall)
        let events: [CoordinatorMachine.Event] = [
            .tick, .heartbeat(web1, beat), .tick, .enrolled([web1: ["a": "b"], web2: [:]]), .subscribed(web1), .tick,
        ]
        for (index, event) in events.enumerated() {
            #expect(!tells(machine.handle(event, at: .start + .milliseconds(index))), "\(event)")
        }
        // It was told when to come; one who does not come is told once more.
        let late = machine.handle(.heartbeat(web1, beat), at: .start + .seconds(10))
        #expect(late.contains(.send(.helloLater(.zero), to: web1)) && !tells(late))
        #expect(!tells(machine.handle(.tick, at: .start + .seconds(11))))
        let second = machine.handle(.hello(web1, hello), at: .start + .seconds(12))
        #expect(second.contains(.record(.withdrawn(job))))
        #expect(snapshot(in: second)?.triggers == [] && snapshot(in: second)?.slots == [])
        #expect(!tells(machine.handle(.tick, at: .start + .seconds(60))))
    }

    // MARK: Rehearsals

    private func rehearsal(_ policy: String = "daily", _ agent: AgentID = web1) -> RehearsalOrder {
        RehearsalOrder(policy: PolicyName(rawValue: policy), agent: agent, fault: StagedFault(.kill))
    }

    private func withScripts() -> CoordinatorMachine {
        var policy = Policy.sample(window: .seconds(60))
        policy.scripts = ScriptPlan(directory: "/scripts")
        return machine([policy, .sample("bare")])
    }

    @Test func `a rehearsal is one trigger with its fault, without a window, and an agent that is offline fails it`()
        throws
    {
        var machine = withScripts()
        let offline = try machine.plan(rehearsal(), at: .start)
        #expect(offline.state == .offline)
        _ = machine.handle(.hello(web1, .sample(wall: Moment.start.wall)), at: .start)
        let record = try machine.plan(rehearsal(), at: .start)
        #expect(record.state == .pending && record.trigger.agent == web1 && record.trigger.cause == .rehearsal)
        #expect(record.trigger.fault == StagedFault(.kill) && record.trigger.windowEnd == nil)
        #expect(record.trigger.notAfter == Moment.start.wall + CoordinatorRules().orderPatience)
        var late = rehearsal()
        late.validUntil = Moment.start.wall + .milliseconds(-1)
        #expect(throws: OrderProblem.expired(validUntil: late.validUntil!, now: Moment.start.wall)) {
            try machine.plan(late, at: .start)
        }
    }

    @Test func `a rehearsal without scripts, on an agent that is not picked, or of nothing is refused`() {
        let machine = withScripts()
        let bare = PolicyName(rawValue: "bare")
        #expect(throws: OrderProblem.withoutScripts(bare)) { try machine.plan(rehearsal("bare"), at: .start) }
        #expect(throws: OrderProblem.notPicked(db1, by: PolicyName(rawValue: "daily"))) {
            try machine.plan(rehearsal("daily", db1), at: .start)
        }
        let nobody = AgentID(rawValue: "nobody")
        #expect(throws: OrderProblem.unknownAgent(nobody, known: [db1, web1, web2])) {
            try machine.plan(rehearsal("daily", nobody), at: .start)
        }
        #expect(throws: OrderProblem.self) { try machine.plan(rehearsal("dayly"), at: .start) }
    }

    @Test func `an agent that never came is listed as offline and never heard of`() {
        let records = machine().presence.records
        #expect(records.map(\.id) == [db1, web1, web2])
        #expect(records.allSatisfy { !$0.isOnline && $0.lastHeardAt == nil })
    }

    @Test func `a hello is answered by what is the agent's own`() throws {
        var machine = machine()
        let actions = machine.handle(.hello(web1, .sample(wall: Moment.start.wall)), at: .start)
        #expect(actions.contains(.note(.cameOnline(web1))))
        let own = try #require(snapshot(in: actions))
        #expect(own.generation == 1)
        #expect(own.policies.map(\.policy.name.rawValue) == ["daily"])
        let other = machine.handle(.hello(db1, .sample(wall: Moment.start.wall)), at: .start)
        #expect(snapshot(in: other)?.policies == [])
    }

    @Test func `somebody who is not enrolled gets nothing`() {
        var machine = machine()
        let stranger = AgentID(rawValue: "stranger")
        #expect(machine.handle(.hello(stranger, .sample(wall: Moment.start.wall)), at: .start).isEmpty)
        #expect(machine.presence.records.count == 3)
    }

    @Test func `labels of the key file win over what the agent claims`() {
        var machine = machine()
        _ = machine.handle(
            .hello(web1, .sample(labels: ["role": "db", "site": "north"], wall: Moment.start.wall)), at: .start)
        #expect(machine.presence.labels(of: web1) == ["role": "web", "site": "north"])
    }

    @Test func `claimed labels that are none are left out`() {
        var machine = machine()
        _ = machine.handle(
            .hello(web2, .sample(labels: ["a b": "c", "line": "a\nb", "fine": "yes"], wall: Moment.start.wall)),
            at: .start)
        #expect(machine.presence.labels(of: web2) == ["fine": "yes"])
    }

    @Test func `an agent unheard of for too long is offline, back with its next heartbeat, and asked for a hello`() {
        var machine = machine()
        _ = machine.handle(.hello(web1, .sample(wall: Moment.start.wall)), at: .start)
        #expect(machine.handle(.tick, at: .start + .seconds(44)).isEmpty)
        #expect(machine.handle(.tick, at: .start + .seconds(45)) == [.note(.wentOffline(web1))])
        let later = Moment.start + .seconds(50)
        let beat = Heartbeat(generation: 1, activeJobs: [], outboxDepth: 3, wall: later.wall)
        let actions = machine.handle(.heartbeat(web1, beat), at: later)
        #expect(actions.contains(.note(.cameOnline(web1))))
        // It missed what was published, and may have begun something alone: the snapshot comes when it has said what.
        #expect(snapshot(in: actions) == nil && actions.contains(.send(.helloLater(.zero), to: web1)))
        #expect(snapshot(in: machine.handle(.hello(web1, .sample(wall: later.wall)), at: later)) != nil)
        let next = machine.handle(.heartbeat(web1, beat), at: later)
        #expect(snapshot(in: next) == nil && !next.contains(.send(.helloLater(.zero), to: web1)))
        #expect(machine.presence.records.first { $0.id == web1 }?.outboxDepth == 3)
    }

    @Test func `of many jobs of an agent those are named that run`() {
        var machine = machine()
        let jobs = (1...500).map { number in
            ActiveJob(
                job: JobID(rawValue: Int64(number)), policy: PolicyName(rawValue: "daily"), attempt: 0,
                stage: number == 400 ? .backup : nil)
        }
        let beat = Heartbeat(generation: 1, activeJobs: jobs, outboxDepth: 0, wall: Moment.start.wall)
        _ = machine.handle(.heartbeat(web1, beat), at: .start)
        let named = machine.presence.records.first { $0.id == web1 }?.activeJobs.map(\.job.rawValue)
        #expect(named == [400] + Array(1...15))
    }

    @Test func `a clock that is more than a minute wrong is told once`() {
        var machine = machine()
        let fine = machine.handle(.hello(web1, .sample(wall: Moment.start.wall + .seconds(60))), at: .start)
        #expect(!fine.contains { if case .note(.clockSkewed) = $0 { true } else { false } })
        let wrong = Heartbeat(
            generation: 0, activeJobs: [], outboxDepth: 0, wall: Moment.start.wall + .milliseconds(-60_001))
        #expect(
            machine.handle(.heartbeat(web1, wrong), at: .start)
                .contains(.note(.clockSkewed(web1, .milliseconds(-60_001)))))
        #expect(
            !machine.handle(.heartbeat(web1, wrong), at: .start).contains { if case .note = $0 { true } else { false } }
        )
        #expect(machine.presence.records.first { $0.id == web1 }?.clockSkew == .milliseconds(-60_001))
    }

    @Test func `every online agent hears of a change, and only those that it picks get the policy`() {
        var machine = machine()
        for agent in [web1, db1] { _ = machine.handle(.hello(agent, .sample(wall: Moment.start.wall)), at: .start) }
        let plan = machine.policies.plan(
            applying: [.sample(program: "/bin/false")], by: "test", at: Moment.start.wall)
        let actions = machine.handle(.policiesRecorded(plan.edits), at: .start)
        let changes = actions.compactMap { action -> (AgentID, PolicyChange)? in
            if case .publish(.policyChange(let change), let agent) = action { (agent, change) } else { nil }
        }
        #expect(changes.map(\.0) == [db1, web1])
        #expect(changes.map(\.1.generation) == [2, 2])
        #expect(changes.map { $0.1.revision?.revision } == [nil, 2])
    }

    @Test func `applying what is there already changes nothing`() {
        let machine = machine()
        let plan = machine.policies.plan(
            applying: [.sample(), .sample("weekly")], by: "test", at: Moment.start.wall + .seconds(9))
        #expect(plan.outcomes.map(\.change) == [.unchanged, .created])
        #expect(plan.edits.map(\.generation) == [2])
        #expect(plan.outcomes[0].revision.appliedAt == Moment.start.wall)
    }

    @Test func `a policy that comes back after it was deleted goes on with its revisions`() throws {
        var machine = machine()
        let deletion = try #require(machine.policies.plan(deleting: PolicyName(rawValue: "daily")))
        _ = machine.handle(.policiesRecorded([deletion]), at: .start)
        #expect(machine.policies.all.isEmpty)
        let plan = machine.policies.plan(applying: [.sample()], by: "test", at: Moment.start.wall)
        #expect(plan.outcomes.map(\.revision.revision) == [2])
        #expect(plan.outcomes.map(\.change) == [.created])
    }

    @Test func `an order for an agent that is offline fails at once unless it may wait`() throws {
        var machine = machine()
        _ = machine.handle(.hello(web1, .sample(wall: Moment.start.wall)), at: .start)
        let now = try order(.sample(), in: &machine)
        #expect(now.records.map(\.state) == [.pending, .offline])
        #expect(now.actions == [.publish(.trigger(now.records[0].trigger), to: web1)])
        #expect(now.records[0].trigger.windowEnd == nil)
        let queued = try machine.plan(.sample(queueFor: .seconds(3_600)), at: .start)
        #expect(queued.map(\.state) == [.pending, .pending])
        #expect(queued[1].trigger.notAfter == Moment.start.wall + .seconds(3_600))
    }

    @Test func `an order as scheduled has the policy's window from now on`() throws {
        let machine = machine([.sample(window: .seconds(600))])
        let records = try machine.plan(.sample(asScheduled: true), at: .start)
        #expect(records.map(\.trigger.cause) == [.schedule, .schedule])
        #expect(records.map(\.state) == [.pending, .pending])
        #expect(
            records.map(\.trigger.windowEnd) == [Moment.start.wall + .seconds(600), Moment.start.wall + .seconds(600)])
        #expect(records.map(\.trigger.notAfter) == records.map(\.trigger.windowEnd))
    }

    @Test func `an order that cannot be is refused with its reason`() {
        let machine = machine([.sample(), .sample("nobody", agents: Selector(ids: [AgentID(rawValue: "gone")]))])
        let daily = PolicyName(rawValue: "daily")
        #expect(
            throws: OrderProblem.unknownPolicy(
                PolicyName(rawValue: "dayly"), known: [daily, PolicyName(rawValue: "nobody")])
        ) {
            try machine.plan(.sample("dayly"), at: .start)
        }
        #expect(throws: OrderProblem.notPicked(db1, by: daily)) { try machine.plan(.sample(agents: [db1]), at: .start) }
        #expect(throws: OrderProblem.unknownAgent(AgentID(rawValue: "web-3"), known: [db1, web1, web2])) {
            try machine.plan(.sample(agents: [AgentID(rawValue: "web-3")]), at: .start)
        }
        #expect(throws: OrderProblem.picksNobody(PolicyName(rawValue: "nobody"))) {
            try machine.plan(.sample("nobody"), at: .start)
        }
        #expect(throws: OrderProblem.wrongQueue(.zero, longest: .seconds(14 * 86_400))) {
            try machine.plan(.sample(queueFor: .zero), at: .start)
        }
        let narrowed = BackupOrder(policy: daily, narrowing: Selector(labels: ["role": "mail"]))
        #expect(throws: OrderProblem.narrowedToNobody(daily, picked: [web1, web2])) {
            try machine.plan(narrowed, at: .start)
        }
    }

    @Test func `more triggers than can wait are refused, also when they come together`() {
        var machine = machine()
        machine.rules.openTriggers = 3
        #expect(throws: OrderProblem.tooManyOpen(2, limit: 3)) {
            try machine.plan(.sample(queueFor: .seconds(60)), alreadyPlanned: 2, at: .start)
        }
    }

    @Test func `a trigger comes again every five seconds until it is acknowledged`() throws {
        var machine = machine()
        _ = machine.handle(.hello(web1, .sample(wall: Moment.start.wall)), at: .start)
        let trigger = try order(.sample(agents: [web1]), in: &machine).records[0].trigger
        #expect(machine.handle(.tick, at: .start + .milliseconds(4_999)).isEmpty)
        let again: [CoordinatorMachine.Action] = [.send(.trigger(trigger), to: web1)]
        #expect(machine.handle(.tick, at: .start + .seconds(5)) == again)
        #expect(machine.handle(.tick, at: .start + .seconds(9)).isEmpty)
        #expect(machine.handle(.tick, at: .start + .seconds(10)) == again)
        let delivered: [CoordinatorMachine.Action] = [.record(.delivered(trigger.job, by: web1))]
        #expect(machine.handle(.triggerAcknowledged(web2, trigger.job), at: .start + .seconds(11)).isEmpty)
        #expect(machine.handle(.triggerAcknowledged(web1, trigger.job), at: .start + .seconds(11)) == delivered)
        #expect(machine.handle(.triggerAcknowledged(web1, trigger.job), at: .start + .seconds(11)).isEmpty)
        #expect(machine.handle(.tick, at: .start + .seconds(20)).isEmpty)
        #expect(machine.openTriggers == 0)
    }

    @Test func `a trigger past its deadline is missed, and still sent until the agent has it to report it skipped`()
        throws
    {
        var machine = machine()
        let trigger = try order(.sample(agents: [web1], queueFor: .seconds(60)), in: &machine).records[0].trigger
        let deadline = Moment.start + .seconds(60)
        #expect(machine.handle(.tick, at: deadline) == [.record(.missed(trigger.job))])
        #expect(machine.openTriggers == 0, "an agent that never comes back must not keep others waiting")
        let hello = machine.handle(.hello(web1, .sample(wall: deadline.wall)), at: deadline)
        #expect(snapshot(in: hello)?.triggers == [trigger])
        #expect(machine.handle(.tick, at: deadline + .seconds(5)) == [.send(.trigger(trigger), to: web1)])
        #expect(
            machine.handle(.triggerAcknowledged(web1, trigger.job), at: deadline + .seconds(6))
                == [.record(.delivered(trigger.job, by: web1))])
    }

    @Test func `a cancel before delivery is remembered and comes before its trigger`() throws {
        var machine = machine()
        var record = try order(.sample(agents: [web1], queueFor: .seconds(60)), in: &machine).records[0]
        record.isCanceled = true
        _ = machine.handle(.cancelRecorded(record), at: .start)
        let job = record.trigger.job
        let greeting = try #require(
            snapshot(in: machine.handle(.hello(web1, .sample(wall: Moment.start.wall)), at: .start)))
        #expect(greeting.cancels == [job])
        #expect(greeting.triggers == [record.trigger])
        let later = Moment.start + .seconds(5)
        #expect(
            machine.handle(.tick, at: later) == [
                .send(.cancel(job), to: web1), .send(.trigger(record.trigger), to: web1),
            ])
        #expect(
            machine.handle(.cancelAcknowledged(web1, job), at: later) == [.record(.cancelAcknowledged(job, by: web1))])
        #expect(machine.handle(.cancelAcknowledged(web1, job), at: later).isEmpty)
        #expect(machine.openTriggers == 1)
    }

    @Test func `an agent that begins to listen is told at once what it did not hear`() throws {
        var machine = machine()
        _ = machine.handle(.hello(web1, .sample(wall: Moment.start.wall)), at: .start)
        let trigger = try order(.sample(agents: [web1]), in: &machine).records[0].trigger
        let reply = HeartbeatReply(generation: 1, wall: Moment.start.wall, slotsVersion: 1)
        #expect(machine.handle(.subscribed(web1), at: .start) == [.send(.heartbeatReply(reply), to: web1)])
        #expect(machine.handle(.tick, at: .start + .seconds(1)) == [.send(.trigger(trigger), to: web1)])
    }

    @Test func `labels that change in the key file bring the agent a snapshot`() {
        var machine = machine([.sample(agents: Selector(labels: ["role": "db"]))])
        _ = machine.handle(.hello(db1, .sample(generation: 1, wall: Moment.start.wall)), at: .start)
        let actions = machine.handle(.enrolled([db1: ["role": "db"], web1: [:]]), at: .start)
        #expect(snapshot(in: actions)?.policies.count == 1)
        #expect(machine.presence.ids == [db1, web1])
    }
}
