/// What ends a job: the end of its last attempt, a cancel, the window, the agent's shutdown.
extension JobMachine {
    /// The attempt is over: the job waits for the next one, or ends with this one's status.
    mutating func endAttempt(at now: Moment) {
        noticeWindow(at: now, unacted: true)
        let backup = end(of: .backup) ?? .interrupted
        let status = Status.ofJob(
            isCanceled: ending == .cancel, preScript: end(of: .preScript), backup: backup,
            postScript: end(of: .postScript))
        guard ending == nil, !isReplaced, attempt.number < maxAttempts, backup.isFailure else {
            return finish(status, reason: reason(for: status), at: now)
        }
        guard rules.retry.isWorthRetry(preScript: end(of: .preScript), backup: backup) else {
            note("no-retry", "another attempt would not help, or the policy's only_after does not name it", at: now)
            return finish(status, reason: reason(for: status), at: now)
        }
        let retry = now + rules.retry.wait(after: attempt.number, seed: facts.retrySeed)
        if let windowEnd = facts.windowEnd, retry.boot >= windowEnd {
            note("no-retry", "the window ends before the next attempt could start", at: now)
            return finish(status, reason: reason(for: status), at: now)
        }
        var details = ReportDetails()
        details.reason = "attempt \(attempt.number) of \(rules.maxAttempts) ended \(status)"
        details.nextAttemptAt = retry.wall
        phase = .waiting(until: retry.boot)
        report(nil, .waitingForRetry, details: details)
        let wait = (retry.boot - now.boot).milliseconds
        note("retry-scheduled", details.reason + "; the next one waits for \(wait / 1_000) s", at: now)
        actions.append(.scheduleRetry(at: retry))
    }

    /// Why a job whose attempts are over is what it is.
    private func reason(for status: Status) -> String {
        if status == .canceled { return cancelReason }
        let backup = [attempt.ends[.backup]?.details.reason ?? "", missedFault].filter { !$0.isEmpty }
            .joined(separator: "; ")
        guard status == .successfulWithErrors else { return backup }
        let scripts = [Stage.preScript, .postScript].filter { end(of: $0)?.isFailure == true }
        let reasons = scripts.compactMap { stage in end(of: stage).map { "the \(stage.rawValue) is \($0)" } }
        return ([backup] + reasons).filter { !$0.isEmpty }.joined(separator: "; ")
    }

    mutating func queueAgain(at now: Moment) {
        guard !isLeaving else { return }
        phase = .queued
        report(nil, .queued)
        note("retry-due", "the job waits for its turn again", at: now)
        actions.append(.waitForTurn)
    }

    /// The one place where a job ends.
    mutating func finish(_ status: Status, reason: String, at now: Moment) {
        note("ended", "the job is \(status)" + (reason.isEmpty ? "" : ": " + reason), at: now)
        var details = ReportDetails()
        details.reason = reason
        details.duration = jobBegan.map { now.boot - $0 }
        details.snapshotID = attempt.ends[.backup]?.details.snapshotID
        details.alerts = AlertKind.afterLastAttempt(
            preScript: end(of: .preScript), backup: end(of: .backup), postScript: end(of: .postScript),
            isRehearsal: facts.isRehearsal)
        details.events = events
        details.rules = rules
        report(nil, status, details: details)
        phase = .ended
        actions.append(.finish(status))
    }

    mutating func cancel(at now: Moment) {
        guard phase != .ended, ending == nil else { return }
        ending = .cancel
        if stopCause == nil { stopCause = .cancel }
        switch phase {
        case .new:
            note("cancel", "remembered until the trigger comes", at: now)
        case .queued, .waiting:
            note("cancel", "nothing more runs", at: now)
            finish(.canceled, reason: cancelReason, at: now)
        case .starting, .preScript, .postScript:
            note("cancel", "what runs goes on to its end; the job is canceled then", at: now)
            report(nil, .canceling)
        case .backup:
            note("cancel", "the backup is stopped; the job is canceled then", at: now)
            report(nil, .canceling)
            stopBackup()
        case .ended: break
        }
    }

    /// What is all but done is not thrown away: while the post-script runs, only another attempt is out of the question.
    mutating func replace(by job: JobID, at now: Moment) {
        guard phase != .ended, ending == nil else { return }
        guard phase != .postScript else {
            if !isReplaced { note("replaced", "no other attempt follows: job \(job) takes its place", at: now) }
            isReplaced = true
            return
        }
        cancelReason = "replaced by job \(job)"
        cancel(at: now)
    }

    /// Finds out whether the window is over by now, and lets that have its effect on what runs.
    ///
    /// - Parameter unacted: A stage has just ended: there is nothing to stop.
    mutating func noticeWindow(at now: Moment, unacted: Bool = false) {
        guard let windowEnd = stagedWindowEnd ?? facts.windowEnd, now.boot >= windowEnd, !windowIsOver, phase != .new,
            phase != .ended,
            !isOverrunAllowed
        else { return }
        windowIsOver = true
        if ending == nil { ending = .windowExpired }
        if stopCause == nil { stopCause = .windowExpired }
        switch phase {
        case .queued, .waiting:
            note("window-expired", "no attempt starts any more", at: now)
            finishUnstarted(at: now)
        case .preScript:
            note("window-expired", "the pre-script is ended", at: now)
            // A staged timeout ends it already.
            guard !attempt.hasFaultStruck || facts.fault?.kind != .timeout else { break }
            actions.append(.endPreScript(attempt: attempt.number))
        case .backup where !unacted:
            note("window-expired", "the backup is stopped", at: now)
            stopBackup()
        case .starting, .backup, .postScript:
            note("window-expired", "no retry follows", at: now)
        case .new, .ended: break
        }
    }

    mutating func shutDown(at now: Moment) {
        guard phase != .ended, !isShuttingDown else { return }
        isShuttingDown = true
        if stopCause == nil { stopCause = .shutdown }
        note("shutdown", "the agent stops: no attempt starts any more", at: now)
        if phase == .backup { stopBackup() }
    }

    mutating func drain(at now: Moment) {
        guard phase != .ended, !isLeaving else { return }
        isDraining = true
        note("drain", "the agent stops once this attempt is over: no other one starts", at: now)
    }

    /// A job that never ran in its window is skipped; one that waited for another attempt keeps the last one's status.
    private mutating func finishUnstarted(at now: Moment) {
        guard let backup = end(of: .backup) else {
            return finish(.skipped, reason: StopCause.windowExpired.sentence + " before the job's turn came", at: now)
        }
        let status = Status.ofJob(
            isCanceled: false, preScript: end(of: .preScript), backup: backup, postScript: end(of: .postScript))
        finish(status, reason: StopCause.windowExpired.sentence + " before the next attempt", at: now)
    }

    /// Orders the engine to stop, once: the first cause stands.
    private mutating func stopBackup() {
        guard let stopCause, !attempt.isStopOrdered else { return }
        attempt.isStopOrdered = true
        actions.append(.stopBackup(attempt: attempt.number, because: stopCause))
    }
}

extension StopCause {
    /// For people, as the beginning of a sentence.
    var sentence: String {
        switch self {
        case .cancel: "canceled"
        case .windowExpired: "the window ended"
        case .shutdown: "the agent was stopped"
        }
    }
}
