import BookendModel
import Testing

@testable import BookendCoordinator

/// Random histories of orders, cancels, losses, crashes and time, against what must always hold.
@Suite struct TriggerHistoryTests {
    @Test(arguments: 0..<16) func `each trigger ends delivered or offline, once`(block: Int) throws {
        for seed in UInt64(block * 25)..<UInt64(block * 25 + 25) {
            var history = try TriggerHistory(seed: seed)
            for _ in 0..<120 { try history.step() }
            try history.end()
            if Issue.current(history.broken) { return }
        }
    }
}

extension Issue {
    /// Records what is broken, if anything is.
    fileprivate static func current(_ broken: [String]) -> Bool {
        for text in broken.prefix(5) { Issue.record("\(text)") }
        return !broken.isEmpty
    }
}

/// One coordinator with its store, and agents that are journals behind a bad line.
private struct TriggerHistory {
    private let seed: UInt64
    private var random: SeededGenerator
    private var now = Moment.start
    private let store = InMemoryPolicyStore()
    private var machine: CoordinatorMachine
    private let agents = [web1, web2, db1]
    /// What each agent has in its journal.
    private var accepted: [AgentID: Set<JobID>] = [:]
    private var canceled: [AgentID: Set<JobID>] = [:]
    private var isUp: Set<AgentID> = []
    /// Acknowledgements that are on their way.
    private var inFlight: [CoordinatorMachine.Event] = []
    /// Settlements that a crash would lose.
    private var unsaved: [TriggerSettlement] = []
    /// Since this coordinator started.
    private var told: Set<JobID> = []
    private var states: [JobID: TriggerRecord.State] = [:]
    private var lossPercent = 30
    private(set) var broken: [String] = []

    init(seed: UInt64) throws {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        machine = CoordinatorMachine(try store.load())
        let edits = machine.policies.plan(
            applying: [.sample(agents: Selector(patterns: ["*"]))], by: "test", at: now.wall
        ).edits
        try store.record(edits, by: "test", at: now.wall)
        try start()
    }

    mutating func step() throws {
        let agent = agents.randomElement(using: &random)!
        switch Int.random(in: 0..<10, using: &random) {
        case 0, 1: try order()
        case 2: try cancel()
        case 3: now = now + .seconds(Int.random(in: 1...40, using: &random))
        case 4: isUp.formSymmetricDifference([agent])
        case 5:
            if isUp.contains(agent) { try hear(.hello(agent, .sample(wall: now.wall))) }
        case 6:
            if isUp.contains(agent) {
                let beat = Heartbeat(generation: 1, activeJobs: [], outboxDepth: 0, wall: now.wall)
                try hear(.heartbeat(agent, beat))
            }
        case 7: if !inFlight.isEmpty { try hear(inFlight.remove(at: Int.random(in: inFlight.indices, using: &random))) }
        case 8:
            if random.happens(20) {
                // A crash: what was not recorded is lost.
                unsaved = []
                try start()
            } else {
                try save()
            }
        default: try hear(.tick)
        }
    }

    /// All is well for long enough, and then everything has ended.
    mutating func end() throws {
        lossPercent = 0
        isUp = Set(agents)
        for _ in 0..<4 {
            for agent in agents { try hear(.hello(agent, .sample(wall: now.wall))) }
            while !inFlight.isEmpty { try hear(inFlight.removeFirst()) }
            now = now + .seconds(10)
            try hear(.tick)
        }
        now = now + .seconds(2 * 3_600)
        for _ in 0..<2 {
            try hear(.tick)
            for agent in agents { try hear(.hello(agent, .sample(wall: now.wall))) }
            while !inFlight.isEmpty { try hear(inFlight.removeFirst()) }
        }
        try save()
        for record in try store.changes(after: 0, limit: .max - 1).records { check(record) }
        let open = machine.openTriggers
        expect(open == 0, "\(open) are open still")
    }

    private mutating func check(_ record: TriggerRecord) {
        let (job, agent) = (record.trigger.job, record.trigger.agent)
        let has = accepted[agent, default: []].contains(job)
        expect(states[job] == record.state, "job \(job) changed without a reason")
        switch record.state {
        case .pending: expect(false, "job \(job) is pending for ever")
        case .delivered: expect(has, "job \(job) is delivered, and its agent never had it")
        case .offline: expect(!has, "job \(job) failed at once, and its agent got it")
        case .missed: expect(false, "job \(job) was never told to its agent")
        case .planned, .withdrawn, .reclaimed, .conflict: expect(false, "job \(job) is \(record.state)")
        }
        if record.isCanceled {
            expect(canceled[agent, default: []].contains(job), "the cancel of job \(job) was forgotten")
        }
    }

