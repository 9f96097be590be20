import BookendModel

/// What must hold in every history, whatever happens in whatever order.
enum Invariant: String, CaseIterable, Hashable {
    case recordedFirst = "nothing of an attempt runs before its start is recorded"
    case onceEach = "each stage is ordered at most once an attempt"
    case inOrder =
        "a post-script is ordered only after its pre-script and backup ended; a backup only after its pre-script"
    case owedIsRun = "if a pre-script may have started, its post-script is ordered in the end"
    case notOwedIsNotRun = "a post-script never runs if its pre-script was missing, refused or could not start"
    case debtOnce = "each recorded debt is settled exactly once in the end, and nothing else is"
    case debtTruth = "a debt is paid by a post-script that ran, never owed without a pre-script, else unpaid"
    case endedOnce = "the beginning and the end of a stage are reported at most once an attempt, in this order"
    case finalIsFinal = "nothing is ordered or reported after the finish"
    case oneFinish = "every job that was accepted finishes exactly once, unless the agent stops first"
    case finishIsReported = "the finish comes with the report that ends the job, and no other report is final"
    case noBackupAfterStop = "no backup starts after a cancel, a shutdown or the window's end"
    case noAttemptAfterStop = "no attempt starts after a cancel, a shutdown, a drain or the window's end"
    case stopIsOrdered = "a running backup is stopped by a cancel, a shutdown and the window; once"
    case preEndedByWindowOnly = "a running pre-script is ended by the window, once, and by nothing else"
    case rehearsal = "a rehearsal runs no engine; its fault strikes a running pre-script, once, at its time"
    case attemptsBounded = "attempts are numbered one by one, up to what the policy allows"
    case retryNeedsFailure = "a retry follows only a backup that failed"
    case canceledIsCanceled = "a job is 6 exactly if a cancel came before its end and before the window's"
    case jobStatus = "a job's status follows from its last attempt's"
    case keysDecide = "after a pre-script that failed or is missing the policy's keys decide on the backup"
    case argumentsAreTrue = "a post-script is given the statuses that were reported"
    case scriptsOff = "without scripts both are 3, no script runs and nothing is owed"
    case alerts = "alerts go out with the end of the job, but for a post-script that could not be run"
    case noBusyTimer = "after a tick the next deadline lies ahead"
}

/// Watches one history from outside: what the machine was told and what it ordered.
struct HistoryChecker: Hashable {
    let rules: PipelineRules
    let facts: JobMachine.Facts

    private(set) var breaches: Set<Invariant> = []

    private var isAccepted = false
    private var isRecovered = false
    /// The agent died in the middle of an attempt.
    private var isPaying = false
    private var firstAttempt = 1
    private var attempt = 0
    private var isCanceled = false
    private var isCanceledFirst = false
    private var windowIsOver = false
    private var isStopped = false
    private var isDraining = false
    private var finished: Status?
    private var finalReport: Status?

    // Of the latest attempt.
    private var isStartRecorded = false
    private var openDebt = false
    /// A run of the post-script before this recovery may have broken off, and was not reported yet.
    private var isBrokenPostScriptOwed = false
    private var owes = false
    private var ordered: Set<Stage> = []
    private var begun: Set<Stage> = []
    private var running: Stage?
    private var ends: [Stage: Status] = [:]
    private var outcome: DebtEnd?
    private var isStopOrdered = false
    private var isEndOrdered = false
    private var faultDue: BootTime?
    private var struck: StagedFault.Kind?
    /// The order that a kill or a cancel leads to was seen.
    private var isFaultOrdered = false

    init(rules: PipelineRules, facts: JobMachine.Facts) {
        self.rules = rules
        self.facts = facts
    }

    private mutating func require(_ invariant: Invariant, _ holds: Bool) {
        if !holds { breaches.insert(invariant) }
    }

    private var mayOverrun: Bool { rules.ignoreWindowForFirstBackup && facts.isFirstBackup && !facts.isRehearsal }

    mutating func check(
        _ event: JobEvent, _ actions: [JobAction], before: JobMachine.Phase, after: JobMachine, at now: Moment
    ) {
        require(.finalIsFinal, finished == nil || actions.isEmpty)
        let wasRunning = running
        listen(to: event, before: before, at: now)
        for action in actions { see(action) }
        if finished == nil, wasRunning == .backup, running == .backup {
            let mustStop = isCanceled || isStopped || windowIsOver && !mayOverrun
            require(.stopIsOrdered, isStopOrdered == mustStop)
        }
        if finished == nil, wasRunning == .preScript, running == .preScript {
            require(.preEndedByWindowOnly, isEndOrdered == (windowIsOver && !mayOverrun || struck == .timeout))
            require(.rehearsal, isFaultOrdered == (struck == .kill || struck == .cancel))
        }
        if case .tick = event, let deadline = after.nextDeadline { require(.noBusyTimer, deadline > now.boot) }
    }

    // MARK: - What the machine is told

