/// What happens to a job, as the agent tells its ``JobMachine``.
///
/// An event that does not fit the machine's state changes nothing: a cancel that comes twice, an end that was already
/// told, a turn for a job that is over.
package enum JobEvent: Hashable, Sendable {
    /// The trigger is in the agent's journal. The first event of a new job.
    case accepted
    /// The agent died in the middle of this job and has read its journal. The first event of a machine made for it.
    case recovered(JobRecovery)
    /// The agent's exclusion rule lets the job's next attempt start now.
    case turn
    /// ``JobAction/recordStart(attempt:owesPostScript:)`` is durable.
    case startRecorded
    /// The journal could not be written: the trigger was not recorded, or the start of an attempt was not.
    case journalFailed(reason: String)
    /// The script's program may have begun: from here on the post-script is owed.
    case scriptStarted(Stage)
    case scriptEnded(Stage, ScriptOutcome)
    /// With a final status. An engine that was asked to stop and made its snapshot all the same names that snapshot.
    case backupEnded(StageEnd)
    case cancel
    /// A later job of the policy takes this one's place: a cancel; while the post-script runs, the end of attempts.
    case replaced(by: JobID)
    /// The agent was told to stop (SIGTERM): no new attempts.
    case shutdown
    /// The agent is to stop once what runs has ended: no new attempts. A shutdown may follow.
    case drain
    /// Time passed: ``JobMachine/nextDeadline`` is reached. At any other time it does nothing.
    case tick
}

/// How the attempt to run a script ended.
package enum ScriptOutcome: Hashable, Sendable {
    /// Nothing is there (ENOENT, ENOTDIR).
    case missing
    /// It is there, and this server's rules forbid it (23). It did not run.
    case refused(reason: String)
    /// It is there and could not be started (24). It did not run.
    case couldNotStart(reason: String)
    /// It ran and is over: its own end (0, 1), its timeout's (20), a signal's (21).
    ///
    /// Processes that it left running stand in the details; the machine makes 27 of a 0 when the policy wants that.
    case ended(StageEnd)
}

/// The final status of a stage, with what is known beyond the integer.
package struct StageEnd: Hashable, Sendable {
    package var status: Status
    package var details: ReportDetails

    package init(_ status: Status, details: ReportDetails = ReportDetails()) {
        self.status = status
        self.details = details
    }

    package init(_ status: Status, reason: String) {
        self.init(status)
        details.reason = reason
    }
}

/// What the journal of an agent that died says of a job.
package struct JobRecovery: Hashable, Sendable {
    /// Attempts that were recorded as started, the broken one included.
    package var attempts: Int
    /// The stage in which the agent died; `nil`: no attempt was under way. An attempt whose start was recorded, and of
    /// which nothing more is known, broke in its pre-script.
    package var brokenStage: Stage?
    /// How the stages of the latest attempt ended, as far as that was recorded. For a broken backup of which the
    /// repository holds the snapshot: that success.
    package var ends: [Stage: StageEnd]
    /// The latest attempt's debt is recorded and not settled: its pre-script may have started.
    package var owesPostScript: Bool
    /// The post-script of the latest attempt may have been started, and its end was not recorded.
    package var isPostScriptBroken: Bool
    /// A cancel had come.
    package var isCanceled: Bool
    /// When the next attempt was to start, for a job that waited for a retry; `nil`: at once.
    package var retryAt: BootTime?
    /// What had happened until then.
    package var events: [PipelineEventRecord]

    package init(
        attempts: Int, brokenStage: Stage? = nil, ends: [Stage: StageEnd] = [:], owesPostScript: Bool = false,
        isPostScriptBroken: Bool = false, isCanceled: Bool = false, retryAt: BootTime? = nil,
        events: [PipelineEventRecord] = []
    ) {
        self.attempts = attempts
        self.brokenStage = brokenStage
        self.ends = ends
        self.owesPostScript = owesPostScript
        self.isPostScriptBroken = isPostScriptBroken
        self.isCanceled = isCanceled
        self.retryAt = retryAt
        self.events = events
    }
}
