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
        case policiesRecorded([PolicyEdit])
        case triggersRecorded([TriggerRecord])
        case cancelRecorded(TriggerRecord)
        case tick
    }

    package enum Action: Hashable, Sendable {
        /// Over sync: on the connection from which the agent was last heard.
        case send(Envelope, to: AgentID)
        /// On the agent's topic.
        case publish(Envelope, to: AgentID)
        case record(TriggerSettlement)
        /// The agent has seen a job id that this coordinator has not given yet: its store went back in time.
        case skipJobs(through: JobID)
        case note(CoordinatorPresence.Note)
    }

    /// Triggers in one snapshot, at most. The others are sent one by one.
    private static let snapshotTriggers = 1_000

    package var rules: CoordinatorRules
    package private(set) var policies: CoordinatorPolicies
    package private(set) var presence: CoordinatorPresence
    private var delivery: CoordinatorDelivery

    package init(_ state: CoordinatorState, rules: CoordinatorRules = CoordinatorRules()) {
        self.rules = rules
        policies = CoordinatorPolicies(state)
        presence = CoordinatorPresence(remembered: state.agents)
        delivery = CoordinatorDelivery(state.openTriggers)
    }

    /// Triggers and cancels that wait for agents.
    package var openTriggers: Int { delivery.count }

    package mutating func handle(_ event: Event, at now: Moment) -> [Action] {
        switch event {
        case .enrolled(let agents):
            return presence.enroll(agents).map { .send(snapshot(for: $0, at: now), to: $0) }
        case .hello(let agent, let hello):
            guard let notes = presence.take(hello, of: agent, rules, at: now) else { return [] }
            let skip = hello.highestJob.rawValue > 0 ? [Action.skipJobs(through: hello.highestJob)] : []
            return notes.map(Action.note) + skip + [.send(snapshot(for: agent, at: now), to: agent)]
        case .heartbeat(let agent, let heartbeat):
            guard let notes = presence.take(heartbeat, of: agent, rules, at: now) else { return [] }
            let reply = HeartbeatReply(generation: policies.generation, wall: now.wall)
            // Not greeted: this coordinator was started anew, or took the agent for gone.
            let isBehind = !presence.isGreeted(agent)
            presence.greet(agent)
            return notes.map(Action.note) + [.send(.heartbeatReply(reply), to: agent)]
                + (isBehind ? [.send(snapshot(for: agent, at: now), to: agent)] : [])
        case .subscribed(let agent):
            guard presence.isOnline(agent) else { return [] }
            // What was published before the subscription took hold went nowhere.
            delivery.hurry(agent)
            let reply = HeartbeatReply(generation: policies.generation, wall: now.wall)
            return [.send(.heartbeatReply(reply), to: agent)]
        case .unreachable(let agent): return presence.lose(agent).map(Action.note)
        case .triggerAcknowledged(let agent, let job):
            return delivery.acknowledgeTrigger(job, by: agent).map { [.record($0)] } ?? []
        case .cancelAcknowledged(let agent, let job):
            return delivery.acknowledgeCancel(job, by: agent).map { [.record($0)] } ?? []
        case .policiesRecorded(let edits): return edits.flatMap { take($0) }
        case .triggersRecorded(let records):
            for record in records { delivery.add(record, at: now.boot) }
            return records.filter { $0.state == .pending }.map { .publish(.trigger($0.trigger), to: $0.trigger.agent) }
        case .cancelRecorded(let record):
            delivery.cancel(record, at: now.boot)
            return record.state == .offline ? [] : [.publish(.cancel(record.trigger.job), to: record.trigger.agent)]
        case .tick:
            let notes = presence.tick(rules, at: now)
            let due = delivery.tick(rules, isOnline: { presence.isOnline($0) }, at: now)
            return notes.map(Action.note) + due.settlements.map(Action.record)
                + due.sends.map { .send($0.message, to: $0.agent) }
        }
    }

    /// Every agent that is online hears of every generation; the others get a snapshot when they come back.
    private mutating func take(_ edit: PolicyEdit) -> [Action] {
        policies.take(edit)
        return presence.online.map { agent in
            let revision = edit.revision.flatMap { presence.picks($0.policy.selector, agent) ? $0 : nil }
            return .publish(
                .policyChange(PolicyChange(generation: edit.generation, name: edit.name, revision: revision)), to: agent
            )
        }
    }

    private mutating func snapshot(for agent: AgentID, at now: Moment) -> Envelope {
        let open = delivery.snapshot(for: agent, limit: Self.snapshotTriggers, at: now)
        return .syncSnapshot(
            SyncSnapshot(
                generation: policies.generation,
                policies: policies.all.filter { presence.picks($0.policy.selector, agent) }, triggers: open.triggers,
                cancels: open.cancels, wall: now.wall))
    }
}
