/// A job that an agent holds, as its heartbeat names it.
package struct ActiveJob: Hashable, Sendable {
    package var job: JobID
    package var policy: PolicyName
    /// 0: no attempt has begun.
    package var attempt: Int
    /// `nil`: the job is queued or waits for a retry.
    package var stage: Stage?

    package init(job: JobID, policy: PolicyName, attempt: Int, stage: Stage?) {
        self.job = job
        self.policy = policy
        self.attempt = attempt
        self.stage = stage
    }
}

/// An agent's first message on a new connection, and its request for a ``SyncSnapshot``.
///
/// It names no agent: the sender is the one that the key was enrolled with.
package struct Hello: Hashable, Sendable {
    /// Renewed when the agent's journal starts anew.
    package var incarnation: UInt64
    /// The agent's version, `MAJOR.MINOR.PATCH`.
    package var version: String
    package var labels: [String: String]
    /// The policy generation that the agent has; 0: none.
    package var generation: Int64
    package var activeJobs: [ActiveJob]
    /// The highest job id that the agent has ever accepted.
    package var highestJob: JobID
    /// The agent's wall clock.
    package var wall: UnixTime
    /// Random, renewed at each start of the agent's process. 0: the agent does not say.
    package var instance: UInt64
    /// ``SyncSnapshot/epoch`` of the latest snapshot that the agent took; 0: none.
    package var coordinatorEpoch: UInt64
    /// Jobs that the journal holds, at most ``knownJobLimit``.
    package var knownJobs: [KnownJob]
    /// ``knownJobs`` holds all that were accepted since then, by the agent's clock: one that is not there was lost. `nil`: the
    /// agent does not say.
    package var knowsSince: UnixTime?
    /// Where the machine's wall clock stands, by its name of the IANA database; empty: the agent cannot tell.
    package var timeZone: String
    /// The newest key of the coordinator's that the agent has written down; `nil`: it does not say.
    package var serverKey: PublicKey?

    package static let knownJobLimit = 10_000

    package init(
        incarnation: UInt64, version: String, labels: [String: String], generation: Int64, activeJobs: [ActiveJob],
        highestJob: JobID, wall: UnixTime, instance: UInt64 = 0, coordinatorEpoch: UInt64 = 0,
        knownJobs: [KnownJob] = [], knowsSince: UnixTime? = nil, timeZone: String = ""
    ) {
        self.incarnation = incarnation
        self.version = version
        self.labels = labels
        self.generation = generation
        self.activeJobs = activeJobs
        self.highestJob = highestJob
        self.wall = wall
        self.instance = instance
        self.coordinatorEpoch = coordinatorEpoch
        self.knownJobs = knownJobs
        self.knowsSince = knowsSince
        self.timeZone = timeZone
    }
}

/// A job that an agent's journal holds, with what tells whether both sides mean the same order.
package struct KnownJob: Hashable, Sendable {
    package var job: JobID
    /// ``Trigger/fingerprint``.
    package var fingerprint: UInt64

    package init(job: JobID, fingerprint: UInt64) {
        self.job = job
        self.fingerprint = fingerprint
    }

    package init(_ trigger: Trigger) {
        self.init(job: trigger.job, fingerprint: trigger.fingerprint)
    }
}

