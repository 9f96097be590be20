/// What came of the attempt to run an owed post-script: the stage's end, and the debt's.
package struct DebtSettlement: Hashable, Sendable {
    /// Carries a critical alert when the debt stays open.
    package var end: StageEnd
    package var debt: DebtEnd

    package init(_ outcome: ScriptOutcome, judgedBy rule: ScriptPlan.LeftProcesses) {
        end = outcome.end(judgedBy: rule)
        switch outcome {
        case .ended: debt = .paid
        case .missing:
            end.details.reason = "the pre-script ran, and there is no post-script: what it prepared stays as it is"
            end.details.alerts = [.postScriptMissing]
            debt = .unpaid(reason: end.details.reason)
        case .refused(let reason), .couldNotStart(let reason):
            end.details.alerts = [.debtUnpaid]
            debt = .unpaid(reason: reason)
        }
    }

    /// An operator decides that the post-script is not to run any more.
    package init(forgivenBy name: String, because reason: String) {
        end = StageEnd(.skipped, reason: "forgiven by \(name): \(reason)")
        debt = .forgiven
    }

    package var isSettled: Bool {
        if case .unpaid = debt { false } else { true }
    }
}
