/// From the first event to a recorded start.
extension JobMachine {
    mutating func accept(at now: Moment) {
        phase = .queued
        if ending == .cancel {
            finish(.canceled, reason: cancelReason + ", before its trigger came", at: now)
        } else if now.wall > facts.notAfter {
            let reason =
                facts.isAutonomous
                ? "its start passed while the agent was not running" : "the trigger came after its deadline"
            note("late", reason + ": the job is \(facts.lateStatus)", at: now)
            finish(facts.lateStatus, reason: reason, at: now)
        } else if let earlier = facts.isSkippedBecauseOf {
            skip(becauseOf: earlier, at: now)
        } else if facts.isPremature {
            skipPremature(at: now)
        } else {
            report(nil, .queued)
            note("queued", "the job waits for its turn", at: now)
            actions.append(.waitForTurn)
            noticeWindow(at: now)
        }
    }

    /// The policy lets no start overlap with an earlier job.
    mutating func skip(becauseOf earlier: JobID, at now: Moment) {
        let reason = "job \(earlier) of the policy is not over yet"
        note("overlap", reason + ": the job is skipped", at: now)
        finish(.skipped, reason: reason, at: now)
    }

    /// The policy's jobs start so long after its last good backup, and that was made meanwhile.
    mutating func skipPremature(at now: Moment) {
        let reason = "a good backup was made after this start was planned"
        note("premature", reason + ": the job is skipped", at: now)
        finish(.skipped, reason: reason, at: now)
    }

    /// The trigger could not be recorded: the agent refuses the job.
    mutating func refuse(_ reason: String, at now: Moment) {
        if ending == .cancel { return finish(.canceled, reason: cancelReason + ", before its trigger came", at: now) }
        note("journal-failed", "the job is refused: " + reason, at: now)
        finish(.couldNotStart, reason: reason, at: now)
    }

    mutating func recordStart(at now: Moment) {
        guard !isLeaving else { return }
        attempt = Attempt(number: attempt.number + 1)
        phase = .starting
        actions.append(.recordStart(attempt: attempt.number, owesPostScript: rules.scriptsEnabled))
    }

    mutating func start(at now: Moment) {
        if let stopCause {
            let end = StageEnd(stopCause.status, reason: stopCause.sentence + " before the attempt began")
            return giveUpStart(end, recorded: true, at: now)
        }
        if jobBegan == nil { jobBegan = now.boot }
        note("attempt-started", "attempt \(attempt.number) of at most \(maxAttempts) begins", at: now)
        phase = .preScript
        if rules.scriptsEnabled {
            attempt.stageBegan = now.boot
            actions.append(.runPreScript(attempt: attempt.number))
            report(nil, .running)
        } else {
            report(nil, .running)
            conclude(.preScript, StageEnd(.notEnabled), at: now)
            decideBackup(at: now)
        }
    }

    /// The attempt counts, and nothing of it runs. Its scripts never report.
    mutating func giveUpStart(_ end: StageEnd, recorded: Bool = false, at now: Moment) {
        if recorded, rules.scriptsEnabled {
            actions.append(.settleDebt(attempt: attempt.number, .neverOwed))
        }
        conclude(.backup, end, at: now)
        endAttempt(at: now)
    }
}
