import BookendModel

/// What a rehearsal has shown. Pure.
struct RehearsalVerdict: Sendable {
    enum Finding: Hashable, Sendable {
        /// The post-script ended well, and the fault, if there was to be one, struck.
        case copes
        /// There is no pre-script, so that no post-script is owed: as it should be.
        case nothingOwed
        case postScriptWentWrong
        /// The pre-script ended too early.
        case faultMissed
        /// No script ran to an end: the agent is offline, the job was canceled before it began, a script was refused.
        case nothingShown
    }

    let job: JobAggregate
    let fault: StagedFault?
    let finding: Finding

    init(_ job: JobAggregate, fault: StagedFault?) {
        self.job = job
        self.fault = fault
        finding = Self.finding(job, fault)
    }

    var isProof: Bool { finding == .copes || finding == .nothingOwed }

    /// From the pre-script's beginning to the post-script's end: so long the service may have been down. `nil`: one of them
    /// is not known.
    var pause: Duration? {
        guard let start = attempt.preScript.startedAt, let end = attempt.postScript.endedAt, end >= start,
            attempt.postScript.startedAt != nil
        else { return nil }
        return end - start
    }

    private var attempt: AttemptAggregate { job.attempts.last ?? AttemptAggregate(attempt: 1) }

    private static func finding(_ job: JobAggregate, _ fault: StagedFault?) -> Finding {
        guard job.status.isFinal, job.status.family != .inferred, let attempt = job.attempts.last else {
            return .nothingShown
        }
        let (pre, post) = (attempt.preScript.status, attempt.postScript.status)
        if pre == .skipped, post == .skipped { return fault == nil ? .nothingOwed : .faultMissed }
        guard attempt.preScript.startedAt != nil else { return .nothingShown }
        guard post == .successful else { return .postScriptWentWrong }
        guard let fault else { return .copes }
        // The agent died, or somebody canceled it: that was not the fault.
        if pre == .interrupted || job.status == .canceled && fault.kind != .cancel { return .nothingShown }
        let hasStruck = job.details.events.contains { $0.event == "fault-struck" }
        let hasShown =
            switch fault.kind {
            case .timeout: pre == .timedOut
            case .kill: pre == .killedBySignal
            case .cancel: attempt.backup.status == .canceled
            case .expire: pre == .windowExpired
            }
        return hasStruck && hasShown ? .copes : .faultMissed
    }

    // MARK: For people

    func lines(_ terminal: Terminal) -> [String] {
        var lines: [String] = []
        if !job.attempts.isEmpty {
            lines.append(sentence("pre-script", attempt.preScript))
            let told = "told: pre-script \(attempt.preScript.status), backup \(attempt.backup.status)"
            let hasRun = attempt.postScript.startedAt != nil
            lines.append(sentence("post-script", attempt.postScript) + (hasRun ? "; it was \(told)" : ""))
            if let pause {
                lines.append(
                    "from the pre-script's beginning to the post-script's end: \(Phrases.duration(pause)); so long the "
                        + "service may have been down")
            }
        }
        return lines.map(SafeText.line) + [terminal.paint(SafeText.line(conclusion), isProof ? .good : .bad)]
    }

    private func sentence(_ name: String, _ stage: StageAggregate) -> String {
        let reason = stage.details.reason.isEmpty ? "" : " (\(stage.details.reason))"
        guard stage.startedAt != nil else { return "the \(name) did not run: \(stage.status)\(reason)" }
        let time = stage.details.duration.map { " for \(Phrases.duration($0))" } ?? ""
        return "the \(name) ran\(time): \(stage.status)\(reason)"
    }

    var conclusion: String {
        let occasion =
            switch fault?.kind {
            case nil: ""
            case .timeout: " after a pre-script that timed out"
            case .kill: " after a pre-script that was killed"
            case .cancel: " after a cancel during the pre-script"
            case .expire: " after a window that ended during the pre-script"
            }
        switch finding {
        case .copes: return "the post-script copes: it ended well\(occasion)"
        case .nothingOwed: return "there is no pre-script, so no post-script is owed, and none ran"
        case .postScriptWentWrong:
            return "the post-script does not cope\(occasion): it is \(attempt.postScript.status); see what it printed: "
                + "bookend logs \(job.job)"
        case .faultMissed:
            return
                "the pre-script ended before the fault struck: nothing was shown; try --after 100ms or a pre-script that "
                + "takes longer"
        case .nothingShown:
            let why = job.why.isEmpty ? "" : ": " + job.why
            return "nothing was shown: job \(job.job) is \(job.status)\(why)"
        }
    }

    // MARK: For programs

    var document: Document {
        .object([
            "is_proof": .bool(isProof), "fault": Document(fault?.kind.rawValue),
            "fault_after_ms": Document(fault?.after.milliseconds), "conclusion": .text(conclusion),
            "pause_ms": Document(pause?.milliseconds),
        ])
    }
}
