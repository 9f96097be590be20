import BookendModel
import Testing

/// One agent's sync and a coordinator that publishes, answers hellos, and delivers again, over a wire that loses.
private struct SyncWorld {
    private enum Message: Hashable {
        case hello, heartbeat
        case triggerAck(JobID), cancelAck(JobID)
    }

    private static let interval = Duration.seconds(15)
    private let agent = AgentID(rawValue: "a")
    private var random: SeededGenerator
    private var sync: AgentSync
    private var now = BootTime(milliseconds: 0)
    private var isConnected = false
    // The coordinator.
    private var policies: [PolicyName: PolicyRevision] = [:]
    private var generation: Int64 = 1
    private var pending: [Trigger] = []
    private var pendingCancels: Set<JobID> = []
    private var nextJob: Int64 = 1
    private var slots: [JobID: Trigger] = [:]
    private var slotsVersion: UInt64 = 1_000
    private(set) var acknowledged: Set<JobID> = []
    // The agent's journal.
    private var recorded: [PolicyName: PolicyRevision] = [:]
    private var recordedGeneration: Int64 = 0
    private var jobs: Set<JobID> = []
    private var recordedSlots: [JobID: Trigger] = [:]
    private var isDiskFull = false
    // The wire.
    private var toAgent: [AgentSync.Event] = []
    private var toCoordinator: [Message] = []
    private(set) var mistake: String?

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        sync = AgentSync(agent: agent, heartbeatInterval: Self.interval, generation: 0, policies: [])
    }

    var isDone: Bool {
        pending.isEmpty && pendingCancels.isEmpty && recorded == policies && sync.generation == generation
            && recordedSlots == slots
    }
    var jobCount: Int { jobs.count }

    mutating func step(isCalm: Bool) {
        let luck = Int.random(in: 0..<100, using: &random)
        switch luck {
        case 0..<30:
            guard !toAgent.isEmpty else { return }
            let event = toAgent.removeFirst()
            if isCalm || luck > 2 { feed(event) }
            if !isCalm, luck == 3 { toAgent.append(event) }
        case 30..<60:
            guard !toCoordinator.isEmpty else { return }
            let message = toCoordinator.removeFirst()
            if isCalm || luck > 32 { take(message) }
        case 60..<70: passTime()
        case 70..<75:
            guard !isConnected else { return redeliver() }
            isConnected = true
            feed(.connected)
        case _ where isCalm: isDiskFull = false
        case 75..<80:
            isConnected = false
            toAgent = []
            toCoordinator = []
            feed(.lost)
        case 80..<83: changePolicy()
        case 83..<85: changeSlots()
        case 85..<93: trigger()
        case 93..<95: isDiskFull.toggle()
        case 95..<97:
            // The agent starts again with what its journal holds.
            isConnected = false
            (toAgent, toCoordinator) = ([], [])
            sync = AgentSync(
                agent: agent, heartbeatInterval: Self.interval, generation: recordedGeneration,
                policies: Array(recorded.values))
        default: redeliver()
        }
    }

    private mutating func passTime() {
        now = sync.nextDeadline.map { max(now, $0) } ?? now + .seconds(5)
        feed(.tick)
    }

    // MARK: The coordinator

    private mutating func changePolicy() {
        let name = PolicyName(rawValue: ["p", "q", "r"].randomElement(using: &random)!)
        generation += 1
        if policies[name] != nil, Int.random(in: 0..<4, using: &random) == 0 {
            policies[name] = nil
        } else {
            policies[name] = PolicyRevision(
                policy: Policy(
                    name: name, selector: Selector(ids: [agent]), engine: .command(CommandPlan(program: "/bin/true"))),
                revision: generation, appliedAt: UnixTime(milliseconds: 0), appliedBy: "test")
        }
        publish(.policyChange(PolicyChange(generation: generation, name: name, revision: policies[name])))
    }

    private mutating func changeSlots() {
        var change = SlotChange(previous: slotsVersion, version: slotsVersion + 1, slots: [], withdrawn: [])
        if let job = slots.keys.sorted().randomElement(using: &random), Bool.random(using: &random) {
            slots[job] = nil
            change.withdrawn = [job]
        } else {
            let slot = Trigger(
                job: JobID(rawValue: 1_000_000 + nextJob), agent: agent, policy: PolicyName(rawValue: "p"), revision: 1,
                cause: .schedule, scheduledStart: UnixTime(milliseconds: nextJob),
                notAfter: UnixTime(milliseconds: .max))
            nextJob += 1
            slots[slot.job] = slot
            change.slots = [slot]
        }
        slotsVersion += 1
        publish(.slotChange(change))
    }

    private mutating func trigger() {
        guard pending.count < 4, let policy = policies.values.sorted(by: { $0.revision < $1.revision }).last else {
            return
        }
        let trigger = Trigger(
            job: JobID(rawValue: nextJob), agent: agent, policy: policy.policy.name, revision: policy.revision,
            cause: .manual, scheduledStart: UnixTime(milliseconds: 0), notAfter: UnixTime(milliseconds: .max))
        nextJob += 1
        pending.append(trigger)
        publish(.trigger(trigger))
        guard Bool.random(using: &random) else { return }
        pendingCancels.insert(trigger.job)
        publish(.cancel(trigger.job))
    }

    private mutating func publish(_ event: AgentSync.Event) {
        if isConnected { toAgent.append(event) }
    }

    private mutating func redeliver() {
        guard toAgent.isEmpty else { return }
        for trigger in pending { publish(.trigger(trigger)) }
        for job in pendingCancels.sorted() { publish(.cancel(job)) }
    }

    private mutating func take(_ message: Message) {
        switch message {
        case .hello:
            publish(
                .snapshot(
                    SyncSnapshot(
                        generation: generation, policies: Array(policies.values), triggers: pending,
                        cancels: pendingCancels.sorted(), wall: UnixTime(milliseconds: 0), slots: Array(slots.values),
                        slotsVersion: slotsVersion, epoch: 1)))
        case .heartbeat:
            let wall = UnixTime(milliseconds: 0)
            publish(
                .heartbeatReply(HeartbeatReply(generation: generation, wall: wall, slotsVersion: slotsVersion)))
        case .triggerAck(let job):
            if !jobs.contains(job) { mistake = "\(job) was acknowledged and never recorded" }
            pending.removeAll { $0.job == job }
            acknowledged.insert(job)
        case .cancelAck(let job): pendingCancels.remove(job)
        }
    }

    // MARK: The agent

    private mutating func feed(_ event: AgentSync.Event) {
        for action in sync.handle(event, at: now) {
            switch action {
            case .sendHello: send(.hello)
            case .sendHeartbeat: send(.heartbeat)
            case .replacePolicies(let revisions, let generation, let slots, _):
                guard !isDiskFull else { return feed(.policiesNotRecorded) }
                recordedSlots = Dictionary(uniqueKeysWithValues: slots.map { ($0.job, $0) })
                recorded = Dictionary(uniqueKeysWithValues: revisions.map { ($0.policy.name, $0) })
                recordedGeneration = generation
            case .changePolicy(let change):
                guard !isDiskFull else { return feed(.policiesNotRecorded) }
                recorded[change.name] = change.revision
                recordedGeneration = change.generation
            case .changeSlots(let changed, let withdrawn):
                guard !isDiskFull else { return feed(.policiesNotRecorded) }
                for job in withdrawn { recordedSlots[job] = nil }
                for slot in changed { recordedSlots[slot.job] = slot }
            case .reportConflict: mistake = "ids are given once"
            case .accept(let trigger):
                guard !isDiskFull else { continue }
                // A policy that was withdrawn meanwhile is the operator's own doing; an older one would be ours.
                if let revision = recorded[trigger.policy]?.revision, revision < trigger.revision {
                    mistake = "\(trigger.job) would run under revision \(revision) of \(trigger.revision)"
                }
                jobs.insert(trigger.job)
                feed(.triggerRecorded(trigger.job))
            case .cancel(let job):
                if !isDiskFull { feed(.cancelRecorded(job)) }
            case .acknowledgeTrigger(let job): send(.triggerAck(job))
            case .acknowledgeCancel(let job): send(.cancelAck(job))
            case .ignoreForeignTrigger: mistake = "it is this agent's"
            }
        }
    }

    private mutating func send(_ message: Message) {
        if isConnected { toCoordinator.append(message) }
    }
}

