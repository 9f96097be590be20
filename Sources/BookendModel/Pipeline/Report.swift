/// One message from an agent about one job: something reached a status.
///
/// Reports of one agent and incarnation are numbered without gaps from 1; each is folded into the aggregate exactly
/// once, under whatever number it comes (``ReportDigest``). A report carries enough of its trigger that a collector which never heard of the job can show it.
package struct Report: Hashable, Sendable {
    package var origin: ReportOrigin
    package var trigger: ReportedTrigger
    /// 1 for the first; 0 for a report about a job that has not begun an attempt.
    package var attempt: Int
    /// Which stage reached the status; `nil`: the job itself.
    package var stage: Stage?
    package var status: Status
    package var at: UnixTime
    package var details: ReportDetails

    package init(
        origin: ReportOrigin, trigger: ReportedTrigger, attempt: Int, stage: Stage?, status: Status, at: UnixTime,
        details: ReportDetails = ReportDetails()
    ) {
        self.origin = origin
        self.trigger = trigger
        self.attempt = attempt
        self.stage = stage
        self.status = status
        self.at = at
        self.details = details
    }

    /// This report ends its job.
    package var endsJob: Bool { stage == nil && status.isFinal }
}

/// Who made a report, and its place in the order of all reports of that maker.
package struct ReportOrigin: Hashable, Sendable {
    package var agent: AgentID
    /// The ``ReportStream``'s that the report came in; numbers of two incarnations have nothing to do with each other.
    package var incarnation: UInt64
    /// 1, 2, 3 … without gaps.
    package var sequence: UInt64

    package init(agent: AgentID, incarnation: UInt64, sequence: UInt64) {
        self.agent = agent
        self.incarnation = incarnation
        self.sequence = sequence
    }
}

/// What every report says of the trigger that started its job.
package struct ReportedTrigger: Hashable, Sendable {
    package var job: JobID
    package var policy: PolicyName
    package var revision: Int64
    package var cause: TriggerCause
    package var scheduledStart: UnixTime

    package init(job: JobID, policy: PolicyName, revision: Int64, cause: TriggerCause, scheduledStart: UnixTime) {
        self.job = job
        self.policy = policy
        self.revision = revision
        self.cause = cause
        self.scheduledStart = scheduledStart
    }

    package init(_ trigger: Trigger) {
        self.init(
            job: trigger.job, policy: trigger.policy, revision: trigger.revision, cause: trigger.cause,
            scheduledStart: trigger.scheduledStart)
    }
}

/// What is known beyond the integer; every part may be absent.
package struct ReportDetails: Hashable, Sendable {
    /// One sentence for people: why the status is what it is. At most 4 KiB.
    package var reason: String = ""
    /// The exit code, 0–255, of a script or an engine that exited.
    package var exitCode: Int32?
    /// The signal that ended a script or an engine.
    package var signal: Int32?
    /// How long the stage (or the job, from its first attempt on) took.
    package var duration: Duration?
    package var snapshotID: String?
    package var bytesAdded: Int64?
    package var bytesProcessed: Int64?
    package var filesProcessed: Int64?
    /// Errors that the engine named: files that it could not read, sources that are missing. At most 20, each at most
    /// 512 bytes.
    package var errors: [String] = []
    /// Processes that a script left running: `pid name`. At most 20.
    package var leftProcesses: [String] = []
    /// When the next attempt starts, for a job that waits for a retry.
    package var nextAttemptAt: UnixTime?
    /// What people must be told: with a stage's report what cannot wait, with the report that ends a job all that its
    /// last attempt left behind. Each cause once.
    package var alerts: [AlertKind] = []
    /// What happened to the job, in order, that led to this status; only with the report that ends a job.
    package var events: [PipelineEventRecord] = []
    /// The policy's rules that this job ran under; only with the report that ends a job.
    package var rules: PipelineRules?

    package init() {}
}
