/// How many hellos are answered at once, so that a fleet which comes back at one moment does not stop its coordinator.
///
/// Up to a second's worth is answered at once. Who comes when that is used up is told when to come back: each one a little
/// later than the one before.
package struct HelloBudget: Hashable, Sendable {
    /// In thousandths of a hello.
    private var credit: Int64?
    private var filledAt = BootTime(milliseconds: 0)
    /// Agents that were told to come back and have not.
    private var waiting: Int64 = 0

    package init() {}

    /// - Returns: `nil`: answer it. Otherwise when to come back.
    package mutating func take(perSecond: Int, at now: BootTime) -> Duration? {
        let rate = Int64(max(1, perSecond))
        let full = rate * 1_000
        let earned = max(0, min((now - filledAt).milliseconds, 1_000)) * rate
        let available = min(full, (credit ?? full) + earned)
        filledAt = now
        guard available >= 1_000 else {
            credit = available
            waiting += 1
            return .milliseconds(1_000 + waiting * 1_000 / rate)
        }
        credit = available - 1_000
        waiting = max(0, waiting - 1)
        return nil
    }
}