    private mutating func start() throws {
        machine = CoordinatorMachine(try store.load())
        told = []
        _ = machine.handle(.enrolled(Dictionary(uniqueKeysWithValues: agents.map { ($0, [:]) })), at: now)
    }

    private mutating func order() throws {
        let queueFor: Duration? = random.happens(50) ? .seconds(Int.random(in: 1...120, using: &random)) : nil
        let picked = agents.filter { _ in random.happens(60) }
        let drafts = try machine.plan(.sample(agents: picked, queueFor: queueFor), at: now)
        let records = try store.record(drafts, at: now.wall)
        for record in records {
            expect(states[record.trigger.job] == nil, "job id \(record.trigger.job) was given twice")
            states[record.trigger.job] = record.state
        }
        try hear(.triggersRecorded(records))
    }

    private mutating func cancel() throws {
        guard let job = states.keys.sorted().randomElement(using: &random), let known = try store.trigger(job),
            known.state != .offline, let record = try store.cancel(job, at: now.wall)
        else { return }
        try hear(.cancelRecorded(record))
    }

    private mutating func save() throws {
        try store.settle(unsaved, at: now.wall)
        for settlement in unsaved {
            switch settlement {
            case .delivered(let job, _), .missed(let job), .due(let job), .withdrawn(let job), .offline(let job):
                try look(at: job)
            case .cancelAcknowledged: break
            }
        }
        unsaved = []
    }

    /// A state that follows another one must be allowed to.
    private mutating func look(at job: JobID) throws {
        guard let before = states[job], let after = try store.trigger(job)?.state, before != after else { return }
        let isAllowed =
            before == .pending ? after == .delivered || after == .missed : before == .missed && after == .delivered
        expect(isAllowed, "job \(job) went from \(before) to \(after)")
        states[job] = after
    }

    private mutating func hear(_ event: CoordinatorMachine.Event) throws {
        for action in machine.handle(event, at: now) {
            switch action {
            case .send(let envelope, let agent), .publish(let envelope, let agent): arrive(envelope, at: agent)
            case .record(let settlement):
                unsaved.append(settlement)
                if case .delivered(let job, _) = settlement {
                    expect(told.insert(job).inserted, "job \(job) was delivered twice to the operator's view")
                }
            case .goAbove, .reclaim, .remindOfCancels, .reissue, .note: break
            }
        }
        if random.happens(70) { try save() }
    }

    /// A message on its way to an agent, which records it and acknowledges.
    private mutating func arrive(_ envelope: Envelope, at agent: AgentID) {
        switch envelope {
        case .trigger(let trigger): arrive(trigger, at: agent)
        case .cancel(let job): cancel(job, at: agent)
        case .syncSnapshot(let snapshot):
            for job in snapshot.cancels { cancel(job, at: agent) }
            for trigger in snapshot.triggers { arrive(trigger, at: agent) }
        default: break
        }
    }

    private mutating func arrive(_ trigger: Trigger, at agent: AgentID) {
        expect(trigger.agent == agent, "job \(trigger.job) was sent to \(agent)")
        expect(!told.contains(trigger.job), "job \(trigger.job) was sent after it was acknowledged")
        guard isUp.contains(agent), !random.happens(lossPercent) else { return }
        accepted[agent, default: []].insert(trigger.job)
        if !random.happens(lossPercent) { inFlight.append(.triggerAcknowledged(agent, trigger.job)) }
        if random.happens(10) { inFlight.append(.triggerAcknowledged(agent, trigger.job)) }
    }

    private mutating func cancel(_ job: JobID, at agent: AgentID) {
        guard isUp.contains(agent), !random.happens(lossPercent) else { return }
        canceled[agent, default: []].insert(job)
        if !random.happens(lossPercent) { inFlight.append(.cancelAcknowledged(agent, job)) }
    }

    private mutating func expect(_ holds: Bool, _ text: String) {
        if !holds { broken.append("seed \(seed): \(text)") }
    }
}
