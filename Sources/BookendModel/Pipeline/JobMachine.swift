/// Decides everything about one job on its agent, through all of its attempts.
///
/// Feed it what happens, with the time; carry out what it hands back, in order. It reads no clock: set one timer to
/// ``nextDeadline`` and call with ``JobEvent/tick``. It takes any event at any time, and what does not fit changes
/// nothing.
///
/// ```
/// new ──▶ queued ──turn──▶ starting ──recorded──▶ pre-script ──▶ backup ──▶ post-script ──┬──▶ ended
///           ▲                 │  (without scripts straight to the backup, and from it to the end) │
///           │                 └── not recorded 24, or told to end: nothing runs ──────────┤
///           └── retry due ── waiting ◀─────────── worth a retry, and time for it ─────────┘
///
/// in            a cancel               the window's end                     a shutdown
/// queued        ended, 6               ended, 2                             stays: the journal has it
/// waiting       ended, 6               ended, as the last attempt           stays: the journal has it
/// starting      backup 6, not run      backup 22, not run                   backup 25, not run
/// pre-script    runs to its end,       is ended, 22,                        runs to its end,
///               then backup 6 not run  then backup 22 not run               then backup 25 not run
/// backup        is stopped, 6          is stopped, 22                       is stopped, 25
/// post-script   runs to its end, whatever comes; no retry follows a cancel or the window's end
/// ```
///
/// The rules that hold in every state:
/// - **The post-script is owed** from ``JobEvent/scriptStarted(_:)`` or an end of the pre-script on. It is never
///   ordered otherwise.
/// - **Cancel and window**: whichever comes first fixes the job's status. A canceled job is 6. After either no attempt
///   starts.
/// - **The first cause that stops a backup gives it its status**: 6, 22, or 25 for a shutdown. A shutdown is an
///   interruption, not an outcome that someone wished for, so that rules and window decide on a retry; the agent that
///   starts next carries it out. An engine that made its snapshot before it could be stopped was successful, and that
///   is reported.
/// - **A drain** stops nothing that runs: the attempt goes on to its own end, and what is queued or waits stays.
/// - **Time decides, not the timer**: the window is over when an event comes after its end, whether or not a tick came
///   before. What ended before anyone noticed keeps its own status.
/// - **A first backup that may overrun** its window does so while an attempt is under way. What is queued or waits may
///   not.
/// - **A rehearsal** is like any other job, but for its backup, which is 3 where it would run. It has one attempt. Its fault
///   strikes while the pre-script runs, as what it stands for may, and from there on everything goes as in earnest.
package struct JobMachine: Hashable, Sendable {
    /// Where the job is.
    package enum Phase: Hashable, Sendable {
        /// Before the first event.
        case new
        case queued
        /// The start of an attempt is being recorded.
        case starting
        case preScript, backup, postScript
        /// For the next attempt.
        case waiting(until: BootTime)
        case ended
    }

    /// What the machine must know of the job's trigger.
    package struct Facts: Hashable, Sendable {
        /// A job that is accepted later is skipped. One that was accepted in time may queue past it.
        package var notAfter: UnixTime
        /// `nil`: the job has no window.
        package var windowEnd: BootTime?
        /// The agent has no good backup of this policy yet.
        package var isFirstBackup: Bool
        /// The agent starts the job by itself, from a slot.
        package var isAutonomous: Bool
        /// What a job is that is accepted too late: skipped, or 31 where the policy calls that a failure.
        package var lateStatus = Status.skipped
        /// An earlier job of the policy is not over, and the policy says that this one is skipped then.
        package var isSkippedBecauseOf: JobID?
        /// ``Policy/isPremature(_:after:at:)``
        package var isPremature = false
        /// What the jitter of waits is drawn from: ``Trigger/fingerprint``.
        package var retrySeed: UInt64 = 0
        /// No engine runs, and there is one attempt.
        package var isRehearsal = false
        /// What goes wrong on purpose in a rehearsal.
        package var fault: StagedFault?

        package init(
            notAfter: UnixTime, windowEnd: BootTime? = nil, isFirstBackup: Bool = false, isAutonomous: Bool = false
        ) {
            self.notAfter = notAfter
            self.windowEnd = windowEnd
            self.isFirstBackup = isFirstBackup
            self.isAutonomous = isAutonomous
        }

        /// The window's end is moved from the wall clock to the clock that only goes forward, as of `now`.
        package init(_ trigger: Trigger, isFirstBackup: Bool, at now: Moment) {
            self.init(
                notAfter: trigger.notAfter, windowEnd: trigger.windowEnd.map { now.boot + ($0 - now.wall) },
                isFirstBackup: isFirstBackup, isAutonomous: trigger.cause == .autonomous)
            retrySeed = trigger.fingerprint
            isRehearsal = trigger.cause == .rehearsal
            fault = isRehearsal ? trigger.fault : nil
        }
    }

    /// The latest attempt, as far as it has come.
    struct Attempt: Hashable, Sendable {
        var number = 0
        var ends: [Stage: StageEnd] = [:]
        /// The pre-script may have started.
        var owesPostScript = false
        var stageBegan: BootTime?
        var isStopOrdered = false
        var isPostScriptStarted = false
        /// When the rehearsal's fault strikes; `nil`: it has, or there is nothing to strike yet.
        var faultDueAt: BootTime?
        var hasFaultStruck = false
    }

    package let rules: PipelineRules
    package let facts: Facts
    package internal(set) var phase = Phase.new
    package internal(set) var events: [PipelineEventRecord] = []

    var attempt = Attempt()
    var jobBegan: BootTime?
    /// Why the job is canceled, for people.
    var cancelReason = "on request"
    /// The first of cancel and window: no attempt starts any more.
    var ending: StopCause?
    /// The first of cancel, window and shutdown: the backup does not run (any more).
    var stopCause: StopCause?
    var windowIsOver = false
    /// A rehearsal's fault ends the window.
    var stagedWindowEnd: BootTime?
    /// A later job of the policy goes on in its place once the post-script is over.
    var isReplaced = false
    var isShuttingDown = false
    var isDraining = false
    /// What this event led to so far; empty between events.
    var actions: [JobAction] = []

    package init(rules: PipelineRules, facts: Facts) {
        self.rules = rules
        self.facts = facts
    }

    /// The number of the latest attempt; 0 before the first.
    package var attemptNumber: Int { attempt.number }

    /// An attempt is under way: an agent that stops waits for it. A job that is queued or waits is kept in the journal.
    package var isUnderWay: Bool {
        switch phase {
        case .starting, .preScript, .backup, .postScript: true
        case .new, .queued, .waiting, .ended: false
        }
    }

    /// When to call with ``JobEvent/tick``, unless something else happens before; `nil`: not at all.
    package var nextDeadline: BootTime? {
        let window = windowIsOver || isOverrunAllowed ? nil : facts.windowEnd
        switch phase {
        case .new, .ended, .postScript: return nil
        case .preScript: return [window, attempt.faultDueAt].compactMap(\.self).min()
        case .queued, .starting, .backup: return window
        case .waiting(let retry):
            guard !isLeaving else { return window }
            return window.map { min($0, retry) } ?? retry
        }
    }

    package mutating func handle(_ event: JobEvent, at now: Moment) -> [JobAction] {
        defer { actions = [] }
        if !phase.isEnded(by: event) {
            noticeWindow(at: now)
            strikeFault(at: now)
        }
        switch (event, phase) {
        case (.accepted, .new): accept(at: now)
        case (.recovered(let recovery), .new): recover(recovery, at: now)
        case (.journalFailed(let reason), .new): refuse(reason, at: now)
        case (.cancel, _): cancel(at: now)
        case (.replaced(let job), _): replace(by: job, at: now)
        case (.shutdown, _): shutDown(at: now)
        case (.drain, _): drain(at: now)
        case (.turn, .queued): recordStart(at: now)
        case (.startRecorded, .starting): start(at: now)
        case (.journalFailed(let reason), .starting): giveUpStart(StageEnd(.couldNotStart, reason: reason), at: now)
        case (.scriptStarted(.preScript), .preScript): preScriptStarted(at: now)
        case (.scriptEnded(.preScript, let outcome), .preScript): preScriptEnded(outcome, at: now)
        case (.backupEnded(let end), .backup): backupEnded(end, at: now)
        case (.scriptStarted(.postScript), .postScript): postScriptStarted()
        case (.scriptEnded(.postScript, let outcome), .postScript): postScriptEnded(outcome, at: now)
        case (.tick, .waiting(let retry)) where now.boot >= retry: queueAgain(at: now)
        default: break
        }
        return actions
    }
}

