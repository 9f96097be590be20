import BookendModel

/// A coordinator and its agents, in steps of five seconds, made of nothing but the model's rules.
struct RuleFleet {
    static let start = Moment(wall: UnixTime(milliseconds: 1_800_000_000_000), boot: BootTime(milliseconds: 5_000_000))

    /// All times of the rows are multiples of it.
    private static let step: Int64 = 5

    private let row: RuleRow
    private let policies: [PolicyName: (policy: Policy, row: RuleRow.PolicyRow)]
    private var coordinator: CoordinatorMachine
    private var agents: [AgentID: RuleAgent] = [:]
    private var records: [JobID: TriggerRecord] = [:]
    private var lastJob: Int64 = 0
    private var second: Int64 = 0
    /// What people would notice, in order: `100 a: p of 100 begins`.
    private(set) var events: [String] = []

    private var now: Moment { Self.start + .seconds(second) }

    init(_ row: RuleRow) throws {
        self.row = row
        var policies: [PolicyName: (policy: Policy, row: RuleRow.PolicyRow)] = [:]
        for (name, row) in row.policies { policies[PolicyName(rawValue: name)] = (try row.policy(name), row) }
        self.policies = policies
        coordinator = CoordinatorMachine(
            CoordinatorState(), rules: CoordinatorRules(jobsAtOnce: row.jobs_at_once))
        for (name, row) in row.agents ?? ["a": RuleRow.AgentRow()] {
            let id = AgentID(rawValue: name)
            agents[id] = RuleAgent(id: id, row: row)
        }
    }

    mutating func run() {
        perform(coordinator.handle(.enrolled(agents.mapValues { _ in [:] }), at: now))
        let edits = coordinator.policies.plan(
            applying: policies.values.map(\.policy).sorted { $0.name < $1.name }, by: "test", at: now.wall
        ).edits
        perform(coordinator.handle(.policiesRecorded(edits), at: now))
        while second <= row.until_s {
            if row.coordinator_restarts_s?.contains(second) == true { restart() }
            for id in agents.keys.sorted() { updateConnection(id) }
            pause()
            plan()
            for wish in row.orders ?? [] where wish.at_s == second { order(wish) }
            for cancel in row.cancels ?? [] where cancel.at_s == second { order(cancel) }
            perform(coordinator.handle(.tick, at: now))
            for id in agents.keys.sorted() { live(id) }
            second += Self.step
        }
    }

    // MARK: The coordinator

    private mutating func plan() {
        guard let plan = coordinator.planSlots(at: now) else { return }
        var changed: [TriggerRecord] = []
        for var slot in plan.new + plan.changed {
            if slot.job.rawValue == 0 {
                lastJob += 1
                slot.job = JobID(rawValue: lastJob)
            }
            changed.append(TriggerRecord(trigger: slot, state: .planned))
        }
        for job in plan.withdrawn {
            guard var record = records[job] else { continue }
            record.state = .withdrawn
            changed.append(record)
        }
        for record in changed { records[record.trigger.job] = record }
        perform(coordinator.handle(.slotsRecorded(changed, plannedAt: plan.plannedAt), at: now))
    }

    private mutating func restart() {
        let open = records.values.filter { $0.state == .pending || $0.state == .missed || $0.isCanceled }
        let holds = coordinator.holds.active(at: now.wall)
        let revisions = coordinator.policies.all
        coordinator = CoordinatorMachine(
            CoordinatorState(
                generation: 1, policies: revisions,
                openTriggers: open.map { OpenTrigger(record: $0, isCancelAcknowledged: false, isSlot: true) },
                slots: records.values.filter { $0.state == .planned }, slotsPlannedAt: now.wall, holds: holds),
            rules: coordinator.rules, firstVersion: UInt64(second))
        perform(coordinator.handle(.enrolled(agents.mapValues { _ in [:] }), at: now))
        for agent in agents.values { agent.isConnected = false }
    }

    private mutating func pause() {
        for name in policies.keys.sorted() { hold(.policy(name), row.paused_s) }
        hold(.agent(AgentID(rawValue: "a")), row.maintenance_s)
    }

    private mutating func hold(_ target: Hold.Target, _ times: [Int64]?) {
        guard let times, times.count == 2, second == times[0] else { return }
        let hold = Hold(
            target: target, reason: "test", since: now.wall, until: Self.start.wall + .seconds(times[1]), madeBy: "test"
        )
        perform(coordinator.handle(.holdRecorded(hold), at: now))
    }