    private mutating func listen(to event: JobEvent, before: JobMachine.Phase, at now: Moment) {
        if before == .ended { return }
        let stageEnds: Bool
        switch event {
        case .scriptEnded(let stage, _): stageEnds = stage == running
        case .backupEnded: stageEnds = running == .backup
        default: stageEnds = false
        }
        if !stageEnds { look(at: now, before: before) }
        switch event {
        case .accepted where before == .new: isAccepted = true
        case .recovered(let recovery) where before == .new: recover(recovery)
        case .journalFailed where before == .new: isAccepted = true
        case .startRecorded where before == .starting:
            isStartRecorded = true
            openDebt = rules.scriptsEnabled
        case .scriptStarted(.preScript) where running == .preScript:
            if !owes { faultDue = facts.fault.map { now.boot + $0.after } }
            owes = true
        case .scriptEnded(let stage, let outcome) where running == stage:
            if stage == .preScript, case .ended = outcome { owes = true }
            if stage == .postScript {
                if case .ended = outcome { self.outcome = .paid } else { self.outcome = .unpaid(reason: "") }
            }
            running = nil
        case .backupEnded where running == .backup: running = nil
        case .cancel,
            .replaced where before != .postScript:
            if !isCanceled, !windowIsOver { isCanceledFirst = true }
            if !windowIsOver || isCanceledFirst { isCanceled = true }
        case .shutdown: isStopped = true
        case .drain: isDraining = true
        default: break
        }
        if before == .new { look(at: now, before: isPaying ? .postScript : .queued) }
        if stageEnds { look(at: now, before: before) }
    }

    private mutating func look(at now: Moment, before: JobMachine.Phase) {
        lookAtWindow(at: now, before: before)
        guard running == .preScript, let due = faultDue, now.boot >= due else { return }
        faultDue = nil
        guard !isCanceled, !isStopped, !windowIsOver else { return }
        struck = facts.fault?.kind
        if struck == .expire { windowIsOver = true }
    }

    private mutating func lookAtWindow(at now: Moment, before: JobMachine.Phase) {
        guard let end = facts.windowEnd, now.boot >= end, before != .new, isAccepted || isRecovered else { return }
        let isUnderWay =
            switch before {
            case .starting, .preScript, .backup, .postScript: true
            default: false
            }
        if !(mayOverrun && isUnderWay) { windowIsOver = true }
    }

    private mutating func recover(_ recovery: JobRecovery) {
        isRecovered = true
        isPaying = recovery.brokenStage != nil
        attempt = recovery.attempts
        firstAttempt = recovery.attempts + 1
        openDebt = recovery.owesPostScript
        isBrokenPostScriptOwed = recovery.owesPostScript && recovery.isPostScriptBroken
        owes = recovery.owesPostScript
        isStartRecorded = true
        ordered = [.preScript, .backup]
        ends = recovery.ends.mapValues(\.status)
        if let broken = recovery.brokenStage { ends[broken] = nil }
        if recovery.isCanceled {
            isCanceled = true
            isCanceledFirst = true
        }
    }

    // MARK: - What it orders

    private mutating func see(_ action: JobAction) {
        require(.finalIsFinal, finished == nil)
        switch action {
        case .report(let number, let stage, let status, let details):
            require(.attemptsBounded, number == attempt)
            if let stage { reported(stage, status, details) } else { reportedJob(status, details) }
        case .waitForTurn, .scheduleRetry: break
        case .recordStart(let number, let owesPostScript):
            begin(number, owesPostScript)
        case .runPreScript:
            require(.scriptsOff, rules.scriptsEnabled)
            order(.preScript, isInOrder: ends.isEmpty)
        case .runBackup:
            require(.rehearsal, !facts.isRehearsal)
            require(.noBackupAfterStop, !isCanceled && !isStopped && !windowIsOver)
            order(.backup, isInOrder: ends[.preScript] != nil)
            switch ends[.preScript] {
            case .skipped: require(.keysDecide, !rules.skipBackupIfPreMissing)
            case .successful, .notEnabled: break
            default: require(.keysDecide, !rules.skipBackupIfPreFails)
            }
        case .runPostScript(_, let pre, let backup):
            require(.scriptsOff, rules.scriptsEnabled)
            order(.postScript, isInOrder: ends[.preScript] != nil && ends[.backup] != nil)
            require(.notOwedIsNotRun, owes)
            require(.argumentsAreTrue, pre.status == ends[.preScript] && backup.status == ends[.backup])
        case .endPreScript:
            require(.preEndedByWindowOnly, running == .preScript && !isEndOrdered)
            require(.preEndedByWindowOnly, windowIsOver || struck == .timeout)
            isEndOrdered = true
        case .killPreScript, .cancelJob:
            require(.rehearsal, running == .preScript && !isFaultOrdered)
            require(.rehearsal, struck == (action == .cancelJob ? .cancel : .kill))
            isFaultOrdered = true
        case .stopBackup:
            require(.stopIsOrdered, running == .backup && !isStopOrdered)
            isStopOrdered = true
        case .settleDebt(_, let end): settle(end)
        case .finish(let status):
            require(.finishIsReported, finalReport == status && status.isFinal)
            finished = status
        }
    }

