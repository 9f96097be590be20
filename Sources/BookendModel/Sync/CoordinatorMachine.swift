/// The coordinator: what it knows of policies, agents and triggers, and what follows from an event.
///
/// Nothing is told to an agent before the store has recorded it: a request is first planned (`plan…`), then recorded, then
/// handed to ``handle(_:at:)`` as an event. Settlements go the other way round: they can be recorded late, because an
/// acknowledgement comes again after a crash.
package struct CoordinatorMachine: Hashable, Sendable {
    package enum Event: Hashable, Sendable {
        /// All agents that are enrolled now, with the labels of the key file.
        case enrolled([AgentID: [String: String]])
        case hello(AgentID, Hello)
        case heartbeat(AgentID, Heartbeat)
        /// The agent can hear what is published from now on.
        case subscribed(AgentID)
        /// A message for the agent found nobody.
        case unreachable(AgentID)
        case triggerAcknowledged(AgentID, JobID)
        case cancelAcknowledged(AgentID, JobID)
        /// The agent knows another job by this id.
        case triggerConflicts(AgentID, JobID)
        case policiesRecorded([PolicyEdit])
        /// The slots that a plan names, as the store has them now.
        case slotsRecorded([TriggerRecord], plannedAt: UnixTime)
        case triggersRecorded([TriggerRecord])
        /// Triggers that their agent has lost are pending again.
        case triggersReclaimed([OpenTrigger])
        /// Triggers for which no agent came for long have failed.
        case triggersGivenUp([TriggerRecord])
        /// A trigger goes on under another id.
        case triggerReissued(JobID, as: TriggerRecord)
        case cancelRecorded(TriggerRecord)
        /// What the agent's hello says could not be compared with the store: it is to say it again.
        case helloNotCompared(AgentID)
        case holdRecorded(Hold)
        /// Agents that are online hear of it at once.
        case nextKeyPrepared(PublicKey?)
        /// Slots were planned just before: what passed while it was held is not made up for.
        case holdReleased(Hold.Target)
        /// The store has gone above what others know, and has a new epoch.
        case epochRenewed(UInt64)
        case tick
    }

    package enum Action: Hashable, Sendable {
        /// Over sync: on the connection from which the agent was last heard.
        case send(Envelope, to: AgentID)
        /// On the agent's topic.
        case publish(Envelope, to: AgentID)
        case record(TriggerSettlement)
        /// An agent has seen this job id and this generation (0: no higher one than there is). If the store is below, or has
        /// another order by that id, it went back in time, or the agent lies; if it renews its epoch,
        /// ``Event/epochRenewed(_:)`` answers.
        case goAbove(job: JobID, generation: Int64, knowing: [KnownJob], named: AgentID)
        /// Find the triggers that were delivered since then and are not among what the agent knows;
        /// ``Event/triggersReclaimed(_:)`` answers.
        case reclaim(AgentID, knowing: [KnownJob], since: UnixTime)
        /// Tell the cancels of those of these jobs that are canceled again, though they were acknowledged: an agent that was
        /// restored from a snapshot goes on with them.
        case remindOfCancels(AgentID, [JobID])
        /// Give the trigger another id, as its agent knows another job by this one; ``Event/triggerReissued(_:as:)`` answers.
        case reissue(JobID, named: AgentID)
        case note(CoordinatorPresence.Note)
    }

    /// A coordinator that was there before, until it knows what its agents know.
    private struct Settling: Hashable, Sendable {
        let until: BootTime
        /// Who has said hello.
        var heard: Set<AgentID> = []
    }

    /// Triggers in one snapshot, at most. The others are sent one by one.
    private static let snapshotTriggers = 1_000

    /// Agents keep their jobs for 14 days. A day less, so that what one has just removed does not count as lost.
    private static let reclaimable = Duration.seconds(13 * 86_400)

    package var rules: CoordinatorRules
    package private(set) var policies: CoordinatorPolicies
    package private(set) var presence: CoordinatorPresence
    package private(set) var slots: CoordinatorSlots
    /// Renewed when the store went back in time.
    package private(set) var epoch: UInt64
    package private(set) var holds: CoordinatorHolds
    /// The key that this coordinator will have, which agents are told; `nil`: it keeps the one that it has.
    package private(set) var nextKey: PublicKey?
    private var delivery: CoordinatorDelivery
    private var limits = CoordinatorLimits()
    private var budget = HelloBudget()
    private var lostGenerations: LostNumbers
    /// No new slot is given an id until then, or until every agent has said hello; `nil`: that is over.
    private var settling: Settling?

    /// - Parameters:
    ///   - firstVersion: Random for each start: where the versions of slots begin.
    ///   - start: When this coordinator started; `nil`: it need not wait for its agents.
    package init(
        _ state: CoordinatorState, rules: CoordinatorRules = CoordinatorRules(), firstVersion: UInt64 = 1,
        startedAt start: BootTime? = nil
    ) {
        self.rules = rules
        // One that never planned has nothing that could have gone back in time.
        settling = state.slotsPlannedAt == nil ? nil : start.map { Settling(until: $0 + rules.settling) }
        policies = CoordinatorPolicies(state)
        lostGenerations = LostNumbers(above: state.generation)
        presence = CoordinatorPresence(remembered: state.agents)
        slots = CoordinatorSlots(state.slots, plannedAt: state.slotsPlannedAt, firstVersion: firstVersion)
        epoch = state.epoch
        holds = CoordinatorHolds(state.holds)
        delivery = CoordinatorDelivery(state.openTriggers)
        for slot in delivery.pendingSlots where isLimited(slot) {
            delivery.hold(slot.job, of: slot.agent, true)
            limits.hold(slot)
        }
    }

    /// Triggers and cancels that wait for agents.
    package var openTriggers: Int { delivery.count }

    /// Whether a trigger or a cancel of that job waits for the agent's acknowledgement.
    package func awaits(_ job: JobID, by agent: AgentID) -> Bool { delivery.awaits(job, by: agent) }

    /// What must change of the slots; `nil`: it is not time to look. To be asked after each event that may change them, and
    /// with each tick.
    ///
    /// New slots have to wait until every agent has said hello, or had the time to: should this be the copy of an earlier
    /// store, they know which ids were given since.
    package func planSlots(zones: any ZoneCatalog = NoZones(), at now: Moment) -> SlotPlan? {
        var plan = slots.plan(
            policies.all, rules, zones: zones, agents: { agents(of: $0) }, timeZone: { presence.timeZone(of: $0) },
            goodBackup: { presence.goodBackups(of: $0)[$1] }, holds: holds, at: now)
        if settling != nil { plan?.leaveNew() }
        return plan
    }

    private mutating func settle(at now: Moment) {
        guard let settling, now.boot >= settling.until || presence.ids.allSatisfy(settling.heard.contains) else {
            return
        }
        self.settling = nil
        slots.outdate()
    }

    /// Slots are planned at the next opportunity, whatever the time.
    package mutating func outdateSlots() { slots.outdate() }

    package mutating func handle(_ event: Event, at now: Moment) -> [Action] {
        switch event {
        case .enrolled(let agents):
            slots.outdate()
            return presence.enroll(agents).filter { presence.isGreeted($0) }
                .map { .send(snapshot(for: $0, at: now), to: $0) }
        case .nextKeyPrepared(let key):
            nextKey = key
            return presence.online.map { reply(to: $0, at: now) }
        case .hello(let agent, let hello): return take(hello, of: agent, at: now)
        case .heartbeat(let agent, let heartbeat): return take(heartbeat, of: agent, at: now)
        case .helloNotCompared(let agent):
            presence.putOff(agent, until: now.boot + AgentSync.helloPatience)
            return []
        case .subscribed(let agent):
            guard presence.isOnline(agent) else { return [] }
            // What was published before the subscription took hold went nowhere.
            delivery.hurry(agent)
            return [reply(to: agent, at: now)]
        case .unreachable(let agent):
            holdAgain(limits.lose(agent))
            return presence.lose(agent).map(Action.note)
        case .triggerAcknowledged(let agent, let job): return acknowledge(job, by: agent)
        case .cancelAcknowledged(let agent, let job):
            return delivery.acknowledgeCancel(job, by: agent).map { [.record($0)] } ?? []
        case .triggerConflicts(let agent, let job):
            return delivery.awaits(job, by: agent) ? [.reissue(job, named: agent)] : []
        case .policiesRecorded(let edits): return edits.flatMap { take($0) }
        case .slotsRecorded(let records, let plannedAt):
            return slots.take(records, plannedAt: plannedAt, rules, at: now)
                .filter { presence.isOnline($0.agent) }.map { .publish(.slotChange($0.change), to: $0.agent) }
        case .triggersRecorded(let records):
            for record in records { delivery.add(record, at: now.boot) }
            return records.filter { $0.state == .pending }.map { .publish(.trigger($0.trigger), to: $0.trigger.agent) }
        case .triggersReclaimed(let open):
            for item in open {
                delivery.add(item)
                // It begins again, and counts before the agent names it.
                limits.note(item.record.trigger)
            }
            return []
        case .triggersGivenUp(let records):
            for record in records { delivery.forget(record.trigger.job, of: record.trigger.agent) }
            return []
        case .triggerReissued(let job, let record): return reissue(job, as: record, at: now)
        case .cancelRecorded(let record):
            limits.forget(record.trigger.job)
            delivery.hold(record.trigger.job, of: record.trigger.agent, false)
            delivery.cancel(record, at: now.boot)
            let isOver = record.state == .offline || record.state == .conflict
            return isOver ? [] : [.publish(.cancel(record.trigger.job), to: record.trigger.agent)]
        case .holdRecorded(let hold):
            holds.take(hold, at: now.wall)
            slots.outdate()
            let withdrawn = delivery.withdraw(at: now.wall) {
                hold.target == .policy($0.policy) || hold.target == .agent($0.agent)
            }
            for slot in withdrawn { limits.forget(slot.job) }
            return withdrawn.map { .record(.withdrawn($0.job)) } + tellWithdrawn(withdrawn)
        case .holdReleased(let target):
            holds.release(target)
            slots.outdate()
            return []
        case .epochRenewed(let epoch):
            self.epoch = epoch
            return []
        case .tick: return tick(at: now)
        }
    }

    /// Every agent, with its maintenance and its scripts.
    package func agentRecords(at now: UnixTime) -> [AgentRecord] {
        var room = AgentRecord.namedDriftsOfFleet
        return presence.records.map { record in
            var record = record
            record.maintenance = holds.active(.agent(record.id), at: now)
            if let drifts = scriptDrift(of: record.id, at: now), drifts.count <= room {
                record.scriptDrift = drifts
                room -= drifts.count
            }
            return record
        }
    }

    private mutating func tick(at now: Moment) -> [Action] {
        settle(at: now)
        let notes = presence.tick(rules, at: now)
        var actions = notes.map(Action.note)
        for case .wentOffline(let agent) in notes { holdAgain(limits.lose(agent)) }
        var held: [Trigger] = []
        for slot in slots.due(at: now.wall) {
            let isLimited = isLimited(slot)
            delivery.add(TriggerRecord(trigger: slot, state: .pending), isSlot: true, isHeld: isLimited, at: now.boot)
            actions.append(.record(.due(slot.job)))
            guard !isLimited else {
                limits.hold(slot)
                held.append(slot)
                continue
            }
            // Others get it once their hello has said what they have begun without.
            guard presence.isGreeted(slot.agent) else { continue }
            limits.note(slot)
            actions.append(.publish(.trigger(slot), to: slot.agent))
        }
        let granted = limits.grant(
            fleet: rules.jobsAtOnce, policy: { policies[$0]?.policy }, active: presence.activeJobs,
            isReachable: { presence.isGreeted($0) })
        for trigger in granted {
            delivery.hold(trigger.job, of: trigger.agent, false)
            actions.append(.publish(.trigger(trigger), to: trigger.agent))
        }
        // Its agent would start it by itself after a while. Others hear of it with their snapshot.
        for slot in held where limits.isWaiting(slot.job) && presence.isGreeted(slot.agent) {
            actions.append(.publish(.slotChange(slots.hold(slot)), to: slot.agent))
        }
        // Others get it once their hello has said what they have begun without, under whatever id.
        let due = delivery.tick(
            rules, isGreeted: { presence.isGreeted($0) },
            whenOffline: { policies[$0]?.policy.whenAgentOffline ?? .queue }, at: now)
        for settlement in due.settlements { if let job = settlement.given { limits.forget(job) } }
        return actions + due.settlements.map(Action.record) + tellWithdrawn(due.dropped)
            + due.sends.map { .send($0.message, to: $0.agent) }
    }

    /// The agents carry them still. One that is away hears of it with its next snapshot.
    private mutating func tellWithdrawn(_ withdrawn: [Trigger]) -> [Action] {
        let byAgent = Dictionary(grouping: withdrawn, by: \.agent).filter { presence.isGreeted($0.key) }
        return byAgent.sorted { $0.key < $1.key }.map { agent, withdrawn in
            .publish(.slotChange(slots.withdraw(withdrawn.map(\.job), of: agent)), to: agent)
        }
    }

    /// Others take the places of these: they wait for new ones once their agents are back.
    private mutating func holdAgain(_ starts: [Trigger]) {
        for start in starts where isLimited(start) {
            delivery.hold(start.job, of: start.agent, true)
            limits.hold(start)
        }
    }

    /// Whether a start may have to wait until fewer jobs run.
    private func isLimited(_ slot: Trigger) -> Bool {
        rules.jobsAtOnce != nil || policies[slot.policy]?.policy.limits.countsAgents ?? false
    }

    /// Every agent that is online hears of every generation; the others get a snapshot when they come back.
    private mutating func take(_ edit: PolicyEdit) -> [Action] {
        policies.take(edit)
        slots.outdate()
        return presence.online.map { agent in
            let revision = edit.revision.flatMap { presence.picks($0.policy.selector, agent) ? $0 : nil }
            return .publish(
                .policyChange(PolicyChange(generation: edit.generation, name: edit.name, revision: revision)), to: agent
            )
        }
    }

    private mutating func acknowledge(_ job: JobID, by agent: AgentID) -> [Action] {
        limits.acknowledge(job)
        if let settlement = delivery.acknowledgeTrigger(job, by: agent) { return [.record(settlement)] }
        return slots.consume(job, by: agent) ? [.record(.delivered(job, by: agent))] : []
    }

    private mutating func reissue(_ job: JobID, as record: TriggerRecord, at now: Moment) -> [Action] {
        let agent = record.trigger.agent
        limits.forget(job)
        delivery.forget(job, of: agent)
        switch record.state {
        case .planned: return [.publish(.slotChange(slots.replace(job, by: record.trigger)), to: agent)]
        case .offline: return []  // Nothing is to be told of it.
        default: break
        }
        delivery.add(record, at: now.boot)
        return [.publish(.trigger(record.trigger), to: agent)]
    }
}

