/// What the coordinator's store remembers and its machine starts from.
package struct CoordinatorState: Hashable, Sendable {
    /// Grows by one with each change of one policy; 0: there never was one.
    package var generation: Int64
    /// The policies that are there now.
    package var policies: [PolicyRevision]
    /// The highest revision that each name ever had, deleted policies too: a policy that comes back goes on above it.
    package var highestRevisions: [PolicyName: Int64]
    /// Triggers that are pending, missed or reclaimed, and those whose cancel was not acknowledged.
    package var openTriggers: [OpenTrigger]
    package var agents: [RememberedAgent]
    /// Those that are planned.
    package var slots: [TriggerRecord]
    /// When slots were last planned; `nil`: never.
    package var slotsPlannedAt: UnixTime?
    package var holds: [Hold]
    /// Renewed when the store went back in time. Not 0.
    package var epoch: UInt64

    package init(
        generation: Int64 = 0, policies: [PolicyRevision] = [], highestRevisions: [PolicyName: Int64] = [:],
        openTriggers: [OpenTrigger] = [], agents: [RememberedAgent] = [], slots: [TriggerRecord] = [],
        slotsPlannedAt: UnixTime? = nil, holds: [Hold] = [], epoch: UInt64 = 1
    ) {
        self.generation = generation
        self.policies = policies
        self.highestRevisions = highestRevisions
        self.openTriggers = openTriggers
        self.agents = agents
        self.slots = slots
        self.slotsPlannedAt = slotsPlannedAt
        self.holds = holds
        self.epoch = epoch
    }
}

/// A trigger that its agent still has to be told of, or whose cancel is.
package struct OpenTrigger: Hashable, Sendable {
    package var record: TriggerRecord
    package var isCancelAcknowledged: Bool
    /// It was planned ahead: one start of its policy.
    package var isSlot: Bool

    package init(record: TriggerRecord, isCancelAcknowledged: Bool, isSlot: Bool = false) {
        self.record = record
        self.isCancelAcknowledged = isCancelAcknowledged
        self.isSlot = isSlot
    }
}

/// What is known of an agent while it is away.
package struct RememberedAgent: Hashable, Sendable {
    package var id: AgentID
    /// As the agent itself claimed them.
    package var claimedLabels: [String: String]
    package var version: String
    package var lastHeardAt: UnixTime
    /// ``Hello/timeZone``.
    package var timeZone: String

    package init(
        id: AgentID, claimedLabels: [String: String], version: String, lastHeardAt: UnixTime, timeZone: String = ""
    ) {
        self.id = id
        self.claimedLabels = claimedLabels
        self.version = version
        self.lastHeardAt = lastHeardAt
        self.timeZone = timeZone
    }
}

/// One change of one policy; makes one generation.
package struct PolicyEdit: Hashable, Sendable {
    package var generation: Int64
    package var name: PolicyName
    /// `nil`: the policy is deleted.
    package var revision: PolicyRevision?

    package init(generation: Int64, name: PolicyName, revision: PolicyRevision?) {
        self.generation = generation
        self.name = name
        self.revision = revision
    }
}

/// What became of a trigger or a cancel, to be recorded by the store.
package enum TriggerSettlement: Hashable, Sendable {
    /// The start of a slot has come: it is pending from here on.
    case due(JobID)
    /// The agent has it in its journal. Also follows `planned`: the agent began the slot by itself; and `missed` and
    /// `reclaimed`: it was told late.
    case delivered(JobID, by: AgentID)
    case missed(JobID)
    /// The start of a slot whose policy does not wait for an agent that is offline: status 31.
    case offline(JobID)
    /// The slot was begun under another id, or nobody waits for its agent.
    case withdrawn(JobID)
    case cancelAcknowledged(JobID, by: AgentID)
}

extension TriggerSettlement {
    /// The job of one that was never delivered and will not be as it was; `nil`: it was, or is only canceled.
    var given: JobID? {
        switch self {
        case .missed(let job), .offline(let job), .withdrawn(let job): job
        case .due, .delivered, .cancelAcknowledged: nil
        }
    }
}
