import BookendModel
import Testing

/// Starts that wait because too many jobs run.
@Suite struct LimitTests {
    private let daily = PolicyName(rawValue: "daily")
    private static let agents = (1...6).map { AgentID(rawValue: "a\($0)") }

    /// All six agents start something at 00:30, and are online.
    private struct Stage {
        var machine: CoordinatorMachine
        var now: Moment
        /// By agent: the job that it was told to start.
        var told: [AgentID: JobID] = [:]
        var triggers: [AgentID: Trigger] = [:]
        /// What its agents were told to hold back.
        var recalled: Set<JobID> = []
        var withdrawn: Set<JobID> = []

        init(_ policies: [Policy], rules: CoordinatorRules = CoordinatorRules(), offline: Set<AgentID> = []) throws {
            now = .start
            machine = CoordinatorMachine(CoordinatorState(), rules: rules)
            _ = machine.handle(.enrolled(Dictionary(uniqueKeysWithValues: agents.map { ($0, [:]) })), at: now)
            let edits = machine.policies.plan(applying: policies, by: "test", at: now.wall).edits
            _ = machine.handle(.policiesRecorded(edits), at: now)
            let plan = try #require(machine.planSlots(at: now))
            let records = plan.new.enumerated().map { index, slot in
                var slot = slot
                slot.job = JobID(rawValue: Int64(index + 1))
                return TriggerRecord(trigger: slot, state: .planned)
            }
            _ = machine.handle(.slotsRecorded(records, plannedAt: plan.plannedAt), at: now)
            let first = try #require(plan.new.map(\.scheduledStart).min())
            now = now + (first - now.wall)
            for agent in agents where !offline.contains(agent) {
                _ = machine.handle(.hello(agent, .sample(wall: now.wall)), at: now)
            }
        }

        mutating func tick(after seconds: Int64 = 1) {
            now = now + .seconds(seconds)
            for action in machine.handle(.tick, at: now) {
                switch action {
                case .publish(.trigger(let trigger), let agent), .send(.trigger(let trigger), let agent):
                    (told[agent], triggers[agent]) = (trigger.job, trigger)
                case .publish(.slotChange(let change), _):
                    recalled.formUnion(change.slots.filter(\.isHeld).map(\.job))
                    withdrawn.formUnion(change.withdrawn)
                default: break
                }
            }
        }

        mutating func acknowledge(_ agent: AgentID) {
            guard let job = told[agent] else { return }
            _ = machine.handle(.triggerAcknowledged(agent, job), at: now)
        }

        mutating func beat(_ agent: AgentID, runs job: JobID? = nil, of policy: String = "daily") {
            let jobs = job.map {
                [ActiveJob(job: $0, policy: PolicyName(rawValue: policy), attempt: 1, stage: .backup)]
            }
            let beat = Heartbeat(generation: 1, activeJobs: jobs ?? [], outboxDepth: 0, wall: now.wall)
            _ = machine.handle(.heartbeat(agent, beat), at: now)
        }
    }

    private static func policy(
        _ limits: StartLimits, name: String = "daily", repository: String? = nil
    ) -> Policy {
        var policy = Policy.sample(name)
        policy.selector = Selector(patterns: ["*"])
        policy.schedules = [Schedule(.cron("30 0 * * *"))]
        policy.window = .seconds(7_200)
        policy.limits = limits
        if let repository {
            policy.engine = .restic(ResticPlan(repository: RepositoryName(rawValue: repository), sources: ["/etc"]))
        }
        return policy
    }

    @Test func `no more start than the policy allows, and the next when one is over`() throws {
        var stage = try Stage([Self.policy(StartLimits(perPolicy: 2))])
        stage.tick()
        #expect(stage.told.count == 2 && stage.recalled.count == 4)
        #expect(stage.withdrawn.isEmpty, "without a coordinator they start all the same")
        #expect(Set(stage.told.values).isDisjoint(with: stage.recalled))
        // Told again and again, nobody else gets one.
        for _ in 0..<20 { stage.tick() }
        #expect(stage.told.count == 2)
        let first = try #require(stage.told.keys.min())
        stage.acknowledge(first)
        // Not yet named: it may just have begun.
        stage.tick()
        #expect(stage.told.count == 2)
        stage.beat(first, runs: stage.told[first])
        stage.tick()
        #expect(stage.told.count == 2)
        stage.beat(first)
        stage.tick()
        #expect(stage.told.count == 3)
        // In the end each has had its own.
        for _ in 0..<6 {
            for agent in Array(stage.told.keys) {
                stage.acknowledge(agent)
                stage.beat(agent)
            }
            stage.tick()
        }
        #expect(stage.told.count == 6 && Set(stage.told.values).count == 6)
    }