    private mutating func begin(_ number: Int, _ owesPostScript: Bool) {
        require(.noAttemptAfterStop, !isCanceled && !isStopped && !isDraining && !windowIsOver)
        require(
            .attemptsBounded,
            number == attempt + 1 && number <= max(facts.isRehearsal ? 1 : rules.maxAttempts, firstAttempt))
        require(.scriptsOff, owesPostScript == rules.scriptsEnabled)
        requireDebtIsSettled()
        if attempt >= firstAttempt || isRecovered, let backup = ends[.backup] {
            require(.retryNeedsFailure, backup.isFailure)
        }
        attempt = number
        isStartRecorded = false
        owes = false
        ordered = []
        begun = []
        running = nil
        ends = [:]
        outcome = nil
        isStopOrdered = false
        isEndOrdered = false
        (faultDue, struck, isFaultOrdered) = (nil, nil, false)
    }

    private mutating func order(_ stage: Stage, isInOrder: Bool) {
        require(.recordedFirst, isStartRecorded)
        require(.onceEach, !ordered.contains(stage))
        require(.inOrder, isInOrder && running == nil && ends[stage] == nil)
        ordered.insert(stage)
        running = stage
    }

    private mutating func reported(_ stage: Stage, _ status: Status, _ details: ReportDetails) {
        if stage == .postScript, status == .interrupted, isBrokenPostScriptOwed {
            // Of a run before this one: the next is ordered at once.
            isBrokenPostScriptOwed = false
            return require(.inOrder, !ordered.contains(.postScript) && ends[.backup] != nil)
        }
        require(.endedOnce, ends[stage] == nil)
        if status == .running {
            require(.inOrder, running == stage)
            return require(.endedOnce, begun.insert(stage).inserted)
        }
        require(.finishIsReported, status.isFinal)
        begun.remove(stage)
        ends[stage] = status
        if !rules.scriptsEnabled, stage != .backup { require(.scriptsOff, status == .notEnabled) }
        let cannotWait: [AlertKind] =
            switch outcome {
            case .unpaid where stage == .postScript: [status == .skipped ? .postScriptMissing : .debtUnpaid]
            default: []
            }
        require(.alerts, details.alerts == cannotWait)
    }

    private mutating func reportedJob(_ status: Status, _ details: ReportDetails) {
        require(.finishIsReported, finalReport == nil)
        guard status.isFinal else { return require(.alerts, details.alerts.isEmpty) }
        finalReport = status
        require(.finishIsReported, details.rules == rules && !details.events.isEmpty)
        require(.canceledIsCanceled, (status == .canceled) == isCanceledFirst)
        if status != .canceled, let backup = ends[.backup] { require(.jobStatus, status == expected(backup)) }
        let backupFailed = !facts.isRehearsal && ends[.backup]?.isFailure ?? false
        let preFailed = !facts.isRehearsal && ends[.preScript]?.isFailure ?? false
        require(.alerts, details.alerts.contains(.backupFailed) == backupFailed)
        require(.alerts, details.alerts.contains(.preScriptFailed) == preFailed)
        let postScript = ends[.postScript]
        let postFailed = postScript?.isFailure ?? false && postScript != .leftProcessesBehind
        require(.alerts, details.alerts.contains(.postScriptFailed) == postFailed)
    }

    /// Section 2 of the design, spelled once more.
    private func expected(_ backup: Status) -> Status {
        if facts.isRehearsal, backup == .notEnabled { return expected(.successful) }
        if backup != .successful, backup != .successfulWithErrors { return backup }
        let fine: [Status?] = [nil, .successful, .skipped, .notEnabled]
        let isFine = backup == .successful && fine.contains(ends[.preScript]) && fine.contains(ends[.postScript])
        return isFine ? .successful : .successfulWithErrors
    }

    private mutating func settle(_ end: DebtEnd) {
        require(.debtOnce, openDebt)
        openDebt = false
        switch (end, outcome) {
        case (.paid, .paid), (.unpaid, .unpaid): break
        case (.neverOwed, nil): require(.debtTruth, !owes)
        default: require(.debtTruth, false)
        }
    }

    private mutating func requireDebtIsSettled() {
        require(.debtOnce, !openDebt)
        require(.owedIsRun, !owes || ordered.contains(.postScript))
    }

    /// Every order was answered, and nothing more will happen.
    mutating func checkEnd(_ machine: JobMachine) {
        requireDebtIsSettled()
        if isAccepted || isRecovered { require(.oneFinish, finished != nil || isStopped || isDraining) }
        if finished != nil { require(.oneFinish, machine.phase == .ended && machine.nextDeadline == nil) }
        require(.oneFinish, !machine.isUnderWay)
    }
}
