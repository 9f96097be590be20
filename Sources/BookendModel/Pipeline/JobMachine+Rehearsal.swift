/// What goes wrong on purpose in a rehearsal.
extension JobMachine {
    /// In all; at least 1.
    var maxAttempts: Int { facts.isRehearsal ? 1 : rules.maxAttempts }

    /// Lets the fault strike if its time has come. A job that ends already, for whatever reason, is spared.
    mutating func strikeFault(at now: Moment) {
        guard phase == .preScript, let fault = facts.fault, let due = attempt.faultDueAt, now.boot >= due else {
            return
        }
        attempt.faultDueAt = nil
        guard stopCause == nil else { return }
        attempt.hasFaultStruck = true
        note("fault-struck", "the rehearsal's fault, \(fault.kind.rawValue), strikes", at: now)
        switch fault.kind {
        case .timeout: actions.append(.endPreScript(attempt: attempt.number))
        case .kill: actions.append(.killPreScript(attempt: attempt.number))
        case .cancel:
            cancelReason = "the rehearsal canceled itself"
            actions.append(.cancelJob)
        case .expire:
            stagedWindowEnd = now.boot
            noticeWindow(at: now)
        }
    }

    /// The pre-script has ended by itself: a fault that did not strike by then strikes no more.
    mutating func noticeMissedFault(at now: Moment) {
        guard attempt.faultDueAt != nil else { return }
        attempt.faultDueAt = nil
        note("fault-missed", Self.missedFault, at: now)
    }

    /// What the report says that ends a rehearsal whose fault did not strike; else empty.
    var missedFault: String {
        guard facts.fault != nil, attempt.owesPostScript, !attempt.hasFaultStruck, stopCause == nil,
            end(of: .preScript) != .interrupted
        else { return "" }
        return Self.missedFault
    }

    private static let missedFault = "the pre-script ended before the fault struck"
}