@Suite struct SyncAgentTests {
    @Test(arguments: 0..<60 as Range<UInt64>)
    func `every trigger is recorded before it is acknowledged, and policies meet in the end`(seed: UInt64) {
        var world = SyncWorld(seed: seed)
        for _ in 0..<400 where world.mistake == nil { world.step(isCalm: false) }
        for _ in 0..<3_000 where world.mistake == nil && !world.isDone { world.step(isCalm: true) }
        #expect(world.mistake == nil, "seed \(seed)")
        #expect(world.isDone && world.jobCount == world.acknowledged.count, "seed \(seed)")
    }

    private func synced(generation: Int64 = 5) -> AgentSync {
        var sync = AgentSync(
            agent: AgentID(rawValue: "a"), heartbeatInterval: .seconds(15), generation: 0, policies: [])
        _ = sync.handle(.connected, at: BootTime(milliseconds: 0))
        _ = sync.handle(
            .snapshot(
                SyncSnapshot(
                    generation: generation, policies: [], triggers: [], cancels: [], wall: UnixTime(milliseconds: 0))),
            at: BootTime(milliseconds: 1))
        return sync
    }

    @Test func `a gap in the generations leads to a hello, and an old one to nothing`() {
        var sync = synced()
        let name = PolicyName(rawValue: "p")
        let now = BootTime(milliseconds: 2)
        let old = PolicyChange(generation: 5, name: name, revision: nil)
        #expect(sync.handle(.policyChange(old), at: now) == [])
        let next = PolicyChange(generation: 6, name: name, revision: nil)
        #expect(sync.handle(.policyChange(next), at: now) == [.changePolicy(next)])
        let gap = PolicyChange(generation: 8, name: name, revision: nil)
        #expect(sync.handle(.policyChange(gap), at: now) == [.sendHello] && sync.generation == 6)
        #expect(sync.handle(.policyChange(gap), at: now) == [], "one hello is enough")
        #expect(sync.handle(.tick, at: now + AgentSync.helloPatience) == [.sendHello], "until it is not answered")
    }

