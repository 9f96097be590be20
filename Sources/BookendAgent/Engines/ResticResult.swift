import BookendModel

extension ResticTally {
    /// What a run of restic came to, by its end and its lines.
    func result(of outcome: StageOutcome) -> StageResult {
        var details = ReportDetails(outcome)
        details.snapshotID = snapshotID
        details.bytesAdded = bytesAdded
        details.bytesProcessed = bytesProcessed
        details.filesProcessed = filesProcessed
        details.errors = errors
        let status: Status
        switch outcome.ending {
        case .couldNotStart: return StageResult(status: .couldNotStart, details: details, didRun: false)
        case .lost: status = .killedBySignal
        // It was quicker than the order to stop: the snapshot is there, and that is the truth.
        case .exited(0): status = self.status(exitCode: 0)
        case _ where outcome.stopCause == .timeout: status = .timedOut
        case _ where outcome.stopCause != nil:
            status = .windowExpired
            details.reason = "it was stopped"
        // restic catches these and exits as a shell would say it.
        case .exited(130): status = .killedBySignal
        case .exited(143): status = .killedBySignal
        case .exited(let code): status = self.status(exitCode: code)
        case .signaled: status = .killedBySignal
        }
        if details.reason.isEmpty && status != .successful {
            details.reason = texts.last { $0.hasPrefix("Fatal") } ?? errors.first ?? texts.last ?? ""
        }
        return StageResult(status: status, details: details, didRun: true)
    }
}
