/// From the pre-script to the end of the attempt.
extension JobMachine {
    mutating func preScriptStarted(at now: Moment) {
        guard !attempt.owesPostScript else { return }
        attempt.owesPostScript = true
        attempt.stageBegan = now.boot
        attempt.faultDueAt = facts.fault.map { now.boot + $0.after }
        report(.preScript, .running)
    }

    mutating func preScriptEnded(_ outcome: ScriptOutcome, at now: Moment) {
        var end = outcome.end(judgedBy: rules.preLeftProcesses)
        switch outcome {
        case .ended:
            attempt.owesPostScript = true
            if windowIsOver {
                end.status = .windowExpired
                end.details.reason = "the window ended, and the pre-script was ended with it"
            } else if attempt.hasFaultStruck, facts.fault?.kind == .timeout {
                end.status = .timedOut
                end.details.reason = "it was ended as by its timeout"
            }
            noticeMissedFault(at: now)
        case .missing where attempt.owesPostScript:
            end = StageEnd(.couldNotStart, reason: "it vanished while it was being started")
        case .missing, .refused, .couldNotStart: break
        }
        conclude(.preScript, end, at: now)
        if !attempt.owesPostScript {
            actions.append(.settleDebt(attempt: attempt.number, .neverOwed))
        }
        decideBackup(at: now)
    }

    /// The second and third column of the truth table.
    mutating func decideBackup(at now: Moment) {
        phase = .backup
        noticeWindow(at: now, unacted: true)
        let preScript = end(of: .preScript) ?? .notAvailable
        if let stopCause {
            concludeBackup(StageEnd(stopCause.status, reason: stopCause.sentence + " before the backup began"), at: now)
        } else if !rules.allowsBackup(after: preScript) {
            let key = preScript == .skipped ? "skip_backup_if_pre_missing" : "skip_backup_if_pre_fails"
            concludeBackup(StageEnd(.notRun, reason: "the pre-script is \(preScript) and \(key) is set"), at: now)
        } else if facts.isRehearsal {
            concludeBackup(StageEnd(.notEnabled, reason: "a rehearsal makes no backup"), at: now)
        } else {
            attempt.stageBegan = now.boot
            actions.append(.runBackup(attempt: attempt.number))
            report(.backup, .running)
        }
    }

    mutating func backupEnded(_ end: StageEnd, at now: Moment) {
        var end = end
        if let stopCause {
            // Whoever asked it to stop gets his status, unless the snapshot was made all the same. A program that
            // ends with 0 when it is stopped has not made a backup.
            if !end.status.isSuccess || end.details.snapshotID == nil {
                end.status = stopCause.status
                end.details.reason = stopCause.sentence + " while the backup ran"
            } else {
                end.details.reason =
                    "\(stopCause.sentence), but the snapshot was made before the engine could be stopped"
            }
        }
        concludeBackup(end, at: now)
    }

    private mutating func concludeBackup(_ end: StageEnd, at now: Moment) {
        conclude(.backup, end, at: now)
        noticeWindow(at: now, unacted: true)
        orderPostScript(at: now)
    }

    /// The fourth column of the truth table.
    mutating func orderPostScript(at now: Moment) {
        phase = .postScript
        if attempt.owesPostScript, let pre = attempt.ends[.preScript], let backup = attempt.ends[.backup] {
            attempt.stageBegan = now.boot
            actions.append(.runPostScript(attempt: attempt.number, pre: pre, backup: backup))
            return
        }
        let end =
            rules.scriptsEnabled
            ? StageEnd(.skipped, reason: "the pre-script did not run, so nothing is owed") : StageEnd(.notEnabled)
        conclude(.postScript, end, at: now)
        endAttempt(at: now)
    }

    mutating func postScriptStarted() {
        guard !attempt.isPostScriptStarted else { return }
        attempt.isPostScriptStarted = true
        report(.postScript, .running)
    }

    mutating func postScriptEnded(_ outcome: ScriptOutcome, at now: Moment) {
        let settlement = DebtSettlement(outcome, judgedBy: rules.postLeftProcesses)
        actions.append(.settleDebt(attempt: attempt.number, settlement.debt))
        attempt.isPostScriptStarted = false
        conclude(.postScript, settlement.end, at: now)
        endAttempt(at: now)
    }
}

extension ScriptOutcome {
    /// The stage's end, before what else happened to the job is taken into account.
    func end(judgedBy rule: ScriptPlan.LeftProcesses) -> StageEnd {
        switch self {
        case .missing: StageEnd(.skipped, reason: "there is no such script")
        case .refused(let reason): StageEnd(.refused, reason: reason)
        case .couldNotStart(let reason): StageEnd(.couldNotStart, reason: reason)
        case .ended(let end): end.judged(by: rule)
        }
    }
}
