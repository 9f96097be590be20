package import BookendModel

/// What a stage came to: its status, and what a report says beside it.
package struct StageResult: Sendable {
    package var status: Status
    package var details: ReportDetails
    /// The script ran, or may have run: its post-script is owed.
    package var didRun: Bool

    package init(status: Status, details: ReportDetails = ReportDetails(), didRun: Bool) {
        self.status = status
        self.details = details
        self.didRun = didRun
    }

    package init(_ status: Status, reason: String) {
        self.init(status: status, didRun: false)
        details.reason = reason
    }
}

extension ReportDetails {
    /// What every outcome of a program says.
    init(_ outcome: StageOutcome) {
        self.init()
        duration = outcome.duration
        leftProcesses = outcome.leftProcesses
        switch outcome.ending {
        case .exited(let code): exitCode = code
        case .signaled(let number): signal = number
        case .couldNotStart(let text), .lost(let text): reason = text
        }
    }
}