    private mutating func order(_ wish: RuleRow.Order) {
        lastJob += 1
        let trigger = Trigger(
            job: JobID(rawValue: lastJob), agent: AgentID(rawValue: wish.agent),
            policy: PolicyName(rawValue: wish.policy), revision: 1, cause: .manual, scheduledStart: now.wall,
            notAfter: now.wall + .seconds(300))
        let record = TriggerRecord(trigger: trigger, state: .pending)
        records[trigger.job] = record
        perform(coordinator.handle(.triggersRecorded([record]), at: now))
    }

    private mutating func order(_ cancel: RuleRow.Cancel) {
        let wanted = records.values.first { record in
            record.trigger.agent.rawValue == cancel.agent && record.trigger.policy.rawValue == cancel.policy
                && record.trigger.scheduledStart == Self.start.wall + .seconds(cancel.start_s)
        }
        guard var record = wanted else { return }
        record.isCanceled = true
        records[record.trigger.job] = record
        perform(coordinator.handle(.cancelRecorded(record), at: now))
    }

    private mutating func perform(_ actions: [CoordinatorMachine.Action]) {
        for action in actions {
            switch action {
            case .send(let message, let id), .publish(let message, let id):
                if agents[id]?.isConnected == true { deliver(message, to: id) }
            case .record(let settlement): record(settlement)
            default: break
            }
        }
    }

    private mutating func record(_ settlement: TriggerSettlement) {
        let (job, state, words): (JobID, TriggerRecord.State, String?) =
            switch settlement {
            case .due(let job): (job, .pending, nil)
            case .delivered(let job, _): (job, .delivered, nil)
            case .missed(let job): (job, .missed, "is missed")
            case .offline(let job): (job, .offline, "is 31 agent-offline")
            case .withdrawn(let job): (job, .withdrawn, "is not expected")
            case .cancelAcknowledged(let job, _): (job, records[job]?.state ?? .delivered, nil)
            }
        records[job]?.state = state
        if let words, let trigger = records[job]?.trigger {
            events.append("\(second) coordinator: \(name(trigger)) on \(trigger.agent) \(words)")
        }
    }

    private func name(_ trigger: Trigger) -> String {
        "\(trigger.policy) of \((trigger.scheduledStart - Self.start.wall).milliseconds / 1_000)"
    }

    // MARK: The wire

    private mutating func updateConnection(_ id: AgentID) {
        guard let agent = agents[id] else { return }
        let (wasUp, wasConnected) = (agent.isUp, agent.isConnected)
        agent.isUp = !agent.row.down_s.contains(second)
        agent.isConnected = agent.isUp && !agent.row.cut_off_s.contains(second)
        if wasUp, !agent.isUp { agent.die() }
        if agent.isUp, !wasUp {
            for (job, actions) in agents[id]?.recover(policies.mapValues(\.policy), at: now) ?? [] {
                follow(actions, of: job, on: id)
            }
        }
        if wasConnected, !agent.isConnected { perform(coordinator.handle(.unreachable(id), at: now)) }
        guard agent.isConnected else { return }
        if !wasConnected {
            let hello = Hello(
                incarnation: 1, version: "1.0.0", labels: [:], generation: 1, activeJobs: agent.activeJobs,
                highestJob: JobID(rawValue: 0), wall: now.wall, instance: 1,
                knownJobs: agent.known.values.map(KnownJob.init))
            perform(coordinator.handle(.hello(id, hello), at: now))
        } else if second % 10 == 0 {
            let beat = Heartbeat(
                generation: 1, activeJobs: agent.activeJobs, outboxDepth: 0, wall: now.wall, instance: 1,
                goodBackups: goodBackups(of: agent))
            perform(coordinator.handle(.heartbeat(id, beat), at: now))
        }
    }

    private func goodBackups(of agent: RuleAgent) -> [PolicyName: LastGoodBackup] {
        policies.filter { $0.value.policy.afterSuccess != nil }.mapValues { entry in
            agent.goodBackups[entry.policy.name].map(LastGoodBackup.at) ?? .never
        }
    }

    private mutating func deliver(_ message: Envelope, to id: AgentID) {
        switch message {
        case .syncSnapshot(let snapshot):
            agents[id]?.slots.replace(snapshot.slots.filter { agents[id]?.known[$0.job] == nil })
            for job in snapshot.cancels { cancel(job, on: id) }
            for trigger in snapshot.triggers { accept(trigger, on: id) }
        case .slotChange(let change):
            agents[id]?.slots.change(
                change.slots.filter { agents[id]?.known[$0.job] == nil }, withdrawn: change.withdrawn)
        case .trigger(let trigger): accept(trigger, on: id)
        case .cancel(let job): cancel(job, on: id)
        default: break
        }
    }

