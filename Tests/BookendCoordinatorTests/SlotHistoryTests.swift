import BookendModel
import Testing

@testable import BookendCoordinator

/// Random histories of schedules, outages, crashes and wrong clocks: a slot never runs twice, and never passes without a
/// word.
@Suite struct SlotHistoryTests {
    @Test(arguments: 0..<16) func `each slot is begun or skipped, once`(block: Int) throws {
        for seed in UInt64(block * 25)..<UInt64(block * 25 + 25) {
            var history = try SlotHistory(seed: seed)
            for _ in 0..<200 { try history.step() }
            try history.end()
            for text in history.broken.prefix(5) { Issue.record("seed \(seed): \(text)") }
            if !history.broken.isEmpty { return }
        }
    }

    @Test func `the histories do what they are for`() throws {
        var seen = SlotHistory.Counts()
        for seed in 0..<100 as Range<UInt64> {
            var history = try SlotHistory(seed: seed)
            for _ in 0..<200 { try history.step() }
            try history.end()
            seen += history.counts
        }
        #expect(seen.begun > 300 && seen.autonomous > 100 && seen.skipped > 30 && seen.repeated > 100, "\(seen)")
    }
}

/// A coordinator with its store, and agents with journals, behind a bad line.
private struct SlotHistory {
    struct Counts {
        var begun = 0
        var autonomous = 0
        var skipped = 0
        var repeated = 0

        static func += (left: inout Counts, right: Counts) {
            left.begun += right.begun
            left.autonomous += right.autonomous
            left.skipped += right.skipped
            left.repeated += right.repeated
        }
    }

    private struct Job {
        var trigger: Trigger
        var isSkipped: Bool
    }

    private struct Key: Hashable {
        var policy: PolicyName
        var start: UnixTime
    }

    private struct Agent {
        // The journal.
        var jobs: [JobID: Job] = [:]
        var slots: [JobID: Trigger] = [:]
        var slotsSince: [JobID: Moment] = [:]
        var policies: [PolicyName: PolicyRevision] = [:]
        var generation: Int64 = 0
        // The process; `nil`: it is down.
        var sync: AgentSync?
        var skew = Duration.zero
        var isConnected = false
        /// Since when it runs with a right clock.
        var wellSince = Moment.start
        var inbox: [AgentSync.Event] = []
    }

    private var random: SeededGenerator
    private var now = Moment.start
    private let store = InMemoryPolicyStore()
    /// `nil`: it is down.
    private var machine: CoordinatorMachine?
    private var coordinatorSkew = Duration.zero
    private var agents: [AgentID: Agent] = [web1: Agent(), web2: Agent()]
    private var unsaved: [TriggerSettlement] = []
    private var toCoordinator: [CoordinatorMachine.Event] = []
    private var isCalm = false
    private(set) var broken: [String] = []
    private(set) var counts = Counts()

    init(seed: UInt64) throws {
        random = SeededGenerator(seed: seed)
        try startCoordinator()
        for id in agents.keys.sorted() { start(id) }
    }

    // MARK: What happens

    mutating func step() throws {
        let id = agents.keys.sorted().randomElement(using: &random)!
        switch Int.random(in: 0..<20, using: &random) {
        case 0...6: pass(.seconds(Int.random(in: 1...90, using: &random)))
        case 7...8: try apply()
        case 9: if machine == nil { try startCoordinator() } else if random.happens(50) { stopCoordinator() }
        case 10: if agents[id]?.sync == nil { start(id) } else if random.happens(50) { agents[id]?.sync = nil }
        case 11: if machine != nil { connect(id) }
        case 12: lose(id)
        case 13: if random.happens(25) { setClock(of: id) }
        case 14:
            if random.happens(25) {
                coordinatorSkew = [.zero, .seconds(-3_600), .seconds(3_600), .seconds(86_400)].randomElement(
                    using: &random)!
            }
        case 15: try save()
        default: try deliver()
        }
        try tick()
    }