// MARK: - Hellos

extension CoordinatorMachine {
    private mutating func take(_ hello: Hello, of agent: AgentID, at now: Moment) -> [Action] {
        let (labels, timeZone) = (presence.labels(of: agent), presence.timeZone(of: agent))
        guard let notes = presence.take(hello, of: agent, rules, at: now) else { return [] }
        var actions = notes.map(Action.note)
        if presence.labels(of: agent) != labels || presence.timeZone(of: agent) != timeZone { slots.outdate() }
        if let delay = budget.take(perSecond: rules.hellosPerSecond, at: now.boot) {
            presence.putOff(agent, until: now.boot + delay)
            return actions + [.send(.helloLater(delay), to: agent)]
        }
        settling?.heard.insert(agent)
        settle(at: now)
        let isBehind = hello.generation > policies.generation
        if hello.highestJob.rawValue > 0 || isBehind {
            let generation = isBehind ? hello.generation : 0
            actions.append(
                .goAbove(job: hello.highestJob, generation: generation, knowing: hello.knownJobs, named: agent))
        }
        if isBehind, let higher = lostGenerations.goAbove(hello.generation) { policies.goAbove(higher) }
        let known = Dictionary(hello.knownJobs.map { ($0.job, $0.fingerprint) }, uniquingKeysWith: { $1 })
        let compared = delivery.compare(known, of: agent)
        for job in compared.held + slots.begun(known, by: agent) { actions += acknowledge(job, by: agent) }
        for job in compared.begun {
            delivery.forget(job, of: agent)
            actions.append(.record(.withdrawn(job)))
        }
        actions += (compared.conflicts + slots.conflicts(known, of: agent)).map { .reissue($0, named: agent) }
        if let since = hello.knowsSince {
            // Both clocks may be wrong by as much as is tolerated, and agents keep jobs for 14 days.
            let earliest = max(since + rules.skewTolerance * 2, now.wall + (.zero - Self.reclaimable))
            actions.append(.reclaim(agent, knowing: hello.knownJobs, since: earliest))
        }
        if !hello.activeJobs.isEmpty { actions.append(.remindOfCancels(agent, hello.activeJobs.map(\.job))) }
        return actions + [.send(snapshot(for: agent, at: now), to: agent)]
    }

