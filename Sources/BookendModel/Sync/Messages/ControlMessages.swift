/// What an operator asks of the coordinator.
package enum ControlRequest: Hashable, Sendable {
    /// Applies all or nothing. `dryRun`: says what would change, changes nothing.
    case applyPolicies([Policy], dryRun: Bool)
    case listPolicies
    /// `revision` nil: the current one.
    case showPolicy(PolicyName, revision: Int64?)
    case deletePolicy(PolicyName)
    case backup(BackupOrder)
    /// Answered by ``ControlReply/triggered(_:)`` with one record.
    case rehearse(RehearsalOrder)
    case cancel(JobID)
    case listAgents
    /// Jobs to come, of this policy and this agent (`nil`: of any), the earliest first; answered by
    /// ``ControlReply/triggered(_:)``.
    case listSlots(PolicyName?, AgentID?, limit: Int)
    /// Answered by ``ControlReply/starts(_:)``.
    case listStarts(StartFilter)
    /// Answered by ``ControlReply/drift(_:)``.
    case readDrift(DriftFilter)
    /// Pauses a policy, or puts an agent into maintenance; answered by ``ControlReply/holds(_:)`` with this one.
    case makeHold(HoldDraft)
    /// Answered by the hold that was in force.
    case releaseHold(Hold.Target)
    /// Those in force.
    case listHolds
    /// Answered by any number of ``ControlReply/answer(_:)`` and then ``ControlReply/done``.
    case ask(AgentID, AskRequest)
    /// More of an ask's answer may be sent.
    case askCredit(chunks: Int)
    case askClose
    /// Peers of a role, or of every role; of a key file and of tokens, revoked ones too.
    case listPeers(PeerRole?)
    case labelPeer(PeerIdentity, set: [String: String], remove: [String])
    case renamePeer(PeerIdentity, to: String)
    /// Answered by ``ControlReply/revoked(_:)`` once the collectors know of it, or have not said so in time.
    case revokePeer(PeerIdentity)
    case approvePeer(PeerIdentity)
    /// The agent is to change its key. Answered by ``ControlReply/rotated(_:)`` once it has, or has not in time.
    case rotateKey(AgentID)
    /// Whoever asks has this key beside the one with which it asks. Answered by ``ControlReply/rotated(_:)``; to be sent
    /// again with the new key, which retires the old one.
    case rotateOwnKey(PublicKey)
    /// The coordinator's own key. Answered by ``ControlReply/serverKey(_:)``; after ``ServerKeyStep/use(isForced:)`` all
    /// connections are cut, this one too.
    case serverKey(ServerKeyStep)
    case createToken(TokenDraft)
    case listTokens
    case revokeToken(TokenID)
    /// Answered by ``ControlReply/audit(_:)``.
    case readAudit(AuditFilter)
}

/// Backup now, for the agents of one policy.
package struct BackupOrder: Hashable, Sendable {
    package var policy: PolicyName
    /// Narrows the policy's own selector; empty: all of its agents.
    package var narrowing: Selector
    /// How long the trigger may wait for an agent that is offline; `nil`: such an agent fails at once (31).
    package var queueFor: Duration?
    /// Runs as the schedule would: cause `schedule`, with the policy's window from now on.
    package var asScheduled: Bool
    /// An order that is read later is refused: nobody waits for its answer any more. `nil`: it holds for ever.
    package var validUntil: UnixTime?

    package init(
        policy: PolicyName, narrowing: Selector = Selector(), queueFor: Duration? = nil, asScheduled: Bool = false,
        validUntil: UnixTime? = nil
    ) {
        self.policy = policy
        self.narrowing = narrowing
        self.queueFor = queueFor
        self.asScheduled = asScheduled
        self.validUntil = validUntil
    }
}

package enum ControlReply: Hashable, Sendable {
    case applied([PolicyOutcome])
    case policies([PolicyRevision])
    case triggered([TriggerRecord])
    case canceled(TriggerRecord)
    case agents([AgentRecord])
    case answer(AskAnswer)
    case done
    case peers([Peer])
    case revoked(Revocation)
    case rotated(KeyRotation)
    case serverKey(ServerKeyState)
    case tokens([EnrollmentToken])
    /// The text is the secret.
    case tokenMade(EnrollmentToken, text: String)
    /// In order.
    case audit([AuditEntry])
    case starts(UpcomingStarts)
    case holds([Hold])
    case drift(DriftReport)
    case failed(RemoteFailure)
}