    /// All is well for long enough.
    mutating func end() throws {
        isCalm = true
        coordinatorSkew = .zero
        if machine == nil { try startCoordinator() }
        for id in agents.keys.sorted() {
            agents[id]?.skew = .zero
            agents[id]?.wellSince = now
            if agents[id]?.sync == nil { start(id) }
            connect(id)
        }
        // Long enough for what a clock that was a day ahead has planned.
        for _ in 0..<420 {
            pass(.seconds(300))
            try tick()
            while !toCoordinator.isEmpty || agents.values.contains(where: { !$0.inbox.isEmpty }) { try deliver() }
        }
        try save()
        for record in try store.changes(after: 0, limit: .max - 1).records {
            let (job, agent) = (record.trigger.job, record.trigger.agent)
            let has = agents[agent]?.jobs[job] != nil
            switch record.state {
            case .delivered: expect(has, "slot \(job) is delivered, and its agent never had it")
            case .withdrawn: break
            default:
                expect(false, "slot \(job) is \(record.state) in the end\(has ? "" : ", and its agent never had it")")
            }
        }
        for (id, agent) in agents {
            let keys = agent.jobs.values.map { Key(policy: $0.trigger.policy, start: $0.trigger.scheduledStart) }
            expect(Set(keys).count == keys.count, "a slot of \(id) ran twice under two ids")
            expect(agent.slots.isEmpty, "\(id) carries slots of the past: \(agent.slots.keys.sorted())")
        }
    }

    private mutating func pass(_ duration: Duration) { now = now + duration }

    /// A policy with some starts to come, or none.
    private mutating func apply() throws {
        guard machine != nil else { return }
        let name = ["daily", "weekly"].randomElement(using: &random)!
        let wall = coordinatorNow.wall
        let starts = Set(
            (0..<Int.random(in: 0...4, using: &random)).map { _ in Int.random(in: 1...40, using: &random) })
        var policy = Policy.sample(
            name, window: random.happens(50) ? .seconds(Int.random(in: 700...2_000, using: &random)) : nil)
        // Whole minutes, so that starts come again.
        policy.schedules = starts.sorted().map { minutes in
            .at(UnixTime(milliseconds: (wall.milliseconds / 60_000 + Int64(minutes)) * 60_000))
        }
        if !random.happens(80) { policy.selector = Selector(ids: [web1]) }
        guard let edits = machine?.policies.plan(applying: [policy], by: "test", at: wall).edits else { return }
        try store.record(edits, by: "test", at: wall)
        try hear(.policiesRecorded(edits))
        // A crash between the two transactions.
        if random.happens(10) { return stopCoordinator() }
        try plan()
    }

    private mutating func setClock(of id: AgentID) {
        let skews: [Duration] = [.zero, .seconds(-3_600), .seconds(86_400), .seconds(120)]
        agents[id]?.skew = skews.randomElement(using: &random)!
        agents[id]?.wellSince = now
    }

    // MARK: The coordinator

    private var coordinatorNow: Moment { Moment(wall: now.wall + coordinatorSkew, boot: now.boot) }

    private mutating func startCoordinator() throws {
        machine = CoordinatorMachine(try store.load(), firstVersion: random.next() >> 8)
        unsaved = []
        try hear(.enrolled(Dictionary(uniqueKeysWithValues: agents.keys.map { ($0, [:]) })))
    }

    private mutating func stopCoordinator() {
        machine = nil
        unsaved = []
        toCoordinator = []
        for id in agents.keys { lose(id) }
    }

    private mutating func plan() throws {
        guard let plan = machine?.planSlots(at: coordinatorNow) else { return }
        let records = try store.record(plan, at: coordinatorNow.wall)
        if random.happens(isCalm ? 0 : 5) { return stopCoordinator() }
        try hear(.slotsRecorded(records, plannedAt: plan.plannedAt))
    }

