/// Which row of the pipeline's truth table an attempt went through.
package enum TruthTableRow: Hashable, Sendable, CaseIterable {
    /// Outside the table: the policy has no scripts.
    case scriptsNotEnabled
    /// Row 1.
    case preSucceeded
    /// Row 2.
    case preSucceededPostMissing
    /// Row 3.
    case preFailed
    /// Row 3 for a script that is there and never ran: a failure that leaves no debt.
    case preNeverRan
    /// Row 4.
    case preMissing

    /// `nil`: the pre-script has not ended, so no row is known yet.
    package init?(preScript: Status, postScript: Status) {
        guard preScript.isFinal, preScript != .notAvailable else { return nil }
        switch PreScriptVerdict(preScript) {
        case .notEnabled: self = .scriptsNotEnabled
        case .succeeded: self = postScript == .skipped ? .preSucceededPostMissing : .preSucceeded
        case .failed:
            let neverRan = [.refused, .couldNotStart].contains(preScript) && postScript == .skipped
            self = neverRan ? .preNeverRan : .preFailed
        case .missing: self = .preMissing
        }
    }

    /// What the row says, as one sentence that begins with its name.
    package var sentence: String {
        switch self {
        case .scriptsNotEnabled: "scripts not enabled: the backup runs between no scripts"
        case .preSucceeded: "row 1, pre-script successful: the backup runs, then the post-script"
        case .preSucceededPostMissing: "row 2, pre-script successful, post-script missing: the backup runs"
        case .preFailed:
            "row 3, pre-script failed: skip_backup_if_pre_fails decides on the backup; the post-script runs"
        case .preNeverRan:
            "row 3, pre-script failed without having run: skip_backup_if_pre_fails decides on the backup; "
                + "no post-script is owed"
        case .preMissing:
            "row 4, pre-script missing: skip_backup_if_pre_missing decides on the backup; no post-script runs"
        }
    }
}