/// What applying did to one policy.
package struct PolicyOutcome: Hashable, Sendable {
    package enum Change: String, Hashable, Sendable, CaseIterable { case created, changed, unchanged }

    package var name: PolicyName
    package var revision: Int64
    package var change: Change
    /// The agents that it picks now.
    package var agents: [AgentID]

    package init(name: PolicyName, revision: Int64, change: Change, agents: [AgentID]) {
        self.name = name
        self.revision = revision
        self.change = change
        self.agents = agents
    }
}

/// What the coordinator knows of one trigger.
package struct TriggerRecord: Hashable, Sendable {
    package enum State: String, Hashable, Sendable, CaseIterable {
        /// Not acknowledged by its agent yet.
        case pending
        /// Durably in the agent's journal.
        case delivered
        /// The agent was offline and the order did not queue: status 31.
        case offline
        /// Its deadline passed before it could be delivered: status 41. It is still sent, and reported skipped.
        case missed
        /// A slot: its job starts later.
        case planned
        /// A slot that was planned and will not be: its policy changed, is paused, or no longer picks the agent; or its start
        /// came, and nobody waits for its agent, or that began it under another id.
        case withdrawn
        /// Was delivered, and its agent has lost it: delivered again, whatever its deadline.
        case reclaimed
        /// Its agent knows another job by this id: the order went on under a new one.
        case conflict
    }

    package var trigger: Trigger
    package var state: State
    package var isCanceled: Bool

    package init(trigger: Trigger, state: State, isCanceled: Bool = false) {
        self.trigger = trigger
        self.state = state
        self.isCanceled = isCanceled
    }
}

/// What the coordinator knows of one agent.
package struct AgentRecord: Hashable, Sendable {
    package var id: AgentID
    package var labels: [String: String]
    package var isOnline: Bool
    /// `nil`: never.
    package var lastHeardAt: UnixTime?
    package var version: String
    /// The policy generation that the agent has.
    package var generation: Int64
    /// At most 16, those that run first.
    package var activeJobs: [ActiveJob]
    package var outboxDepth: Int64
    /// Post-scripts that the agent owes and could not run: what they would start stays stopped.
    package var openDebts: Int64
    /// The agent's wall clock less the coordinator's.
    package var clockSkew: Duration
    /// Two live connections use its key.
    package var isCloned: Bool
    /// `nil`: the agent is not in maintenance.
    package var maintenance: Hold?
    /// Scripts that will not do what they should, at most ``namedDrifts``; `nil`: the agent has not said since the coordinator
    /// started, or the list has no room.
    package var scriptDrift: [ScriptDrift]?
    /// ``Heartbeat/journalProblem``; `nil`: the agent has not said since the coordinator started.
    package var journalProblem: String?

    /// Nothing new begins there.
    package var cannotRecord: Bool { journalProblem.map { !$0.isEmpty } ?? false }

    /// How far its clock is off, for people; `nil`: as far as is borne.
    package var clockProblem: String? {
        guard clockSkew > Self.skewTolerance || clockSkew < .zero - Self.skewTolerance else { return nil }
        let size = "\(clockSkew.milliseconds.magnitude / 1_000) s"
        return "its clock is \(size) \(clockSkew > .zero ? "ahead of" : "behind") the coordinator's"
    }

    /// A clock that is further off is worth an alert.
    package static let skewTolerance = Duration.seconds(60)

    package static let namedDrifts = 16
    /// Of all agents together, so that the list of them stays one message: beyond them an agent's are `nil`.
    package static let namedDriftsOfFleet = 4_000

    package init(
        id: AgentID, labels: [String: String], isOnline: Bool, lastHeardAt: UnixTime?, version: String,
        generation: Int64,
        activeJobs: [ActiveJob], outboxDepth: Int64, openDebts: Int64 = 0, clockSkew: Duration, isCloned: Bool = false,
        maintenance: Hold? = nil
    ) {
        self.id = id
        self.labels = labels
        self.isOnline = isOnline
        self.lastHeardAt = lastHeardAt
        self.version = version
        self.generation = generation
        self.activeJobs = activeJobs
        self.outboxDepth = outboxDepth
        self.openDebts = openDebts
        self.clockSkew = clockSkew
        self.isCloned = isCloned
        self.maintenance = maintenance
    }
}

