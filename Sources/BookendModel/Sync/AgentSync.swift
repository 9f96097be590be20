/// The agent's side of sync: keeps its policies current and its triggers acknowledged.
///
/// ```
///            connected              snapshot
///  lost ──────────────▶ greeting ──────────────▶ synced ──┐ heartbeat each interval, and after
///   ▲  ▲                 hello, again after         ▲     │ the end of a job; a gap in the generations: hello
///   │  └── lost ──────── ten seconds                └─────┘
///   └───── lost ────────────────────────────────────┘
/// ```
///
/// Triggers and cancels are taken whenever they come: published, or over sync, or in a snapshot. They are acknowledged once
/// the journal has them, also again when they come twice. A trigger whose id the journal has for another order is never
/// acknowledged: the coordinator hears of it.
///
/// Slots come with the snapshot, and as changes that count from it; a gap in the count is repaired like one in the
/// generations.
package struct AgentSync: Hashable, Sendable {
    package enum Event: Hashable, Sendable {
        case connected
        case lost
        case snapshot(SyncSnapshot)
        case policyChange(PolicyChange)
        case trigger(Trigger)
        case cancel(JobID)
        case slotChange(SlotChange)
        case heartbeatReply(HeartbeatReply)
        /// The coordinator cannot answer the hello yet.
        case helloLater(Duration)
        /// The journal has it now (or had it before).
        case triggerRecorded(JobID)
        case cancelRecorded(JobID)
        /// The journal has another job by this id.
        case triggerConflicts(JobID)
        /// The journal has this start of the schedule as another job: a coordinator that was restored gave it a second id.
        case triggerIsBegun(JobID)
        /// The journal could not record policies: what was ordered is not this agent's yet.
        case policiesNotRecorded
        /// A job of this agent is over: others may wait for its place.
        case jobEnded
        case tick
    }

    package enum Action: Hashable, Sendable {
        case sendHello
        case sendHeartbeat
        /// Record that these are all of the agent's policies and slots, as of the generation; and the epoch.
        case replacePolicies([PolicyRevision], generation: Int64, slots: [Trigger], epoch: UInt64)
        /// Record these slots, and that those are withdrawn.
        case changeSlots([Trigger], withdrawn: [JobID])
        /// Record this change, as of its generation.
        case changePolicy(PolicyChange)
        /// Record the trigger; answer with ``Event/triggerRecorded(_:)``.
        case accept(Trigger)
        /// Record the cancel; answer with ``Event/cancelRecorded(_:)``.
        case cancel(JobID)
        case acknowledgeTrigger(JobID)
        case acknowledgeCancel(JobID)
        case reportConflict(JobID)
        /// The trigger names another agent: a fault of the coordinator, never obeyed.
        case ignoreForeignTrigger(Trigger)
    }

    /// A coordinator that is silent for so many heartbeats is gone.
    private static let silentHeartbeats = 3
    /// After the end of a job, until the heartbeat that tells of it: of jobs that end together one tells.
    private static let endPause = Duration.seconds(1)
    /// How long a hello may go without its snapshot.
    package static let helloPatience = Duration.seconds(10)

    package let agent: AgentID
    package let heartbeatInterval: Duration
    /// The policy generation that the journal has; 0: none.
    package private(set) var generation: Int64
    /// `nil`: no snapshot came since this agent started.
    private var slotsVersion: UInt64?
    /// Newest revision of each policy that this agent has.
    private var revisions: [PolicyName: Int64]
    private var isConnected = false
    private var isSynced = false
    private var nextHello: BootTime?
    private var nextHeartbeat: BootTime?
    /// When the coordinator counts as gone unless it is heard before; `nil`: it was not heard since this agent started.
    package private(set) var goneAt: BootTime?

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
        // What was under way when the connection broke is no sign of life.
        if event.isOfCoordinator, isConnected { goneAt = now + heartbeatInterval * Self.silentHeartbeats }
        switch event {
        case .connected:
            isConnected = true
            isSynced = false
            nextHeartbeat = now + heartbeatInterval
            return hello(at: now)
        case .lost:
            isConnected = false
            isSynced = false
            goneAt = goneAt.map { min($0, now) }
            return []
        case .snapshot(let snapshot): return take(snapshot)
        case .policyChange(let change): return take(change, at: now)
        case .trigger(let trigger): return take(trigger, at: now)
        case .cancel(let job): return [.cancel(job)]
        case .triggerRecorded(let job): return [.acknowledgeTrigger(job)]
        case .cancelRecorded(let job): return [.acknowledgeCancel(job)]
        case .triggerConflicts(let job): return [.reportConflict(job)]
        case .slotChange(let change): return take(change, at: now)
        case .triggerIsBegun:
            // The hello tells under which id. Not at once, as it may have been told, and the trigger come with the answer.
            nextHello = min(nextHello ?? now + Self.helloPatience, now + Self.helloPatience)
            return []
        case .helloLater(let delay):
            guard isConnected else { return [] }
            nextHello = now + delay
            return []
        case .policiesNotRecorded:
            // Triggers stay unacknowledged until the next snapshot, which the next hello brings; not at once, as a full
            // disk is full for a while.
            isSynced = false
            revisions = [:]
            slotsVersion = nil
            nextHello = now + AgentSync.helloPatience
            return []
        case .heartbeatReply(let reply):
            let isCurrent = reply.generation == generation && reply.slotsVersion == slotsVersion
            return isCurrent || !isSynced ? [] : hello(at: now)
        case .jobEnded:
            nextHeartbeat = nextHeartbeat.map { min($0, now + Self.endPause) }
            return []
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
        slotsVersion = snapshot.slotsVersion
        // A slot whose start has come is a trigger now. It stays a slot until the journal has the job: should the agent die
        // in between, and the coordinator be away, it is started all the same.
        let slots = snapshot.slots + snapshot.triggers.filter { $0.cause == .schedule }
        let own = slots.filter { $0.agent == agent }
        return [
            .replacePolicies(snapshot.policies, generation: generation, slots: own, epoch: snapshot.epoch)
        ]
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

    private mutating func take(_ change: SlotChange, at now: BootTime) -> [Action] {
        guard change.version != slotsVersion else { return [] }
        guard change.previous == slotsVersion else { return isConnected && isSynced ? hello(at: now) : [] }
        slotsVersion = change.version
        return [.changeSlots(change.slots.filter { $0.agent == agent }, withdrawn: change.withdrawn)]
    }

    /// A trigger for a revision that has not arrived is left unacknowledged: it comes again with the snapshot.
    private mutating func take(_ trigger: Trigger, at now: BootTime) -> [Action] {
        guard trigger.agent == agent else { return [.ignoreForeignTrigger(trigger)] }
        if let revision = revisions[trigger.policy], revision >= trigger.revision { return [.accept(trigger)] }
        return isConnected && isSynced ? hello(at: now) : []
    }
}

extension AgentSync.Event {
    /// It is a sign of life.
    fileprivate var isOfCoordinator: Bool {
        switch self {
        case .snapshot, .policyChange, .trigger, .cancel, .slotChange, .heartbeatReply, .helloLater: true
        case .connected, .lost, .triggerRecorded, .cancelRecorded, .triggerConflicts, .triggerIsBegun,
            .policiesNotRecorded, .jobEnded, .tick:
            false
        }
    }
}