    private mutating func save() throws {
        try store.settle(unsaved, at: coordinatorNow.wall)
        unsaved = []
    }

    private mutating func hear(_ event: CoordinatorMachine.Event) throws {
        let moment = coordinatorNow
        for action in machine?.handle(event, at: moment) ?? [] {
            switch action {
            case .send(let envelope, let agent), .publish(let envelope, let agent): send(envelope, to: agent)
            case .record(let settlement): unsaved.append(settlement)
            case .reclaim(let agent, let known, let since):
                let lost = try store.reclaim(of: agent, knowing: known, since: since, at: coordinatorNow.wall)
                expect(lost.isEmpty, "\(agent) lost \(lost.map(\.record.trigger.job))")
            case .reissue(let job, _): expect(false, "the id \(job) was given twice")
            case .goAbove, .remindOfCancels, .note: break
            }
        }
        if isCalm || random.happens(70) { try save() }
    }

    // MARK: The wire

    private mutating func send(_ envelope: Envelope, to id: AgentID) {
        guard agents[id]?.isConnected == true, isCalm || !random.happens(20) else { return }
        switch envelope {
        case .trigger(let trigger): agents[id]?.inbox.append(.trigger(trigger))
        case .cancel(let job): agents[id]?.inbox.append(.cancel(job))
        case .syncSnapshot(let snapshot): agents[id]?.inbox.append(.snapshot(snapshot))
        case .policyChange(let change): agents[id]?.inbox.append(.policyChange(change))
        case .slotChange(let change): agents[id]?.inbox.append(.slotChange(change))
        case .heartbeatReply(let reply): agents[id]?.inbox.append(.heartbeatReply(reply))
        case .helloLater(let delay): agents[id]?.inbox.append(.helloLater(delay))
        default: expect(false, "a coordinator does not send \(envelope)")
        }
    }

    private mutating func send(_ event: CoordinatorMachine.Event, from id: AgentID) {
        guard machine != nil, agents[id]?.isConnected == true, isCalm || !random.happens(20) else { return }
        toCoordinator.append(event)
    }

    private mutating func deliver() throws {
        if !toCoordinator.isEmpty { try hear(toCoordinator.removeFirst()) }
        for id in agents.keys.sorted() {
            guard let event = agents[id]?.inbox.first else { continue }
            agents[id]?.inbox.removeFirst()
            feed(event, to: id)
        }
    }

    private mutating func connect(_ id: AgentID) {
        guard agents[id]?.sync != nil, agents[id]?.isConnected == false else { return }
        agents[id]?.isConnected = true
        feed(.connected, to: id)
    }

    private mutating func lose(_ id: AgentID) {
        agents[id]?.isConnected = false
        agents[id]?.inbox = []
        feed(.lost, to: id)
    }

    // MARK: The agents

    private mutating func start(_ id: AgentID) {
        guard let agent = agents[id] else { return }
        agents[id]?.sync = AgentSync(
            agent: id, heartbeatInterval: .seconds(15), generation: agent.generation,
            policies: Array(agent.policies.values))
        agents[id]?.isConnected = false
        agents[id]?.inbox = []
        agents[id]?.wellSince = now
    }

    private mutating func tick() throws {
        try plan()
        try hear(.tick)
        for id in agents.keys.sorted() {
            guard let agent = agents[id], agent.sync != nil else { continue }
            if let deadline = agent.sync?.nextDeadline, deadline <= now.boot { feed(.tick, to: id) }
            for trigger in SlotBook(Array(agent.slots.values)).due(at: now.wall + agent.skew) {
                counts.autonomous += accept(trigger, at: id) ? 1 : 0
            }
        }
    }

    private mutating func feed(_ event: AgentSync.Event, to id: AgentID) {
        let boot = now.boot
        for action in agents[id]?.sync?.handle(event, at: boot) ?? [] {
            // It dies at any moment.
            guard agents[id]?.sync != nil else { return }
            if !isCalm, random.happens(1) {
                agents[id]?.sync = nil
                return
            }
            perform(action, at: id)
        }
    }