/// What the collector asks of the coordinator, again and again: "what changed after this?"
package struct RosterRequest: Hashable, Sendable {
    /// 0: everything. What an earlier ``RosterReply`` said.
    package var after: Int64
    /// ``RosterReply/epoch`` of the latest reply; 0: none.
    package var epoch: UInt64
    /// The highest job id that the collector has a report of; 0: none.
    package var highestJob: JobID
    /// What an earlier ``RosterReply/peersThrough`` said, once the collector acts by it; 0: none.
    package var peersAfter: Int64
    /// Where the collector says that it is reached.
    package var place: CollectorPlace
    /// What the collector refused and the coordinator has not taken yet, at most 100.
    package var refusals: [Refusal] = []
    /// The number of the last of them; they grow, also over restarts.
    package var refusalsThrough: Int64 = 0
    /// The newest key of the coordinator's that the collector has written down; `nil`: it does not say.
    package var serverKey: PublicKey?
    /// That the collector will have: to be admitted beside the one that it has; `nil`: it keeps that.
    package var nextKey: PublicKey?
    /// What people did at the collector and the coordinator has not written into the audit log yet, at most 100.
    package var actions: [CollectorAction] = []
    /// The number of the last of them; they grow, also over restarts.
    package var actionsThrough: Int64 = 0
    /// What an earlier ``PolicyObjectives/version`` said; 0: none.
    package var objectivesVersion: UInt64 = 0
    /// What an earlier ``PolicyCoverage/version`` said; 0: none.
    package var coverageVersion: UInt64 = 0

    package init(
        after: Int64, epoch: UInt64 = 0, highestJob: JobID = JobID(rawValue: 0), peersAfter: Int64 = 0,
        place: CollectorPlace = CollectorPlace()
    ) {
        self.after = after
        self.epoch = epoch
        self.highestJob = highestJob
        self.peersAfter = peersAfter
        self.place = place
    }
}

package struct RosterReply: Hashable, Sendable {
    /// To be sent as ``RosterRequest/after`` next time.
    package var through: Int64
    /// Triggers that are new or changed, at most 1,000; more follow when `isComplete` is false.
    package var triggers: [TriggerRecord]
    package var isComplete: Bool
    /// Every agent.
    package var agents: [AgentRecord]
    /// Renewed when the coordinator's database went back in time: ``RosterRequest/after`` of another epoch counts as 0.
    package var epoch: UInt64
    /// Peers that were recorded or changed, at most 1,000, in order of their generation.
    package var peers: [Peer]
    /// To be sent as ``RosterRequest/peersAfter`` next time.
    package var peersThrough: Int64
    /// Where the audit log ends; `nil`: it is empty.
    package var auditHead: AuditHead?
    /// ``RosterRequest/refusalsThrough`` of what was taken; 0: nothing.
    package var refusalsThrough: Int64 = 0
    /// ``SyncSnapshot/nextKey``.
    package var nextKey: PublicKey?
    /// ``RosterRequest/actionsThrough`` of what was written; 0: nothing.
    package var actionsThrough: Int64 = 0
    /// All of them; `nil`: the collector knows them.
    package var objectives: PolicyObjectives?
    /// Of all policies; `nil`: the collector knows it, or the fleet is too large.
    package var coverage: PolicyCoverage?

    package init(
        through: Int64, triggers: [TriggerRecord], isComplete: Bool, agents: [AgentRecord], epoch: UInt64 = 0,
        peers: [Peer] = [], peersThrough: Int64 = 0
    ) {
        self.through = through
        self.triggers = triggers
        self.isComplete = isComplete
        self.agents = agents
        self.epoch = epoch
        self.peers = peers
        self.peersThrough = peersThrough
    }
}
