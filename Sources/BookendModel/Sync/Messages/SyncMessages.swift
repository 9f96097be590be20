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

    package init(
        incarnation: UInt64, version: String, labels: [String: String], generation: Int64, activeJobs: [ActiveJob],
        highestJob: JobID, wall: UnixTime
    ) {
        self.incarnation = incarnation
        self.version = version
        self.labels = labels
        self.generation = generation
        self.activeJobs = activeJobs
        self.highestJob = highestJob
        self.wall = wall
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

    package init(
        generation: Int64, activeJobs: [ActiveJob], outboxDepth: Int64, openDebts: Int64 = 0, wall: UnixTime
    ) {
        self.generation = generation
        self.activeJobs = activeJobs
        self.outboxDepth = outboxDepth
        self.openDebts = openDebts
        self.wall = wall
    }
}

/// The coordinator's answer to a heartbeat. An agent whose generation is lower says hello again.
package struct HeartbeatReply: Hashable, Sendable {
    package var generation: Int64
    package var wall: UnixTime

    package init(generation: Int64, wall: UnixTime) {
        self.generation = generation
        self.wall = wall
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

    package init(
        generation: Int64, policies: [PolicyRevision], triggers: [Trigger], cancels: [JobID], wall: UnixTime
    ) {
        self.generation = generation
        self.policies = policies
        self.triggers = triggers
        self.cancels = cancels
        self.wall = wall
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
