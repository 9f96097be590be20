/// What a ``JobMachine`` orders the agent to do; to be carried out in the order in which it was handed back.
///
/// What is to be recorded (reports, a start, what became of a debt) of one list belongs into one transaction, so that
/// a crash finds either all of it or nothing. A script or an engine may be started before that, but never before
/// ``JobEvent/startRecorded``. A list that cannot be recorded then is recorded later; the machine goes on.
package enum JobAction: Hashable, Sendable {
    /// Make a report. `attempt` is 0 before the first one; `stage` nil: the job itself.
    case report(attempt: Int, stage: Stage?, status: Status, details: ReportDetails)
    /// Queue for the agent's exclusion rule; ``JobEvent/turn`` answers.
    case waitForTurn
    /// Record durably that this attempt starts and, with scripts, that its post-script is owed. Nothing runs before
    /// ``JobEvent/startRecorded`` or ``JobEvent/journalFailed(reason:)`` answers.
    case recordStart(attempt: Int, owesPostScript: Bool)
    /// ``JobEvent/scriptStarted(_:)`` tells that it may have begun, ``JobEvent/scriptEnded(_:_:)`` how it ended.
    case runPreScript(attempt: Int)
    /// End the pre-script's whole process tree: SIGTERM, ten seconds, SIGKILL. Its end is still to be told.
    case endPreScript(attempt: Int)
    /// Send SIGKILL to the pre-script's own process, as somebody from outside might. Its end is still to be told.
    case killPreScript(attempt: Int)
    /// Record durably that the job is canceled, as for an operator; ``JobEvent/cancel`` answers.
    case cancelJob
    /// ``JobEvent/backupEnded(_:)`` answers.
    case runBackup(attempt: Int)
    /// Stop the engine cleanly. Its end is still to be told.
    case stopBackup(attempt: Int, because: StopCause)
    /// Never to be cut short, but by its own timeout.
    case runPostScript(attempt: Int, pre: StageEnd, backup: StageEnd)
    /// Record what became of the debt of this attempt.
    case settleDebt(attempt: Int, DebtEnd)
    /// The attempt is over and gives up its turn. Call with ``JobEvent/tick`` when `at` is reached.
    case scheduleRetry(at: Moment)
    /// The job is over: the last action of its machine. It gives up its turn, or its place in the queue.
    case finish(Status)
}

/// What keeps a backup from running to its own end.
package enum StopCause: String, Hashable, Sendable, CaseIterable {
    case cancel
    case windowExpired = "window-expired"
    case shutdown

    /// What the backup's status is then.
    package var status: Status {
        switch self {
        case .cancel: .canceled
        case .windowExpired: .windowExpired
        case .shutdown: .interrupted
        }
    }
}

/// What became of the post-script that an attempt owed.
package enum DebtEnd: Hashable, Sendable {
    /// The post-script ran to an end, its own or its timeout's.
    case paid
    /// The pre-script never ran: it was missing, refused or could not start, or the attempt ended before it.
    case neverOwed
    /// The post-script could not be run. The debt stays open, and is critical.
    case unpaid(reason: String)
    /// An operator settled it: the post-script is not to run any more.
    case forgiven
}
