/// Everything that is known of one job: its reports, folded.
package struct JobAggregate: Hashable, Sendable {
    package var job: JobID
    package var agent: AgentID
    package var policy: PolicyName
    package var revision: Int64
    package var cause: TriggerCause
    package var scheduledStart: UnixTime
    /// The job's own status.
    package var status: Status
    /// In ascending order of ``AttemptAggregate/attempt``, which starts at 1.
    package var attempts: [AttemptAggregate]
    /// What came with the latest report about the job itself.
    package var details: ReportDetails
    /// When the first attempt began; `nil`: not yet.
    package var startedAt: UnixTime?
    /// When the job reached a final status; `nil`: not yet.
    package var endedAt: UnixTime?
    /// The place of the latest folded report; `nil`: the job is known from its trigger only.
    package var lastOrigin: ReportOrigin?
    /// What was inferred of the job, in order, also what was put right since; the latest 16.
    package var inferences: [InferredStatus]

    package init(
        job: JobID, agent: AgentID, policy: PolicyName, revision: Int64, cause: TriggerCause, scheduledStart: UnixTime,
        status: Status, attempts: [AttemptAggregate] = [], details: ReportDetails = ReportDetails(),
        startedAt: UnixTime? = nil, endedAt: UnixTime? = nil, lastOrigin: ReportOrigin? = nil,
        inferences: [InferredStatus] = []
    ) {
        self.job = job
        self.agent = agent
        self.policy = policy
        self.revision = revision
        self.cause = cause
        self.scheduledStart = scheduledStart
        self.status = status
        self.attempts = attempts
        self.details = details
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.lastOrigin = lastOrigin
        self.inferences = inferences
    }
}

/// One pass through the pipeline. A stage that never reported is ``Status/notAvailable``.
package struct AttemptAggregate: Hashable, Sendable {
    package var attempt: Int
    package var preScript: StageAggregate
    package var backup: StageAggregate
    package var postScript: StageAggregate

    package init(
        attempt: Int, preScript: StageAggregate = StageAggregate(), backup: StageAggregate = StageAggregate(),
        postScript: StageAggregate = StageAggregate()
    ) {
        self.attempt = attempt
        self.preScript = preScript
        self.backup = backup
        self.postScript = postScript
    }

    package subscript(stage: Stage) -> StageAggregate {
        get {
            switch stage {
            case .preScript: preScript
            case .backup: backup
            case .postScript: postScript
            }
        }
        set {
            switch stage {
            case .preScript: preScript = newValue
            case .backup: backup = newValue
            case .postScript: postScript = newValue
            }
        }
    }
}

package struct StageAggregate: Hashable, Sendable {
    package var status: Status
    package var startedAt: UnixTime?
    package var endedAt: UnixTime?
    package var details: ReportDetails

    package init(
        status: Status = .notAvailable, startedAt: UnixTime? = nil, endedAt: UnixTime? = nil,
        details: ReportDetails = ReportDetails()
    ) {
        self.status = status
        self.startedAt = startedAt
        self.endedAt = endedAt
        self.details = details
    }
}

extension JobAggregate {
    /// It counts wherever backups are counted: a rehearsal makes none.
    package var isOfBackup: Bool { cause != .rehearsal }

    /// From the first attempt to the end.
    package var duration: Duration? {
        if let duration = details.duration { return duration }
        guard let startedAt, let endedAt else { return nil }
        return endedAt - startedAt
    }
}