    private mutating func perform(_ action: AgentSync.Action, at id: AgentID) {
        switch action {
        case .sendHello:
            let jobs = (agents[id]?.jobs.values).map { $0.map { KnownJob($0.trigger) } } ?? []
            send(
                .hello(
                    id,
                    Hello(
                        incarnation: 1, version: "0.1.0", labels: [:], generation: agents[id]?.generation ?? 0,
                        activeJobs: [], highestJob: jobs.map(\.job).max() ?? JobID(rawValue: 0), wall: now.wall,
                        knownJobs: jobs, knowsSince: UnixTime(milliseconds: 0))), from: id)
        case .sendHeartbeat:
            let beat = Heartbeat(
                generation: agents[id]?.generation ?? 0, activeJobs: [], outboxDepth: 0, wall: now.wall)
            send(.heartbeat(id, beat), from: id)
        case .replacePolicies(let revisions, let generation, let slots, _):
            agents[id]?.policies = Dictionary(uniqueKeysWithValues: revisions.map { ($0.policy.name, $0) })
            agents[id]?.generation = generation
            agents[id]?.slots = [:]
            for slot in slots { keep(slot, at: id) }
        case .changePolicy(let change):
            agents[id]?.policies[change.name] = change.revision
            agents[id]?.generation = change.generation
            if change.revision == nil {
                let kept = agents[id]?.slots.filter { $0.value.policy != change.name }
                agents[id]?.slots = kept ?? [:]
            }
        case .changeSlots(let slots, let withdrawn):
            for job in withdrawn { agents[id]?.slots[job] = nil }
            for slot in slots { keep(slot, at: id) }
        case .accept(let trigger):
            accept(trigger, at: id)
            send(.triggerAcknowledged(id, trigger.job), from: id)
        case .acknowledgeTrigger, .acknowledgeCancel, .cancel, .reportConflict: break
        case .ignoreForeignTrigger(let trigger): expect(false, "\(trigger.job) was sent to \(id)")
        }
    }

    private mutating func keep(_ slot: Trigger, at id: AgentID) {
        guard agents[id]?.jobs[slot.job] == nil else { return }
        if agents[id]?.slotsSince[slot.job] == nil { agents[id]?.slotsSince[slot.job] = now }
        agents[id]?.slots[slot.job] = slot
    }

    /// - Returns: It was new.
    @discardableResult
    private mutating func accept(_ trigger: Trigger, at id: AgentID) -> Bool {
        guard let agent = agents[id] else { return false }
        if let known = agent.jobs[trigger.job] {
            expect(known.trigger.fingerprint == trigger.fingerprint, "two slots have the id \(trigger.job)")
            counts.repeated += 1
            return false
        }
        for job in agent.jobs.values where job.trigger.fingerprint == trigger.fingerprint {
            expect(false, "slot \(trigger.job) of \(id) is \(job.trigger.job) again")
        }
        let isSkipped = now.wall + agent.skew > trigger.notAfter
        let isReady =
            max(agent.wellSince.wall, agent.slotsSince[trigger.job]?.wall ?? now.wall) < trigger.scheduledStart
        if isSkipped, trigger.cause == .autonomous, isReady, agent.skew == .zero {
            expect(false, "\(id) ran all the time with a right clock, and skipped \(trigger.job)")
        }
        counts.begun += isSkipped ? 0 : 1
        counts.skipped += isSkipped ? 1 : 0
        agents[id]?.slots[trigger.job] = nil
        agents[id]?.jobs[trigger.job] = Job(trigger: trigger, isSkipped: isSkipped)
        return true
    }

    private mutating func expect(_ holds: Bool, _ text: String) {
        if !holds { broken.append(text) }
    }
}