/// An agent's sign of life.
package struct Heartbeat: Hashable, Sendable {
    package var generation: Int64
    package var activeJobs: [ActiveJob]
    /// Reports that no collector has acknowledged yet.
    package var outboxDepth: Int64
    /// Post-scripts that are owed by attempts that are over: they could not be run.
    package var openDebts: Int64
    package var wall: UnixTime
    /// ``Hello/instance``.
    package var instance: UInt64
    /// ``Hello/serverKey``.
    package var serverKey: PublicKey?
    /// Of the policies whose jobs start so long after a good backup.
    package var goodBackups: [PolicyName: LastGoodBackup]
    /// Of each policy that the agent has looked at; `nil`: it does not say.
    package var scripts: [PolicyName: ScriptSurvey]?
    /// Why the agent can record nothing, and nothing new begins there; at most ``journalProblemLimit`` bytes. Empty: it can.
    package var journalProblem = ""

    package static let journalProblemLimit = 256

    package init(
        generation: Int64, activeJobs: [ActiveJob], outboxDepth: Int64, openDebts: Int64 = 0, wall: UnixTime,
        instance: UInt64 = 0, goodBackups: [PolicyName: LastGoodBackup] = [:]
    ) {
        self.generation = generation
        self.activeJobs = activeJobs
        self.outboxDepth = outboxDepth
        self.openDebts = openDebts
        self.wall = wall
        self.instance = instance
        self.goodBackups = goodBackups
    }
}

/// The coordinator's answer to a heartbeat. An agent that is at another generation or version says hello again.
package struct HeartbeatReply: Hashable, Sendable {
    package var generation: Int64
    package var wall: UnixTime
    /// ``SyncSnapshot/slotsVersion`` as it is now.
    package var slotsVersion: UInt64
    /// ``SyncSnapshot/nextKey``.
    package var nextKey: PublicKey?

    package init(generation: Int64, wall: UnixTime, slotsVersion: UInt64 = 0) {
        self.generation = generation
        self.wall = wall
        self.slotsVersion = slotsVersion
    }
}

/// The coordinator's answer to a hello: everything that is this agent's, as of one generation.
package struct SyncSnapshot: Hashable, Sendable {
    package var generation: Int64
    /// Every policy that picks the agent. One that is not here no longer does.
    package var policies: [PolicyRevision]
    /// Triggers that the agent has not acknowledged.
    package var triggers: [Trigger]
    /// Jobs whose cancel the agent has not acknowledged.
    package var cancels: [JobID]
    package var wall: UnixTime
    /// Jobs to come, each with its id: all of them. Those too whose start has come and that are held back.
    package var slots: [Trigger]
    /// Counts the changes of this agent's slots; begins anywhere, anew with each start of the coordinator.
    package var slotsVersion: UInt64
    /// Renewed when the coordinator's database went back in time.
    package var epoch: UInt64
    /// The key that the coordinator will have; `nil`: it keeps the one that it has.
    package var nextKey: PublicKey?

    package init(
        generation: Int64, policies: [PolicyRevision], triggers: [Trigger], cancels: [JobID], wall: UnixTime,
        slots: [Trigger] = [], slotsVersion: UInt64 = 0, epoch: UInt64 = 0
    ) {
        self.generation = generation
        self.policies = policies
        self.triggers = triggers
        self.cancels = cancels
        self.wall = wall
        self.slots = slots
        self.slotsVersion = slotsVersion
        self.epoch = epoch
    }
}

/// Published to an agent: its slots changed. One whose version is not ``previous`` says hello again.
package struct SlotChange: Hashable, Sendable {
    package var previous: UInt64
    package var version: UInt64
    /// New ones, and those of which something changed: one whose start has come may be held back from now on.
    package var slots: [Trigger]
    package var withdrawn: [JobID]

    package init(previous: UInt64, version: UInt64, slots: [Trigger], withdrawn: [JobID]) {
        self.previous = previous
        self.version = version
        self.slots = slots
        self.withdrawn = withdrawn
    }
}

/// Published to an agent: one policy is new, changed, or no longer its own.
///
/// Every agent is told of every generation, so that a gap shows; the policy travels only to those that it picks.
package struct PolicyChange: Hashable, Sendable {
    package var generation: Int64
    package var name: PolicyName
    /// `nil`: the policy is not (or no longer) this agent's.
    package var revision: PolicyRevision?

    package init(generation: Int64, name: PolicyName, revision: PolicyRevision?) {
        self.generation = generation
        self.name = name
        self.revision = revision
    }
}