    @Test func `a heartbeat's answer with another generation leads to a hello`() {
        for generation in [4, 6] as [Int64] {
            var sync = synced()
            let reply = HeartbeatReply(generation: generation, wall: UnixTime(milliseconds: 0))
            #expect(sync.handle(.heartbeatReply(reply), at: BootTime(milliseconds: 2)) == [.sendHello])
        }
        var sync = synced()
        let reply = HeartbeatReply(generation: 5, wall: UnixTime(milliseconds: 0))
        #expect(sync.handle(.heartbeatReply(reply), at: BootTime(milliseconds: 2)) == [])
    }

    @Test func `changes of slots count from the snapshot, and a gap leads to a hello`() {
        var sync = synced()
        let now = BootTime(milliseconds: 2)
        let slot = Trigger(
            job: JobID(rawValue: 7), agent: AgentID(rawValue: "a"), policy: PolicyName(rawValue: "p"), revision: 1,
            cause: .schedule, scheduledStart: UnixTime(milliseconds: 0), notAfter: UnixTime(milliseconds: 9))
        let next = SlotChange(previous: 0, version: 1, slots: [slot], withdrawn: [JobID(rawValue: 3)])
        #expect(
            sync.handle(.slotChange(next), at: now) == [.changeSlots([slot], withdrawn: [JobID(rawValue: 3)])])
        #expect(sync.handle(.slotChange(next), at: now) == [], "it came twice")
        let reply = HeartbeatReply(generation: 5, wall: UnixTime(milliseconds: 0), slotsVersion: 1)
        #expect(sync.handle(.heartbeatReply(reply), at: now) == [])
        let gap = SlotChange(previous: 2, version: 3, slots: [], withdrawn: [])
        #expect(sync.handle(.slotChange(gap), at: now) == [.sendHello])
        var late = synced()
        #expect(late.handle(.heartbeatReply(reply), at: now) == [.sendHello], "a change was lost")
    }

    @Test func `an agent that is told to come back says hello at that time`() {
        var sync = AgentSync(
            agent: AgentID(rawValue: "a"), heartbeatInterval: .seconds(15), generation: 0, policies: [])
        let now = BootTime(milliseconds: 0)
        #expect(sync.handle(.connected, at: now) == [.sendHello])
        #expect(sync.handle(.helloLater(.seconds(3)), at: now) == [])
        #expect(sync.nextDeadline == now + .seconds(3))
        #expect(sync.handle(.tick, at: now + .seconds(3)) == [.sendHello])
    }

    @Test func `a slot whose start has come stays a slot until its job has begun`() {
        var sync = synced()
        let trigger = Trigger(
            job: JobID(rawValue: 7), agent: AgentID(rawValue: "a"), policy: PolicyName(rawValue: "p"), revision: 1,
            cause: .schedule, scheduledStart: UnixTime(milliseconds: 0), notAfter: UnixTime(milliseconds: 9))
        let snapshot = SyncSnapshot(
            generation: 5, policies: [], triggers: [trigger], cancels: [], wall: UnixTime(milliseconds: 0))
        #expect(
            sync.handle(.snapshot(snapshot), at: BootTime(milliseconds: 2))
                == [.replacePolicies([], generation: 5, slots: [trigger], epoch: 0), .accept(trigger)])
    }

    @Test func `the coordinator is gone when its connection is lost, or three heartbeats after its last word`() {
        var sync = AgentSync(
            agent: AgentID(rawValue: "a"), heartbeatInterval: .seconds(15), generation: 0, policies: [])
        let start = BootTime(milliseconds: 0)
        _ = sync.handle(.connected, at: start)
        _ = sync.handle(.lost, at: start)
        #expect(sync.goneAt == nil, "it was never there")
        let reply = HeartbeatReply(generation: 0, wall: UnixTime(milliseconds: 0))
        _ = sync.handle(.connected, at: start)
        _ = sync.handle(.heartbeatReply(reply), at: start + .seconds(1))
        #expect(sync.goneAt == start + .seconds(46))
        _ = sync.handle(.tick, at: start + .seconds(40))
        #expect(sync.goneAt == start + .seconds(46))
        _ = sync.handle(.lost, at: start + .seconds(20))
        _ = sync.handle(.connected, at: start + .seconds(25))
        _ = sync.handle(.lost, at: start + .seconds(30))
        #expect(sync.goneAt == start + .seconds(20), "a connection is no word")
        _ = sync.handle(.helloLater(.zero), at: start + .seconds(50))
        #expect(sync.goneAt == start + .seconds(20), "it was under way when the connection broke")
        _ = sync.handle(.connected, at: start + .seconds(55))
        _ = sync.handle(.helloLater(.zero), at: start + .seconds(60))
        #expect(sync.goneAt == start + .seconds(105))
    }

    @Test func `the end of a job is told within a second, with those that end meanwhile`() {
        var sync = AgentSync(
            agent: AgentID(rawValue: "a"), heartbeatInterval: .seconds(15), generation: 0, policies: [])
        let start = BootTime(milliseconds: 0)
        #expect(sync.handle(.jobEnded, at: start) == [] && sync.nextDeadline == nil, "nobody is there to be told")
        _ = sync.handle(.connected, at: start)
        for milliseconds in [4_000, 4_300, 4_900] {
            #expect(sync.handle(.jobEnded, at: BootTime(milliseconds: Int64(milliseconds))) == [])
        }
        #expect(sync.nextDeadline == start + .seconds(5))
        #expect(sync.handle(.tick, at: start + .seconds(5)) == [.sendHeartbeat])
        // Until then the hello is what comes next; the next heartbeat is an interval later.
        #expect(sync.handle(.tick, at: start + .seconds(19)) == [.sendHello])
        _ = sync.handle(.jobEnded, at: start + .milliseconds(19_500))
        #expect(sync.handle(.tick, at: start + .seconds(20)) == [.sendHeartbeat], "the end of a job puts none off")
    }

    @Test func `a start that was begun under another id is told with the next hello, not at once`() {
        var sync = synced()
        let now = BootTime(milliseconds: 2)
        #expect(sync.handle(.triggerIsBegun(JobID(rawValue: 7)), at: now) == [])
        #expect(sync.handle(.tick, at: now + AgentSync.helloPatience) == [.sendHello])
    }

    @Test func `a trigger for another agent is never obeyed`() {
        var sync = synced()
        let trigger = Trigger(
            job: JobID(rawValue: 1), agent: AgentID(rawValue: "b"), policy: PolicyName(rawValue: "p"), revision: 1,
            cause: .manual, scheduledStart: UnixTime(milliseconds: 0), notAfter: UnixTime(milliseconds: 9))
        #expect(sync.handle(.trigger(trigger), at: BootTime(milliseconds: 2)) == [.ignoreForeignTrigger(trigger)])
    }
}