    // MARK: An agent

    private mutating func accept(_ trigger: Trigger, on id: AgentID) {
        if let policy = policies[trigger.policy]?.policy,
            let actions = agents[id]?.accept(trigger, under: policy, at: now)
        {
            follow(actions, of: trigger.job, on: id)
        }
        guard agents[id]?.isConnected == true else { return }
        perform(coordinator.handle(.triggerAcknowledged(id, trigger.job), at: now))
    }

    private mutating func cancel(_ job: JobID, on id: AgentID) {
        let actions = agents[id]?.cancel(job, at: now) ?? []
        follow(actions, of: job, on: id)
        perform(coordinator.handle(.cancelAcknowledged(id, job), at: now))
    }

    private mutating func live(_ id: AgentID) {
        guard agents[id]?.isUp == true else { return }
        agents[id]?.rest(policies.mapValues(\.policy))
        for slot in agents[id]?.slots.due(at: now.wall) ?? [] { accept(slot, on: id) }
        // Ends first: they make room.
        for job in agents[id]?.jobs.keys.sorted() ?? [] {
            guard let entry = agents[id]?.jobs[job] else { continue }
            if let end = entry.runsUntil, end <= second {
                agents[id]?.jobs[job]?.runsUntil = nil
                agents[id]?.noteGood(job, entry.outcome, at: now.wall)
                follow(agents[id]?.tell(job, .backupEnded(StageEnd(entry.outcome)), at: now) ?? [], of: job, on: id)
            } else if let deadline = entry.machine.nextDeadline, deadline <= now.boot {
                follow(agents[id]?.tell(job, .tick, at: now) ?? [], of: job, on: id)
            }
        }
    }

    private mutating func follow(_ actions: [JobAction], of job: JobID, on id: AgentID) {
        guard let trigger = agents[id]?.known[job], let (policy, row) = policies[trigger.policy] else { return }
        let name = "\(second) \(id): \(name(trigger))"
        for other in agents[id]?.takeReplaced() ?? [] {
            follow(agents[id]?.tell(other, .replaced(by: job), at: now) ?? [], of: other, on: id)
        }
        for action in actions {
            switch action {
            case .waitForTurn:
                give(
                    agents[id]?.turns.request(
                        TurnQueue.Claim(
                            TurnQueue.Claimant(job), policy: policy.name, group: nil, room: policy.limits.perAgent))
                        ?? [], on: id)
            case .recordStart: follow(agents[id]?.tell(job, .startRecorded, at: now) ?? [], of: job, on: id)
            case .runBackup(let attempt):
                agents[id]?.begin(job, for: row.job_s ?? 30, failures: row.failures ?? 0, at: second)
                let cause =
                    switch trigger.cause {
                    case .catchUp: " to catch up"
                    case .autonomous: " by itself"
                    default: ""
                    }
                events.append(name + " begins" + cause + (attempt > 1 ? " for the \(attempt). time" : ""))
            case .stopBackup:
                agents[id]?.jobs[job]?.runsUntil = nil
                follow(agents[id]?.tell(job, .backupEnded(StageEnd(.interrupted)), at: now) ?? [], of: job, on: id)
            case .scheduleRetry(let moment):
                events.append(name + " waits until \((moment.boot - Self.start.boot).milliseconds / 1_000)")
                release(job, on: id)
            case .finish(let status):
                events.append(name + " is \(status)")
                agents[id]?.jobs[job] = nil
                release(job, on: id)
            default: break
            }
        }
    }

    private mutating func release(_ job: JobID, on id: AgentID) {
        give(agents[id]?.turns.release(TurnQueue.Claimant(job)) ?? [], on: id)
    }

    private mutating func give(_ turns: [TurnQueue.Claimant], on id: AgentID) {
        for turn in turns { follow(agents[id]?.tell(turn.job, .turn, at: now) ?? [], of: turn.job, on: id) }
    }
}

extension [Int64]? {
    fileprivate func contains(_ second: Int64) -> Bool {
        let times = self ?? []
        return stride(from: 0, to: times.count - 1, by: 2).contains { second >= times[$0] && second < times[$0 + 1] }
    }
}
