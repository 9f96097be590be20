/// The jobs to come: computed ahead, each with its id, so that agents can start them without a coordinator.
///
/// ```
///            recorded, told                 its start comes
///  wanted ───────────────────▶ planned ─────────────────────▶ a trigger like any other (pending)
///                               │   ▲
///     no longer wanted          ▼   │ wanted again: the same id
///                             withdrawn
/// ```
///
/// A slot is one agent, one policy, one start. It keeps its id whatever becomes of it: an agent that was away may have run
/// it already.
package struct CoordinatorSlots: Hashable, Sendable {
    fileprivate struct Key: Hashable, Sendable {
        var agent: AgentID
        var policy: PolicyName
        var start: UnixTime
    }

    private var planned: [AgentID: [JobID: Trigger]] = [:]
    /// Of all slots that are not withdrawn, those that are no longer planned too.
    private var jobs: [Key: JobID] = [:]
    private var versions: [AgentID: UInt64] = [:]
    /// Where versions begin: random for each start of a coordinator, so that no agent takes one for another's.
    private let firstVersion: UInt64
    /// No slot starts before; `nil`: there is none.
    private var earliest: UnixTime?
    /// When slots were last planned, by the wall clock.
    private var plannedAt: UnixTime?
    private var nextPlanning: BootTime?

    package init(_ slots: [TriggerRecord], plannedAt: UnixTime?, firstVersion: UInt64) {
        self.plannedAt = plannedAt
        self.firstVersion = firstVersion
        for record in slots { keep(record.trigger) }
    }

    /// Slots depend on something that changed: they are planned anew at the next opportunity.
    package mutating func outdate() { nextPlanning = nil }

    /// What is planned, the earliest first.
    package func upcoming(_ policy: PolicyName?, _ agent: AgentID?, limit: Int) -> [Trigger] {
        let all = agent.map { planned[$0].map { Array($0.values) } ?? [] } ?? planned.values.flatMap(\.values)
        let wanted = all.filter { policy == nil || $0.policy == policy }
        return Array(wanted.sorted { ($0.scheduledStart, $0.job) < ($1.scheduledStart, $1.job) }.prefix(limit))
    }

    /// The id that was given to a start; `nil`: none was.
    package func job(of agent: AgentID, _ policy: PolicyName, start: UnixTime) -> JobID? {
        jobs[Key(agent: agent, policy: policy, start: start)]
    }

    package func slots(of agent: AgentID) -> [Trigger] {
        (planned[agent] ?? [:]).values.sorted { $0.job < $1.job }
    }

    package func version(of agent: AgentID) -> UInt64 { versions[agent] ?? firstVersion }

    // MARK: Planning

    /// What must change; `nil`: it is not time to look.
    ///
    /// Starts that passed since the last planning are planned too: a policy may have been applied just before a crash.
    ///
    /// - Parameters:
    ///   - agents: The agents that a policy picks now.
    ///   - timeZone: What an agent says of its own zone; empty: nothing.
    ///   - goodBackup: What an agent says of a policy's last good backup; `nil`: nothing yet, and what is planned stays.
    package func plan(
        _ policies: [PolicyRevision], _ rules: CoordinatorRules, zones: any ZoneCatalog,
        agents: (Policy) -> [AgentID], timeZone: (AgentID) -> String,
        goodBackup: (AgentID, PolicyName) -> LastGoodBackup? = { _, _ in nil },
        holds: CoordinatorHolds = CoordinatorHolds(), at now: Moment
    ) -> SlotPlan? {
        if let nextPlanning, now.boot < nextPlanning { return nil }
        let last = min(plannedAt ?? now.wall, now.wall)
        var wanted: [AgentID: [Trigger]] = [:]
        for revision in policies where !revision.policy.schedules.isEmpty {
            let after = max(last, min(revision.appliedAt, now.wall))
            let policy = revision.policy
            let through = now.wall + rules.slotHorizon
            if policy.afterSuccess != nil {
                let known = starts(of: policy.name)
                for agent in agents(policy) {
                    let starts = chain(
                        of: policy, on: agent, after: goodBackup(agent, policy.name), known: known[agent] ?? [],
                        from: now.wall, through: through)
                    wanted[agent, default: []] += starts.indices.compactMap { index in
                        guard holds.hold(of: policy.name, on: agent, at: starts[index].time) == nil else { return nil }
                        let next = index + 1 < starts.count ? starts[index + 1].time : nil
                        return slot(revision, agent, starts[index], next: next, rules)
                    }
                }
                continue
            }
            let byZone = Dictionary(grouping: agents(policy)) { policy.dependsOnAgentZone ? timeZone($0) : "" }
            for (zone, agents) in byZone {
                let nominal = policy.nominalStarts(after: after, through: through, agentZone: zone, zones: zones)
                for agent in agents {
                    let starts = policy.starts(of: nominal, on: agent, after: after, through: through)
                    wanted[agent, default: []] += starts.indices.compactMap { index in
                        guard holds.hold(of: policy.name, on: agent, at: starts[index].time) == nil else { return nil }
                        let next = index + 1 < starts.count ? starts[index + 1].time : nil
                        return slot(revision, agent, starts[index], next: next, rules)
                    }
                }
            }
        }
        var plan = SlotPlan(plannedAt: now.wall, lastPlannedAt: last)
        var kept: Set<JobID> = []
        for (agent, slots) in wanted.sorted(by: { $0.key < $1.key }) {
            let first = slots.sorted { ($0.scheduledStart, $0.policy) < ($1.scheduledStart, $1.policy) }
            for var slot in first.prefix(rules.slotsPerAgent) {
                guard let job = jobs[Key(slot)] else {
                    plan.new.append(slot)
                    continue
                }
                kept.insert(job)
                guard let known = planned[agent]?[job] else { continue }
                slot.job = job
                if slot != known { plan.changed.append(slot) }
            }
        }
        for slot in planned.values.flatMap(\.values) where slot.scheduledStart > now.wall && !kept.contains(slot.job) {
            plan.withdrawn.append(slot.job)
        }
        plan.withdrawn.sort()
        return plan
    }

    /// What a policy's jobs start by that start so long after its last good backup.
    private func chain(
        of policy: Policy, on agent: AgentID, after last: LastGoodBackup?, known: [UnixTime], from now: UnixTime,
        through: UnixTime
    ) -> [PolicyStart] {
        guard let interval = policy.afterSuccess, let schedule = policy.schedules.first else { return [] }
        let delay = policy.delay(of: agent, upTo: schedule.splay ?? policy.splay)
        let nominal = known.map { $0 + (.zero - delay) }
        let starts =
            last.map { SuccessChain.starts(every: interval, after: $0, known: nominal, from: now, through: through) }
            ?? nominal.filter { $0 + delay > now }.sorted()
        return starts.map { start in
            PolicyStart(
                time: start + delay, nominal: start, windowEnd: (schedule.window ?? policy.window).map { start + $0 },
                bandwidthLimit: schedule.bandwidthLimit)
        }
    }

    /// The starts of one policy that have an id, by agent.
    private func starts(of policy: PolicyName) -> [AgentID: [UnixTime]] {
        var starts: [AgentID: [UnixTime]] = [:]
        for key in jobs.keys where key.policy == policy { starts[key.agent, default: []].append(key.start) }
        return starts
    }

    private func slot(
        _ revision: PolicyRevision, _ agent: AgentID, _ start: PolicyStart, next: UnixTime?, _ rules: CoordinatorRules
    ) -> Trigger {
        let policy = revision.policy
        var deadline = start.windowEnd ?? start.time + rules.slotPatience
        if policy.whenAgentOffline != .queue { deadline = min(deadline, start.time + rules.orderPatience) }
        // The next start takes its place.
        if policy.catchUp == .latest { deadline = max(deadline, next ?? start.time + rules.slotHorizon) }
        return Trigger(
            job: JobID(rawValue: 0), agent: agent, policy: revision.policy.name, revision: revision.revision,
            cause: .schedule, scheduledStart: start.time,
            notAfter: deadline, windowEnd: start.windowEnd, bandwidthLimit: start.bandwidthLimit)
    }

    /// The store has recorded a plan.
    ///
    /// - Parameter records: All slots that the plan names, as they are now.
    /// - Returns: What to tell each agent.
    package mutating func take(
        _ records: [TriggerRecord], plannedAt: UnixTime, _ rules: CoordinatorRules, at now: Moment
    ) -> [(agent: AgentID, change: SlotChange)] {
        self.plannedAt = plannedAt
        nextPlanning = now.boot + rules.planningInterval
        let oldest = now.wall + (Duration.zero - rules.slotHorizon)
        jobs = jobs.filter { $0.key.start > oldest }
        var changes: [AgentID: SlotChange] = [:]
        for record in records {
            let (agent, job) = (record.trigger.agent, record.trigger.job)
            let version = version(of: agent)
            var change =
                changes[agent] ?? SlotChange(previous: version, version: version &+ 1, slots: [], withdrawn: [])
            switch record.state {
            case .planned:
                keep(record.trigger)
                change.slots.append(record.trigger)
            case .withdrawn:
                remove(job, of: agent)
                jobs[Key(record.trigger)] = nil
                change.withdrawn.append(job)
            default:
                // It was run, or is being delivered.
                jobs[Key(record.trigger)] = job
                continue
            }
            changes[agent] = change
        }
        for (agent, change) in changes { versions[agent] = change.version }
        return changes.sorted { $0.key < $1.key }.map { (agent: $0.key, change: $0.value) }
    }

    // MARK: What becomes of slots

    /// Takes out the slots whose start has come.
    package mutating func due(at now: UnixTime) -> [Trigger] {
        guard let earliest, earliest <= now else { return [] }
        let due = planned.values.flatMap(\.values).filter { $0.scheduledStart <= now }
        for slot in due { planned[slot.agent]?[slot.job] = nil }
        self.earliest = planned.values.lazy.flatMap(\.values).map(\.scheduledStart).min()
        return due.sorted { $0.job < $1.job }
    }

    /// The agent has begun the job already.
    ///
    /// - Returns: It was planned.
    package mutating func consume(_ job: JobID, by agent: AgentID) -> Bool {
        planned[agent]?[job] != nil && remove(job, of: agent)
    }

    /// The slots of the agent of which it knows another job by the same id.
    package func conflicts(_ known: [JobID: UInt64], of agent: AgentID) -> [JobID] {
        slots(of: agent).filter { slot in known[slot.job].map { $0 != slot.fingerprint } ?? false }.map(\.job)
    }

    /// The slots of the agent that it has begun.
    package func begun(_ known: [JobID: UInt64], by agent: AgentID) -> [JobID] {
        slots(of: agent).filter { known[$0.job] == $0.fingerprint }.map(\.job)
    }

    /// The slot goes on under another id.
    ///
    /// - Returns: What to tell the agent.
    package mutating func replace(_ old: JobID, by trigger: Trigger) -> SlotChange {
        remove(old, of: trigger.agent)
        keep(trigger)
        return change(of: trigger.agent, slots: [trigger], withdrawn: [old])
    }

    /// A slot whose start has come is held back. Its agent keeps it: without a coordinator it starts it by itself.
    ///
    /// - Returns: What to tell the agent.
    package mutating func hold(_ slot: Trigger) -> SlotChange {
        var held = slot
        held.isHeld = true
        return change(of: slot.agent, slots: [held], withdrawn: [])
    }

    /// Slots of an agent whose start has come are not to be started any more.
    ///
    /// - Returns: What to tell the agent.
    package mutating func withdraw(_ jobs: [JobID], of agent: AgentID) -> SlotChange {
        change(of: agent, slots: [], withdrawn: jobs)
    }

    private mutating func change(of agent: AgentID, slots: [Trigger], withdrawn: [JobID]) -> SlotChange {
        let version = version(of: agent)
        versions[agent] = version &+ 1
        return SlotChange(previous: version, version: version &+ 1, slots: slots, withdrawn: withdrawn)
    }

    private mutating func keep(_ slot: Trigger) {
        planned[slot.agent, default: [:]][slot.job] = slot
        jobs[Key(slot)] = slot.job
        earliest = min(earliest ?? slot.scheduledStart, slot.scheduledStart)
    }

    @discardableResult
    private mutating func remove(_ job: JobID, of agent: AgentID) -> Bool {
        let removed = planned[agent]?.removeValue(forKey: job) != nil
        if planned[agent]?.isEmpty ?? false { planned[agent] = nil }
        return removed
    }
}

extension CoordinatorSlots.Key {
    fileprivate init(_ trigger: Trigger) {
        self.init(agent: trigger.agent, policy: trigger.policy, start: trigger.scheduledStart)
    }
}

/// What planning found to change; to be recorded by the store before anyone is told.
package struct SlotPlan: Hashable, Sendable {
    /// Their job is 0 until the store gives one.
    package var new: [Trigger] = []
    /// Another revision, deadline or window; the same id.
    package var changed: [Trigger] = []
    package var withdrawn: [JobID] = []
    package private(set) var plannedAt: UnixTime
    private let lastPlannedAt: UnixTime

    /// - Parameter last: When slots were planned before, if they were: starts that passed since are in this plan.
    package init(plannedAt: UnixTime, lastPlannedAt last: UnixTime? = nil) {
        (self.plannedAt, lastPlannedAt) = (plannedAt, last ?? plannedAt)
    }

    /// What is new is left to a later plan.
    mutating func leaveNew() {
        new = []
        plannedAt = lastPlannedAt
    }
}
