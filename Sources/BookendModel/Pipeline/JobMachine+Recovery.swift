/// After the agent died in the middle of a job.
extension JobMachine {
    /// The broken stage is 25, the debt is paid first, then rules and window decide on another attempt.
    ///
    /// A recovered attempt has its turn without asking: nothing may start on this agent before the debt is paid.
    mutating func recover(_ recovery: JobRecovery, at now: Moment) {
        events = Array(recovery.events.suffix(200))
        attempt = Attempt(
            number: max(0, recovery.attempts), ends: recovery.ends, owesPostScript: recovery.owesPostScript)
        if recovery.isCanceled || ending == .cancel {
            ending = .cancel
            stopCause = .cancel
        }
        guard let broken = recovery.brokenStage, attempt.number > 0 else {
            return resume(recovery, at: now)
        }
        note("agent-died", "attempt \(attempt.number) broke in its \(broken.rawValue)", at: now)
        let interrupted = StageEnd(.interrupted, reason: "the agent died while the \(broken.rawValue) ran")
        phase = .postScript
        noticeWindow(at: now, unacted: true)
        switch broken {
        case .preScript where !rules.scriptsEnabled && !recovery.owesPostScript:
            conclude(.preScript, StageEnd(.notEnabled), at: now)
            conclude(.backup, StageEnd(.interrupted, reason: "the agent died before the backup began"), at: now)
        case .preScript:
            conclude(.preScript, interrupted, at: now)
            conclude(.backup, StageEnd(.interrupted, reason: "the agent died before the backup began"), at: now)
        case .backup:
            conclude(.backup, recovery.ends[.backup] ?? interrupted, at: now)
        case .postScript:
            if attempt.ends[.backup] == nil { conclude(.backup, interrupted, at: now) }
        }
        if recovery.owesPostScript, attempt.ends[.preScript] == nil {
            conclude(.preScript, StageEnd(.interrupted, reason: "the agent died before it recorded the end"), at: now)
        }
        if let postScript = recovery.ends[.postScript], !recovery.owesPostScript {
            attempt.ends[.postScript] = postScript
            endAttempt(at: now)
        } else {
            if recovery.owesPostScript, recovery.isPostScriptBroken { reportBrokenPostScript() }
            orderPostScript(at: now)
        }
    }

    /// It is run again, and the end of that run is what counts.
    private mutating func reportBrokenPostScript() {
        var details = ReportDetails()
        details.reason = "the agent died while the post-script ran; it is run again"
        report(.postScript, .interrupted, details: details)
    }

    /// No attempt was under way: the job is queued, or waits for its next attempt.
    ///
    /// A job that had no attempt yet is skipped past its trigger's deadline: nobody expects it any more after an agent
    /// was away for so long, and without a window nothing else would keep it from running days late.
    private mutating func resume(_ recovery: JobRecovery, at now: Moment) {
        note("agent-died", "no attempt was under way", at: now)
        if attempt.number > 0, !attempt.ends.isEmpty, let retry = recovery.retryAt {
            phase = .waiting(until: retry)
        } else {
            phase = .queued
        }
        if ending == .cancel { return finish(.canceled, reason: cancelReason, at: now) }
        if attempt.number == 0, let earlier = facts.isSkippedBecauseOf { return skip(becauseOf: earlier, at: now) }
        if attempt.number == 0, facts.isPremature { return skipPremature(at: now) }
        if attempt.number == 0, now.wall > facts.notAfter {
            return finish(
                facts.lateStatus, reason: "the trigger's deadline passed while the agent was not running", at: now)
        }
        noticeWindow(at: now)
        switch phase {
        case .queued: actions.append(.waitForTurn)
        case .waiting(let retry): actions.append(.scheduleRetry(at: now + (retry - now.boot)))
        default: break
        }
    }
}