extension JobMachine.Phase {
    /// The event tells that what runs has ended by itself: if the window was over by then, nobody had noticed.
    fileprivate func isEnded(by event: JobEvent) -> Bool {
        switch (event, self) {
        case (.scriptEnded(.preScript, _), .preScript), (.backupEnded, .backup),
            (.scriptEnded(.postScript, _), .postScript):
            true
        default: false
        }
    }
}

// MARK: - What every part uses

extension JobMachine {
    func end(of stage: Stage) -> Status? { attempt.ends[stage]?.status }

    /// The agent stops: no attempt starts any more.
    var isLeaving: Bool { isShuttingDown || isDraining }

    /// The window does not end an attempt that is under way.
    var isOverrunAllowed: Bool {
        rules.ignoreWindowForFirstBackup && facts.isFirstBackup && isUnderWay && !facts.isRehearsal
    }

    mutating func report(_ stage: Stage?, _ status: Status, details: ReportDetails = ReportDetails()) {
        actions.append(.report(attempt: attempt.number, stage: stage, status: status, details: details))
    }

    /// Keeps the end of a stage and reports it.
    mutating func conclude(_ stage: Stage, _ end: StageEnd, at now: Moment) {
        var end = end
        if end.details.duration == nil { end.details.duration = attempt.stageBegan.map { now.boot - $0 } }
        attempt.stageBegan = nil
        attempt.ends[stage] = end
        report(stage, end.status, details: end.details)
        let reason = end.details.reason.isEmpty ? "" : ": " + end.details.reason
        note("\(stage.rawValue)-ended", "the \(stage.rawValue) is \(end.status)\(reason)", at: now)
    }

    /// Keeps what happened for people: at most 200 records, the first and the last ones, of at most 300 characters, so
    /// that they fit into a report.
    mutating func note(_ event: String, _ consequence: String, at now: Moment) {
        if events.count == 200 { events.remove(at: 100) }
        events.append(
            PipelineEventRecord(
                at: now.wall, attempt: attempt.number, event: event, consequence: String(consequence.prefix(300))))
    }
}
