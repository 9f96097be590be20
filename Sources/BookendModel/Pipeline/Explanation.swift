/// Why a job and its stages are what they are, for people: the row of the truth table that each attempt went through,
/// and the events that led there.
package struct Explanation: Hashable, Sendable {
    package struct Attempt: Hashable, Sendable {
        package var attempt: Int
        /// `nil`: no pre-script ended, so no row was reached.
        package var row: TruthTableRow?
        /// The row would have had the backup run, and a cancel that came before it did not.
        package var isBackupForbidden = false
        /// One for each stage, in their order.
        package var stages: [String]
        /// What happened, in its order. Known once the job is over.
        package var events: [PipelineEventRecord]

        /// What the row says, and what kept it from coming true; `nil`: no row was reached.
        package var rowSentence: String? {
            row.map { $0.sentence + (isBackupForbidden ? ", but a cancel forbade the backup" : "") }
        }
    }

    package var headline: String
    /// What happened before the first attempt.
    package var before: [PipelineEventRecord]
    package var attempts: [Attempt]
    /// The rule that gave the job its status.
    package var conclusion: String

    package init(_ job: JobAggregate) {
        headline = "job \(job.job), policy \(job.policy) revision \(job.revision), agent \(job.agent): \(job.status)"
        let events = job.details.events
        before = events.filter { $0.attempt < 1 }
        attempts = job.attempts.map { attempt in
            Attempt(
                attempt: attempt.attempt,
                row: TruthTableRow(preScript: attempt.preScript.status, postScript: attempt.postScript.status),
                isBackupForbidden: attempt.backup.status == .canceled && attempt.backup.startedAt == nil,
                stages: Stage.allCases.map { Self.sentence(for: $0, in: attempt, rules: job.details.rules) },
                events: events.filter { $0.attempt == attempt.attempt })
        }
        conclusion = Self.conclusion(job)
    }

    /// The whole, a line each, as a terminal shows it.
    package var lines: [String] {
        var lines = [headline]
        lines += before.map { line($0, since: before.first) }
        for attempt in attempts {
            lines.append("attempt \(attempt.attempt): \(attempt.rowSentence ?? "no row, for no pre-script ended")")
            lines += attempt.stages.map { "  " + $0 }
            lines += attempt.events.map { line($0, since: attempt.events.first) }
        }
        return lines + [conclusion]
    }

    private func line(_ record: PipelineEventRecord, since first: PipelineEventRecord?) -> String {
        let milliseconds = max(0, record.at.milliseconds.subtractingSaturating(first?.at.milliseconds ?? 0))
        let tenths = "\(milliseconds / 1_000).\(milliseconds % 1_000 / 100) s"
        return "    + \(tenths)  \(record.event): \(record.consequence)"
    }

    // MARK: - Sentences

    private static func sentence(for stage: Stage, in attempt: AttemptAggregate, rules: PipelineRules?) -> String {
        let status = attempt[stage].status
        var reasons = [attempt[stage].details.reason]
        if status == .notAvailable { reasons = ["never reported"] }
        if stage == .backup, let rules, let key = key(after: attempt.preScript.status, rules), status != .notRun,
            attempt.backup.startedAt != nil
        {
            reasons.append("it ran, because \(key) is not set")
        }
        let reason = reasons.filter { !$0.isEmpty }.joined(separator: "; ")
        return "\(stage.rawValue): \(status)" + (reason.isEmpty ? "" : " (\(reason))")
    }

    /// The key that decided whether the backup runs; `nil`: none had to.
    private static func key(after preScript: Status, _ rules: PipelineRules) -> String? {
        guard preScript.isFinal, preScript != .notAvailable else { return nil }
        switch PreScriptVerdict(preScript) {
        case .notEnabled, .succeeded: return nil
        case .failed: return "skip_backup_if_pre_fails"
        case .missing: return "skip_backup_if_pre_missing"
        }
    }

    private static func conclusion(_ job: JobAggregate) -> String {
        let reason = job.details.reason.isEmpty ? "" : ": " + job.details.reason
        let status = "the job is \(job.status)"
        if job.status.family == .inferred { return status + ", as the collector infers; its agent has not said so" }
        guard job.status.isFinal else { return status + " and not over" + reason }
        guard let last = job.attempts.last else { return status + ", without an attempt" + reason }
        if job.status == .canceled { return status + ", because a cancel came before its end" }
        let backup = last.backup.status
        let isRehearsed = job.cause == .rehearsal && backup == .notEnabled
        if isRehearsed, job.status == .successful {
            return status + ", because no script went wrong; a rehearsal makes no backup"
        }
        guard backup.isSuccess || isRehearsed else {
            return status + ", which is the status of its last attempt's backup" + reason
        }
        if job.status == .successful { return status + ", because the backup is good and no script went wrong" }
        let scripts = [Stage.preScript, .postScript].filter { stage in
            ![.successful, .skipped, .notEnabled, .notAvailable].contains(last[stage].status)
        }
        let causes = (backup == .successfulWithErrors ? [Stage.backup] : []) + scripts
        let names = causes.map { "the \($0.rawValue) is \(last[$0].status)" }
        let beginning = isRehearsed ? ", because " : ", because there is a backup, but "
        return status + beginning + names.joined(separator: " and ")
    }
}