    @Test func `a job that its agent lost and gets again counts before that agent names it`() throws {
        let (first, second, third, fourth) = (Self.agents[0], Self.agents[1], Self.agents[2], Self.agents[3])
        var stage = try Stage([Self.policy(StartLimits(perPolicy: 2))], offline: Set(Self.agents[2...]))
        stage.tick()
        for agent in [first, second] {
            stage.acknowledge(agent)
            stage.beat(agent, runs: stage.told[agent])
        }
        _ = stage.machine.handle(.unreachable(first), at: stage.now)
        _ = stage.machine.handle(.hello(third, .sample(wall: stage.now.wall)), at: stage.now)
        stage.tick()
        #expect(Set(stage.told.keys) == [first, second, third])
        stage.acknowledge(third)
        stage.beat(second)

        // Its machine was put back: it knows nothing of its job.
        _ = stage.machine.handle(.hello(first, .sample(wall: stage.now.wall)), at: stage.now)
        let lost = TriggerRecord(trigger: try #require(stage.triggers[first]), state: .reclaimed)
        let open = OpenTrigger(record: lost, isCancelAcknowledged: false, isSlot: true)
        _ = stage.machine.handle(.triggersReclaimed([open]), at: stage.now)
        _ = stage.machine.handle(.hello(fourth, .sample(wall: stage.now.wall)), at: stage.now)
        stage.tick()
        stage.acknowledge(first)
        stage.tick()
        stage.beat(first, runs: stage.told[first])
        stage.tick()
        #expect(stage.told[fourth] == nil)
        stage.beat(first)
        stage.tick()
        #expect(stage.told[fourth] != nil)
    }

    @Test func `an agent that is offline takes no one's place, and waits for its own when it is back`() throws {
        var stage = try Stage([Self.policy(StartLimits(perPolicy: 2))], offline: [Self.agents[0]])
        stage.tick()
        #expect(stage.told.count == 2 && stage.told[Self.agents[0]] == nil)
        // It carries its slot, should it only be cut off.
        #expect(stage.recalled.count == 3)
        let back = stage.machine.handle(.hello(Self.agents[0], .sample(wall: stage.now.wall)), at: stage.now)
        for case .send(.syncSnapshot(let snapshot), _) in back {
            #expect(snapshot.triggers == [])
            #expect(snapshot.slots.filter(\.isHeld).map(\.agent) == [Self.agents[0]])
        }
        stage.tick()
        #expect(stage.told[Self.agents[0]] == nil)
    }

    @Test func `an agent that goes away makes room`() throws {
        var stage = try Stage([Self.policy(StartLimits(perPolicy: 2))])
        stage.tick()
        let gone = try #require(stage.told.keys.min())
        _ = stage.machine.handle(.unreachable(gone), at: stage.now)
        stage.tick()
        #expect(stage.told.count == 3)
    }

    @Test func `a start that its agent never took waits again when that is back, as others have its place`() throws {
        var stage = try Stage([Self.policy(StartLimits(perPolicy: 2))])
        stage.tick()
        let gone = try #require(stage.told.keys.min())
        let lost = try #require(stage.told[gone])
        _ = stage.machine.handle(.unreachable(gone), at: stage.now)
        stage.tick()
        #expect(stage.told.count == 3)
        let back = stage.machine.handle(.hello(gone, .sample(wall: stage.now.wall)), at: stage.now)
        let snapshots = back.compactMap { action -> SyncSnapshot? in
            if case .send(.syncSnapshot(let snapshot), _) = action { snapshot } else { nil }
        }
        #expect(snapshots.map(\.triggers) == [[]])
        #expect(snapshots[0].slots.filter(\.isHeld).map(\.job) == [lost])
        stage.told[gone] = nil
        stage.tick()
        #expect(stage.told[gone] == nil)
        let other = try #require(stage.told.keys.min())
        stage.acknowledge(other)
        stage.beat(other)
        stage.tick()
        #expect(stage.told[gone] == lost)
    }

    @Test func `a repository's limit counts the jobs of every policy that writes into it`() throws {
        let one = Self.policy(StartLimits(perRepository: 2), name: "one", repository: "main")
        let two = Self.policy(.none, name: "two", repository: "main")
        var other = Self.policy(.none, name: "other", repository: "elsewhere")
        other.schedules = []
        var stage = try Stage([one, two, other])
        // `two` has no limit and starts at once; `one` waits for all of it.
        stage.tick()
        #expect(stage.told.count == 6)
        for agent in Self.agents {
            stage.acknowledge(agent)
            stage.beat(agent, runs: stage.told[agent], of: "two")
        }
        stage.told = [:]
        for agent in Self.agents.prefix(5) { stage.beat(agent) }
        stage.tick()
        #expect(stage.told.count == 1)
        stage.beat(Self.agents[5], runs: JobID(rawValue: 99), of: "other")
        stage.tick()
        #expect(stage.told.count == 2)
    }

    @Test func `the fleet's limit counts every job, Backup now too`() throws {
        var rules = CoordinatorRules()
        rules.jobsAtOnce = 3
        var stage = try Stage([Self.policy(.none)], rules: rules)
        for agent in Self.agents.prefix(2) { stage.beat(agent, runs: JobID(rawValue: 90), of: "by-hand") }
        stage.beat(Self.agents[1], runs: JobID(rawValue: 91), of: "by-hand")
        stage.tick()
        #expect(stage.told.count == 1)
    }

    @Test func `one that waits past its deadline is missed, and one that is canceled is told at once`() throws {
        var stage = try Stage([Self.policy(StartLimits(perPolicy: 1))])
        stage.tick()
        let running = try #require(stage.told.first)
        stage.acknowledge(running.key)
        stage.beat(running.key, runs: running.value)
        let waiting = try #require(stage.recalled.min())
        let agent = try #require(Self.agents.first { stage.machine.awaits(waiting, by: $0) })
        let trigger = Trigger(
            job: waiting, agent: agent, policy: daily, revision: 1, cause: .schedule, scheduledStart: stage.now.wall,
            notAfter: stage.now.wall)
        _ = stage.machine.handle(
            .cancelRecorded(TriggerRecord(trigger: trigger, state: .pending, isCanceled: true)), at: stage.now)
        stage.tick(after: 6)
        #expect(stage.told[agent] == waiting)
        stage.now = stage.now + .seconds(7_200)
        let actions = stage.machine.handle(.tick, at: stage.now)
        let missed = actions.compactMap { if case .record(.missed(let job)) = $0 { job } else { nil } }
        #expect(missed.count == 5)
    }

    @Test func `what is held back when its policy is paused is withdrawn, and its agent hears of it`() throws {
        var stage = try Stage([Self.policy(StartLimits(perPolicy: 1))])
        stage.tick()
        let hold = Hold(
            target: .policy(daily), reason: "r", since: stage.now.wall, until: stage.now.wall + .seconds(600),
            madeBy: "test")
        let actions = stage.machine.handle(.holdRecorded(hold), at: stage.now)
        var (settled, told): (Set<JobID>, Set<JobID>) = ([], [])
        for action in actions {
            if case .record(.withdrawn(let job)) = action { settled.insert(job) }
            if case .publish(.slotChange(let change), _) = action { told.formUnion(change.withdrawn) }
        }
        #expect(settled.isSuperset(of: stage.recalled) && told == settled)
    }

    @Test func `what nobody waits for any more is withdrawn from its agent too`() throws {
        var policy = Self.policy(StartLimits(perPolicy: 1))
        policy.whenAgentOffline = .skip
        var stage = try Stage([policy])
        stage.tick()
        for _ in 0..<8 {
            for agent in Self.agents { stage.beat(agent) }
            stage.tick(after: 40)
        }
        #expect(stage.withdrawn.isSuperset(of: stage.recalled) && stage.recalled.count == 5)
    }

    @Test func `a coordinator that starts again goes on holding back`() throws {
        let policy = Self.policy(StartLimits(perPolicy: 1))
        let start = Moment.start
        let open = Self.agents.enumerated().map { index, agent in
            OpenTrigger(
                record: TriggerRecord(
                    trigger: Trigger(
                        job: JobID(rawValue: Int64(index + 1)), agent: agent, policy: daily, revision: 1,
                        cause: .schedule, scheduledStart: start.wall, notAfter: start.wall + .seconds(7_200)),
                    state: .pending), isCancelAcknowledged: false, isSlot: true)
        }
        let revision = PolicyRevision(policy: policy, revision: 1, appliedAt: start.wall, appliedBy: "test")
        var machine = CoordinatorMachine(CoordinatorState(policies: [revision], openTriggers: open))
        _ = machine.handle(.enrolled(Dictionary(uniqueKeysWithValues: Self.agents.map { ($0, [:]) })), at: start)
        var told = 0
        for agent in Self.agents {
            for case .send(.syncSnapshot(let snapshot), _) in machine.handle(
                .hello(agent, .sample(wall: start.wall)), at: start)
            {
                told += snapshot.triggers.count
                #expect(snapshot.slots.filter(\.isHeld).count == 1)
            }
        }
        for seconds in 1...30 {
            for action in machine.handle(.tick, at: start + .seconds(Int64(seconds))) {
                if case .publish(.trigger, _) = action { told += 1 }
            }
        }
        #expect(told == 1)
    }
}
