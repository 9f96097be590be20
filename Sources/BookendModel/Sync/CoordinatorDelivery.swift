/// Brings triggers and cancels to their agents: again and again until acknowledged.
///
/// ```
///            acknowledged
///  pending ────────────────▶ delivered ──┐ the agent has lost it
///     │                          ▲  ▲    ▼
///     └──────────▶ missed ───────┘  └─ reclaimed
///      deadline
/// ```
///
/// A trigger that was missed or reclaimed is still owed to its agent, whatever its deadline: the agent reports it skipped,
/// so that each ends in one final status. Not so a slot whose policy does not wait for agents that are offline. A cancel is open beside its trigger, whatever becomes of that, until it is
/// acknowledged.
package struct CoordinatorDelivery: Hashable, Sendable {
    private enum Standing: Hashable, Sendable {
        case settled
        /// Until the deadline.
        case pending
        /// For as long as the store keeps it.
        case owed

        init(_ state: TriggerRecord.State) {
            switch state {
            case .pending: self = .pending
            case .missed, .reclaimed: self = .owed
            case .delivered, .offline, .planned, .withdrawn, .conflict: self = .settled
            }
        }
    }

    private struct Entry: Hashable, Sendable {
        var trigger: Trigger
        var standing: Standing
        var isCancelOpen: Bool
        var isSlot = false
        /// It waits until fewer jobs run.
        var isHeld = false
        /// `nil`: not since this coordinator started.
        var sentAt: BootTime?

        var isOpen: Bool { standing != .settled || isCancelOpen }
        /// Counts against what may wait. What is owed to an agent that never comes back must not keep others waiting.
        var isWaiting: Bool { standing == .pending || isCancelOpen }
    }

    private var entries: [AgentID: [JobID: Entry]] = [:]
    /// Triggers and cancels that wait for agents, without those that are owed.
    package private(set) var count = 0

    package init(_ open: [OpenTrigger]) {
        for item in open {
            set(
                Entry(
                    trigger: item.record.trigger, standing: Standing(item.record.state),
                    isCancelOpen: item.record.isCanceled && !item.isCancelAcknowledged, isSlot: item.isSlot))
        }
    }

    /// A recorded trigger that is about to be published. One that is settled is none of ours.
    package mutating func add(_ record: TriggerRecord, isSlot: Bool = false, isHeld: Bool = false, at now: BootTime) {
        guard Standing(record.state) != .settled else { return }
        let known = entries[record.trigger.agent]?[record.trigger.job]
        set(
            Entry(
                trigger: record.trigger, standing: Standing(record.state),
                isCancelOpen: known?.isCancelOpen ?? record.isCanceled, isSlot: isSlot, isHeld: isHeld, sentAt: now))
    }

    /// A trigger that its agent has lost: due at the next tick, its cancel too.
    package mutating func add(_ open: OpenTrigger) {
        set(
            Entry(
                trigger: open.record.trigger, standing: Standing(open.record.state),
                isCancelOpen: open.record.isCanceled && !open.isCancelAcknowledged, isSlot: open.isSlot))
    }

    /// Holds back a trigger that its agent does not have, or lets it go.
    package mutating func hold(_ job: JobID, of agent: AgentID, _ isHeld: Bool) {
        entries[agent]?[job]?.isHeld = isHeld
    }

    /// Slots that are pending, in order.
    package var pendingSlots: [Trigger] {
        entries.values.flatMap(\.values).filter { $0.isSlot && $0.standing == .pending && !$0.isCancelOpen }
            .map(\.trigger).sorted { $0.job < $1.job }
    }

    /// A recorded cancel that is about to be published.
    package mutating func cancel(_ record: TriggerRecord, at now: BootTime) {
        guard record.state != .offline, record.state != .conflict else { return }
        var entry =
            entries[record.trigger.agent]?[record.trigger.job]
            ?? Entry(trigger: record.trigger, standing: .settled, isCancelOpen: true)
        entry.isCancelOpen = true
        entry.sentAt = now
        set(entry)
    }

    /// - Returns: What to record; `nil` when nothing changes: a repetition, or not this agent's trigger.
    package mutating func acknowledgeTrigger(_ job: JobID, by agent: AgentID) -> TriggerSettlement? {
        guard var entry = entries[agent]?[job], entry.standing != .settled else { return nil }
        entry.standing = .settled
        set(entry)
        return .delivered(job, by: agent)
    }

    package mutating func acknowledgeCancel(_ job: JobID, by agent: AgentID) -> TriggerSettlement? {
        guard var entry = entries[agent]?[job], entry.isCancelOpen else { return nil }
        entry.isCancelOpen = false
        set(entry)
        return .cancelAcknowledged(job, by: agent)
    }

    /// What an agent's hello says of the triggers that wait for it.
    ///
    /// - Parameter known: Fingerprints of the jobs in its journal.
    /// - Returns: Triggers that it has; those for which it has another job; starts that it has begun under another id, which
    ///   a coordinator that was restored does not know.
    package func compare(
        _ known: [JobID: UInt64], of agent: AgentID
    ) -> (held: [JobID], conflicts: [JobID], begun: [JobID]) {
        let waiting = (entries[agent] ?? [:]).values.filter { $0.standing != .settled }
            .sorted { $0.trigger.job < $1.trigger.job }
        let fingerprints = Set(known.values)
        var result: (held: [JobID], conflicts: [JobID], begun: [JobID]) = ([], [], [])
        for entry in waiting {
            let (job, fingerprint) = (entry.trigger.job, entry.trigger.fingerprint)
            if known[job] == fingerprint {
                result.held.append(job)
            } else if entry.trigger.cause == .schedule, fingerprints.contains(fingerprint) {
                result.begun.append(job)
            } else if known[job] != nil {
                result.conflicts.append(job)
            }
        }
        return result
    }

    /// The agent has another job by this id.
    package func awaits(_ job: JobID, by agent: AgentID) -> Bool { entries[agent]?[job] != nil }

    /// The trigger went on under another id.
    package mutating func forget(_ job: JobID, of agent: AgentID) {
        guard var entry = entries[agent]?[job] else { return }
        (entry.standing, entry.isCancelOpen) = (.settled, false)
        set(entry)
    }

    /// The slots of the agent whose start has come and that are held back, in order.
    package func heldSlots(of agent: AgentID) -> [Trigger] {
        let held = (entries[agent] ?? [:]).values.filter { $0.isSlot && $0.isHeld && $0.standing == .pending }
        return held.map { entry in
            var slot = entry.trigger
            slot.isHeld = true
            return slot
        }.sorted { $0.job < $1.job }
    }

    /// What the agent has not acknowledged, at most as many as given, in order; counts as sent.
    package mutating func snapshot(
        for agent: AgentID, limit: Int, at now: Moment
    ) -> (triggers: [Trigger], cancels: [JobID]) {
        var triggers: [Trigger] = []
        var cancels: [JobID] = []
        for (job, entry) in (entries[agent] ?? [:]).sorted(by: { $0.key < $1.key }).prefix(limit) {
            if entry.standing != .settled, !entry.isHeld { triggers.append(entry.trigger) }
            if entry.isCancelOpen { cancels.append(job) }
            entries[agent]?[job]?.sentAt = now.boot
        }
        return (triggers, cancels)
    }

    /// Judges deadlines, and says what to send again to the agents that have been greeted.
    ///
    /// - Returns: `dropped`: slots that their agents are not to begin any more.
    package mutating func tick(
        _ rules: CoordinatorRules, isGreeted: (AgentID) -> Bool, whenOffline: (PolicyName) -> OfflineRule,
        at now: Moment
    ) -> (settlements: [TriggerSettlement], dropped: [Trigger], sends: [(agent: AgentID, message: Envelope)]) {
        var settlements: [TriggerSettlement] = []
        var dropped: [Trigger] = []
        var sends: [(AgentID, Envelope)] = []
        for (agent, jobs) in entries.sorted(by: { $0.key < $1.key }) {
            let late = jobs.values.filter { $0.standing == .pending && now.wall >= $0.trigger.notAfter }
            for var entry in late.sorted(by: { $0.trigger.job < $1.trigger.job }) {
                let rule = entry.isSlot ? whenOffline(entry.trigger.policy) : .queue
                entry.standing = rule == .queue ? .owed : .settled
                entry.isHeld = false
                set(entry)
                settlements.append(Self.settlement(of: entry.trigger.job, rule))
                if rule != .queue { dropped.append(entry.trigger) }
            }
            guard isGreeted(agent) else { continue }
            let due = (entries[agent] ?? [:]).filter { entry in
                entry.value.sentAt.map { now.boot - $0 >= rules.redeliverAfter } ?? true
            }
            for (job, entry) in due.sorted(by: { $0.key < $1.key }).prefix(rules.redeliveries) {
                // The cancel first: a job that is both must not start.
                if entry.isCancelOpen { sends.append((agent, .cancel(job))) }
                if entry.standing != .settled, !entry.isHeld { sends.append((agent, .trigger(entry.trigger))) }
                entries[agent]?[job]?.sentAt = now.boot
            }
        }
        return (settlements, dropped, sends)
    }

    /// Slots whose start has come and that their agents do not have are not brought to them any more.
    ///
    /// - Returns: They, in order.
    package mutating func withdraw(at now: UnixTime, where isHeld: (Trigger) -> Bool) -> [Trigger] {
        let held = entries.values.flatMap(\.values).filter { entry in
            entry.isSlot && entry.standing == .pending && isHeld(entry.trigger)
        }
        return held.sorted { $0.trigger.job < $1.trigger.job }.map { entry in
            forget(entry.trigger.job, of: entry.trigger.agent)
            return entry.trigger
        }
    }

    private static func settlement(of job: JobID, _ rule: OfflineRule) -> TriggerSettlement {
        switch rule {
        case .queue: .missed(job)
        case .fail: .offline(job)
        case .skip: .withdrawn(job)
        }
    }

    /// Everything open for the agent is due at the next tick.
    package mutating func hurry(_ agent: AgentID) {
        for job in (entries[agent] ?? [:]).keys { entries[agent]?[job]?.sentAt = nil }
    }

    private mutating func set(_ entry: Entry) {
        let (agent, job) = (entry.trigger.agent, entry.trigger.job)
        let wasWaiting = entries[agent]?[job]?.isWaiting ?? false
        count += (entry.isWaiting ? 1 : 0) - (wasWaiting ? 1 : 0)
        if entry.isOpen {
            entries[agent, default: [:]][job] = entry
        } else {
            entries[agent]?[job] = nil
            if entries[agent]?.isEmpty ?? false { entries[agent] = nil }
        }
    }
}