    private mutating func take(_ heartbeat: Heartbeat, of agent: AgentID, at now: Moment) -> [Action] {
        let goodBackups = presence.goodBackups(of: agent)
        guard let notes = presence.take(heartbeat, of: agent, rules, at: now) else { return [] }
        if heartbeat.goodBackups != goodBackups { slots.outdate() }
        limits.hear(heartbeat.activeJobs, of: agent)
        let actions = notes.map(Action.note) + [reply(to: agent, at: now)]
        // Not greeted: this coordinator was started anew, or took the agent for gone. It gets nothing before its hello has
        // said what it has begun; when to come it may have been told already.
        guard !presence.isGreeted(agent), !presence.isPutOff(agent, at: now.boot) else { return actions }
        return actions + [.send(.helloLater(.zero), to: agent)]
    }

    private func reply(to agent: AgentID, at now: Moment) -> Action {
        var reply = HeartbeatReply(
            generation: policies.generation, wall: now.wall, slotsVersion: slots.version(of: agent))
        reply.nextKey = nextKey
        return .send(.heartbeatReply(reply), to: agent)
    }

    private mutating func snapshot(for agent: AgentID, at now: Moment) -> Envelope {
        let open = delivery.snapshot(for: agent, limit: Self.snapshotTriggers, at: now)
        var snapshot = SyncSnapshot(
            generation: policies.generation,
            policies: policies.all.filter { presence.picks($0.policy.selector, agent) }, triggers: open.triggers,
            cancels: open.cancels, wall: now.wall, slots: slots.slots(of: agent) + delivery.heldSlots(of: agent),
            slotsVersion: slots.version(of: agent), epoch: epoch)
        snapshot.nextKey = nextKey
        return .syncSnapshot(snapshot)
    }
}
