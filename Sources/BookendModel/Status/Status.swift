/// The integer that a stage, or a job, is in.
///
/// One table for the pre-script, the backup, the post-script and the job. Numbers are frozen: they never change meaning
/// and are never reused. A number that is not in the table is kept as it came, is shown as `unknown(N)`, and counts as
/// a failure.
package struct Status: RawRepresentable, Hashable, Sendable {
    package let rawValue: Int32

    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    private init(_ rawValue: Int32) {
        self.rawValue = rawValue
    }
}

// MARK: - The table

extension Status {
    // Outcomes
    package static let successful = Status(0)
    package static let failed = Status(1)
    package static let skipped = Status(2)
    package static let notEnabled = Status(3)
    /// N/A: a stage that never reported. Shown, never reported.
    package static let notAvailable = Status(4)
    package static let successfulWithErrors = Status(5)
    package static let canceled = Status(6)

    // In progress
    package static let queued = Status(10)
    package static let running = Status(11)
    package static let waitingForRetry = Status(12)
    package static let canceling = Status(13)

    // Failed, because
    package static let timedOut = Status(20)
    package static let killedBySignal = Status(21)
    package static let windowExpired = Status(22)
    /// Unsafe script, or not permitted by this server's own configuration.
    package static let refused = Status(23)
    package static let couldNotStart = Status(24)
    /// The agent died.
    package static let interrupted = Status(25)
    /// An earlier stage forbade it.
    package static let notRun = Status(26)
    package static let leftProcessesBehind = Status(27)
    package static let repositoryLocked = Status(28)
    package static let repositoryMissing = Status(29)
    package static let wrongCredentials = Status(30)
    package static let agentOffline = Status(31)

    // Inferred by the collector; provisional, corrected by the agent's own report
    package static let agentLost = Status(40)
    /// Never started in its window.
    package static let missed = Status(41)

    /// Every number that has a meaning, in ascending order, with its name.
    package static let table: [(status: Status, name: String)] = [
        (.successful, "successful"), (.failed, "failed"), (.skipped, "skipped"), (.notEnabled, "not-enabled"),
        (.notAvailable, "not-available"), (.successfulWithErrors, "successful-with-errors"), (.canceled, "canceled"),
        (.queued, "queued"), (.running, "running"), (.waitingForRetry, "waiting-for-retry"), (.canceling, "canceling"),
        (.timedOut, "timed-out"), (.killedBySignal, "killed-by-signal"), (.windowExpired, "window-expired"),
        (.refused, "refused"), (.couldNotStart, "could-not-start"), (.interrupted, "interrupted"),
        (.notRun, "not-run"), (.leftProcessesBehind, "left-processes-behind"),
        (.repositoryLocked, "repository-locked"), (.repositoryMissing, "repository-missing"),
        (.wrongCredentials, "wrong-credentials"), (.agentOffline, "agent-offline"),
        (.agentLost, "agent-lost"), (.missed, "missed"),
    ]

    private static let names = Dictionary(uniqueKeysWithValues: table.map { ($0.status, $0.name) })
}

// MARK: - Reading a status

extension Status {
    package enum Family: Hashable, Sendable {
        case outcome, inProgress, failedBecause, inferred, unknown
    }

    /// The family by range; `unknown` for a number without a meaning, also inside a family's range.
    package var family: Family {
        guard Status.names[self] != nil else { return .unknown }
        switch rawValue {
        case 0...9: return .outcome
        case 10...19: return .inProgress
        case 20...39: return .failedBecause
        default: return .inferred
        }
    }

    /// The name in the table, or `unknown(N)`.
    package var name: String {
        Status.names[self] ?? "unknown(\(rawValue))"
    }

    /// Nothing more will come: an outcome, or a failure that happened. An unknown number is final, because it counts as
    /// a failure. What the collector inferred is never final.
    package var isFinal: Bool {
        switch family {
        case .outcome, .failedBecause, .unknown: true
        case .inProgress, .inferred: false
        }
    }

    /// A final status that is neither a success, nor a skip, nor a cancellation.
    package var isFailure: Bool {
        switch family {
        case .outcome: self == .failed
        case .failedBecause, .inferred, .unknown: true
        case .inProgress: false
        }
    }

    /// The backup exists: ``successful`` or ``successfulWithErrors``.
    package var isSuccess: Bool {
        self == .successful || self == .successfulWithErrors
    }
}

extension Status: CustomStringConvertible {
    /// Number and name, as people see it: `20 timed-out`.
    package var description: String {
        "\(rawValue) \(name)"
    }
}
