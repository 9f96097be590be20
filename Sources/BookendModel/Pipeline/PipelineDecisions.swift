/// How a pre-script ended, as far as that decides what follows.
package enum PreScriptVerdict: Hashable, Sendable {
    case notEnabled, succeeded, failed, missing

    package init(_ status: Status) {
        switch status {
        case .notEnabled: self = .notEnabled
        case .successful: self = .succeeded
        case .skipped: self = .missing
        default: self = .failed
        }
    }
}

extension PipelineRules {
    /// Whether the backup runs after a pre-script that ended so: the second column of the truth table.
    ///
    /// Anything but 0 is a failure: also a script that was refused or could not start, and one that left processes
    /// behind (27), because nobody knows whether what it prepared is ready.
    package func allowsBackup(after preScript: Status) -> Bool {
        switch PreScriptVerdict(preScript) {
        case .notEnabled, .succeeded: true
        case .failed: !skipBackupIfPreFails
        case .missing: !skipBackupIfPreMissing
        }
    }
}

extension Status {
    /// The status of a job from those of its last attempt; a stage that never reported says nothing.
    package static func ofJob(isCanceled: Bool, preScript: Status?, backup: Status, postScript: Status?) -> Status {
        if isCanceled { return .canceled }
        // A rehearsal's backup is not enabled, and nothing is wrong with that.
        guard backup.isSuccess || backup == .notEnabled else { return backup }
        let scripts = [preScript, postScript].compactMap(\.self)
        let scriptsAreWell = scripts.allSatisfy { [.successful, .skipped, .notEnabled].contains($0) }
        return backup != .successfulWithErrors && scriptsAreWell ? .successful : .successfulWithErrors
    }
}

extension AlertKind {
    /// What people must be told once a job is over, judged on its last attempt only.
    ///
    /// A missing post-script is not among them: that was told at once. Processes left by a post-script (27) are a
    /// warning, which the job's status 5 says.
    ///
    /// - Parameter isRehearsal: A pre-script that fails there was meant to, or harms nobody. A post-script that fails may leave
    ///   the service down, as ever.
    package static func afterLastAttempt(
        preScript: Status?, backup: Status?, postScript: Status?, isRehearsal: Bool = false
    ) -> [AlertKind] {
        if isRehearsal {
            return afterLastAttempt(preScript: nil, backup: nil, postScript: postScript)
        }
        var alerts: [AlertKind] = []
        if let preScript, preScript.isFailure { alerts.append(.preScriptFailed) }
        if let backup, backup.isFailure { alerts.append(.backupFailed) }
        if backup == .successfulWithErrors { alerts.append(.backupWithErrors) }
        if let postScript, postScript.isFailure, postScript != .leftProcessesBehind { alerts.append(.postScriptFailed) }
        return alerts
    }
}

extension StageEnd {
    /// With 27 in place of a 0 when the script left processes that the policy does not allow. A script that failed
    /// keeps its own reason.
    func judged(by rule: ScriptPlan.LeftProcesses) -> StageEnd {
        guard status == .successful, !details.leftProcesses.isEmpty, rule != .allow else { return self }
        var judged = self
        judged.status = .leftProcessesBehind
        if judged.details.reason.isEmpty {
            judged.details.reason =
                "left \(details.leftProcesses.count) processes running"
                + (rule == .end ? ", which were ended" : ", which were kept")
        }
        return judged
    }
}
