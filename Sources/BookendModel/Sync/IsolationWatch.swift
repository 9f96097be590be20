/// Notices that an agent has not heard of its coordinator for long, once per isolation.
///
/// ```
///             unheard of for long enough
///  in touch ─────────────────────────────▶ told
///      ▲                                     │
///      └─────────────────────────────────────┘ heard
/// ```
///
/// The wall clock is asked only for the time while the agent was not running.
package struct IsolationWatch: Hashable, Sendable {
    package let patience: Duration
    private var heardAt: BootTime
    /// This isolation was told.
    package private(set) var isTold: Bool

    /// - Parameters:
    ///   - lastHeard: As the journal has it; `nil`: the agent never heard of its coordinator, and waits from now on.
    ///   - isTold: That isolation was told before the agent started again.
    package init(patience: Duration, lastHeard: UnixTime?, isTold: Bool, at now: Moment) {
        self.patience = patience
        self.isTold = isTold && lastHeard != nil
        let before = lastHeard.map { max(.zero, now.wall - $0) } ?? .zero
        heardAt = now.boot + (.zero - before)
    }

    /// - Returns: An isolation that was told is over.
    package mutating func hear(at now: BootTime) -> Bool {
        heardAt = max(heardAt, now)
        defer { isTold = false }
        return isTold
    }

    /// - Returns: It is time to tell. Once; after that only when the coordinator was heard again.
    package mutating func tick(at now: BootTime) -> Bool {
        guard !isTold, now - heardAt >= patience else { return false }
        isTold = true
        return true
    }
}
