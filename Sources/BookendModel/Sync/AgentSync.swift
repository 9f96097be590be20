/// The agent's side of sync: keeps its policies current and its triggers acknowledged.
///
/// ```
///            connected              snapshot
///  lost ──────────────▶ greeting ──────────────▶ synced ──┐ heartbeat each interval
///   ▲  ▲                 hello, again after         ▲     │ a gap in the generations: hello
///   │  └── lost ──────── ten seconds                └─────┘
///   └───── lost ────────────────────────────────────┘
/// ```
///
/// Triggers and cancels are taken whenever they come: published, or over sync, or in a snapshot. They are acknowledged once
/// the journal has them, also again when they come twice.
package struct AgentSync: Hashable, Sendable {
    package enum Event: Hashable, Sendable {
        case connected
        case lost
        case snapshot(SyncSnapshot)
        case policyChange(PolicyChange)
        case trigger(Trigger)
        case cancel(JobID)
        case heartbeatReply(HeartbeatReply)
        /// The journal has it now (or had it before).
        case triggerRecorded(JobID)
        case cancelRecorded(JobID)
        /// The journal could not record policies: what was ordered is not this agent's yet.
        case policiesNotRecorded
        case tick
    }

    package enum Action: Hashable, Sendable {
        case sendHello
        case sendHeartbeat
        /// Record that these are all of the agent's policies, as of the generation.
        case replacePolicies([PolicyRevision], generation: Int64)
        /// Record this change, as of its generation.
        case changePolicy(PolicyChange)
        /// Record the trigger; answer with ``Event/triggerRecorded(_:)``.
        case accept(Trigger)
        /// Record the cancel; answer with ``Event/cancelRecorded(_:)``.
        case cancel(JobID)
        case acknowledgeTrigger(JobID)
        case acknowledgeCancel(JobID)
        /// The trigger names another agent: a fault of the coordinator, never obeyed.
        case ignoreForeignTrigger(Trigger)
    }

    /// How long a hello may go without its snapshot.
    package static let helloPatience = Duration.seconds(10)

    package let agent: AgentID
    package let heartbeatInterval: Duration
    /// The policy generation that the journal has; 0: none.
    package private(set) var generation: Int64
    /// Newest revision of each policy that this agent has.
    private var revisions: [PolicyName: Int64]
    private var isConnected = false
    private var isSynced = false
    private var nextHello: BootTime?
    private var nextHeartbeat: BootTime?

    package init(agent: AgentID, heartbeatInterval: Duration, generation: Int64, policies: [PolicyRevision]) {
        self.agent = agent
        self.heartbeatInterval = heartbeatInterval
        self.generation = generation
        revisions = Dictionary(policies.map { ($0.policy.name, $0.revision) }, uniquingKeysWith: max)
    }

    /// When to call with ``Event/tick``; `nil`: not before something else happens.
    package var nextDeadline: BootTime? {
        guard isConnected else { return nil }
        return [nextHello, nextHeartbeat].compactMap(\.self).min()
    }

    package mutating func handle(_ event: Event, at now: BootTime) -> [Action] {
        switch event {
        case .connected:
            isConnected = true
            isSynced = false
            nextHeartbeat = now + heartbeatInterval
            return hello(at: now)
        case .lost:
            isConnected = false
            isSynced = false
            return []
        case .snapshot(let snapshot): return take(snapshot)
        case .policyChange(let change): return take(change, at: now)
        case .trigger(let trigger): return take(trigger, at: now)
        case .cancel(let job): return [.cancel(job)]
        case .triggerRecorded(let job): return [.acknowledgeTrigger(job)]
        case .cancelRecorded(let job): return [.acknowledgeCancel(job)]
        case .policiesNotRecorded:
            // Triggers stay unacknowledged until the next snapshot, which the next hello brings; not at once, as a full
            // disk is full for a while.
            isSynced = false
            revisions = [:]
            nextHello = now + AgentSync.helloPatience
            return []
        case .heartbeatReply(let reply):
            return reply.generation == generation || !isSynced ? [] : hello(at: now)
        case .tick: return tick(at: now)
        }
    }

    private mutating func hello(at now: BootTime) -> [Action] {
        isSynced = false
        nextHello = now + AgentSync.helloPatience
        return [.sendHello]
    }

    private mutating func tick(at now: BootTime) -> [Action] {
        guard isConnected else { return [] }
        var actions: [Action] = []
        if let due = nextHello, now >= due { actions += hello(at: now) }
        if let due = nextHeartbeat, now >= due {
            nextHeartbeat = now + heartbeatInterval
            actions.append(.sendHeartbeat)
        }
        return actions
    }

    private mutating func take(_ snapshot: SyncSnapshot) -> [Action] {
        isSynced = true
        nextHello = nil
        generation = snapshot.generation
        revisions = Dictionary(snapshot.policies.map { ($0.policy.name, $0.revision) }, uniquingKeysWith: max)
        return [.replacePolicies(snapshot.policies, generation: generation)]
            // A cancel before its trigger is remembered, so that a job which is both never starts.
            + snapshot.cancels.map { .cancel($0) }
            + snapshot.triggers.map { $0.agent == agent ? .accept($0) : .ignoreForeignTrigger($0) }
    }

    private mutating func take(_ change: PolicyChange, at now: BootTime) -> [Action] {
        guard change.generation > generation else { return [] }
        guard change.generation == generation + 1 else { return isConnected && isSynced ? hello(at: now) : [] }
        generation = change.generation
        revisions[change.name] = change.revision?.revision
        return [.changePolicy(change)]
    }

    /// A trigger for a revision that has not arrived is left unacknowledged: it comes again with the snapshot.
    private mutating func take(_ trigger: Trigger, at now: BootTime) -> [Action] {
        guard trigger.agent == agent else { return [.ignoreForeignTrigger(trigger)] }
        if let revision = revisions[trigger.policy], revision >= trigger.revision { return [.accept(trigger)] }
        return isConnected && isSynced ? hello(at: now) : []
    }
}
