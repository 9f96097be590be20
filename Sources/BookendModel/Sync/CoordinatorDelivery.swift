/// Brings triggers and cancels to their agents: again and again until acknowledged, or until the deadline.
///
/// ```
///            acknowledged
///  pending ────────────────▶ delivered
///     │                          ▲
///     └──────────▶ missed ───────┘ an acknowledgement that was on its way
///      deadline
/// ```
///
/// A cancel is open beside its trigger, whatever becomes of that, until it is acknowledged.
package struct CoordinatorDelivery: Hashable, Sendable {
    private struct Entry: Hashable, Sendable {
        var trigger: Trigger
        var isPending: Bool
        var isCancelOpen: Bool
        /// `nil`: not since this coordinator started.
        var sentAt: BootTime?

        var isOpen: Bool { isPending || isCancelOpen }
    }

    /// Missed triggers whose late acknowledgement is still believed, at most; the oldest are forgotten.
    private static let missedLimit = 1_000

    private var entries: [AgentID: [JobID: Entry]] = [:]
    private var missed: [JobID: AgentID] = [:]
    /// Triggers and cancels that wait for agents.
    package private(set) var count = 0

    package init(_ open: [OpenTrigger]) {
        for item in open {
            set(
                Entry(
                    trigger: item.record.trigger, isPending: item.record.state == .pending,
                    isCancelOpen: item.record.isCanceled && !item.isCancelAcknowledged))
        }
    }

    /// A recorded trigger that is about to be published. One that is not pending is none of ours.
    package mutating func add(_ record: TriggerRecord, at now: BootTime) {
        guard record.state == .pending else { return }
        set(
            Entry(
                trigger: record.trigger, isPending: true, isCancelOpen: record.isCanceled, sentAt: now))
    }

    /// A recorded cancel that is about to be published.
    package mutating func cancel(_ record: TriggerRecord, at now: BootTime) {
        guard record.state != .offline else { return }
        var entry =
            entries[record.trigger.agent]?[record.trigger.job]
            ?? Entry(trigger: record.trigger, isPending: false, isCancelOpen: true)
        entry.isCancelOpen = true
        entry.sentAt = now
        set(entry)
    }

    /// - Returns: What to record; `nil` when nothing changes: a repetition, or not this agent's trigger.
    package mutating func acknowledgeTrigger(_ job: JobID, by agent: AgentID) -> TriggerSettlement? {
        if var entry = entries[agent]?[job], entry.isPending {
            entry.isPending = false
            set(entry)
            return .delivered(job, by: agent)
        }
        guard missed[job] == agent else { return nil }
        missed[job] = nil
        return .delivered(job, by: agent)
    }

    package mutating func acknowledgeCancel(_ job: JobID, by agent: AgentID) -> TriggerSettlement? {
        guard var entry = entries[agent]?[job], entry.isCancelOpen else { return nil }
        entry.isCancelOpen = false
        set(entry)
        return .cancelAcknowledged(job, by: agent)
    }

    /// What the agent has not acknowledged, at most as many as given, in order; counts as sent.
    package mutating func snapshot(
        for agent: AgentID, limit: Int, at now: Moment
    ) -> (triggers: [Trigger], cancels: [JobID]) {
        var triggers: [Trigger] = []
        var cancels: [JobID] = []
        for (job, entry) in (entries[agent] ?? [:]).sorted(by: { $0.key < $1.key }).prefix(limit) {
            if entry.isPending, now.wall < entry.trigger.notAfter { triggers.append(entry.trigger) }
            if entry.isCancelOpen { cancels.append(job) }
            entries[agent]?[job]?.sentAt = now.boot
        }
        return (triggers, cancels)
    }

    /// Judges deadlines, and says what to send again to the agents that are online.
    package mutating func tick(
        _ rules: CoordinatorRules, isOnline: (AgentID) -> Bool, at now: Moment
    ) -> (settlements: [TriggerSettlement], sends: [(agent: AgentID, message: Envelope)]) {
        var settlements: [TriggerSettlement] = []
        var sends: [(AgentID, Envelope)] = []
        for (agent, jobs) in entries.sorted(by: { $0.key < $1.key }) {
            let late = jobs.values.filter { $0.isPending && now.wall >= $0.trigger.notAfter }
            for var entry in late.sorted(by: { $0.trigger.job < $1.trigger.job }) {
                entry.isPending = false
                set(entry)
                remember(missed: entry.trigger.job, of: agent)
                settlements.append(.missed(entry.trigger.job))
            }
            guard isOnline(agent) else { continue }
            let due = (entries[agent] ?? [:]).filter { entry in
                entry.value.sentAt.map { now.boot - $0 >= rules.redeliverAfter } ?? true
            }
            for (job, entry) in due.sorted(by: { $0.key < $1.key }).prefix(rules.redeliveries) {
                // The cancel first: a job that is both must not start.
                if entry.isCancelOpen { sends.append((agent, .cancel(job))) }
                if entry.isPending { sends.append((agent, .trigger(entry.trigger))) }
                entries[agent]?[job]?.sentAt = now.boot
            }
        }
        return (settlements, sends)
    }

    /// Everything open for the agent is due at the next tick.
    package mutating func hurry(_ agent: AgentID) {
        for job in (entries[agent] ?? [:]).keys { entries[agent]?[job]?.sentAt = nil }
    }

    private mutating func set(_ entry: Entry) {
        let (agent, job) = (entry.trigger.agent, entry.trigger.job)
        let wasThere = entries[agent]?[job] != nil
        if entry.isOpen {
            entries[agent, default: [:]][job] = entry
            if !wasThere { count += 1 }
        } else if wasThere {
            entries[agent]?[job] = nil
            if entries[agent]?.isEmpty ?? false { entries[agent] = nil }
            count -= 1
        }
    }

    private mutating func remember(missed job: JobID, of agent: AgentID) {
        missed[job] = agent
        if missed.count > Self.missedLimit, let oldest = missed.keys.min() { missed[oldest] = nil }
    }
}
