/// How long to wait before the next attempt to connect: full jitter below a ceiling that grows with the waiting.
///
/// Each delay is drawn evenly from zero to the ceiling, so that a fleet that lost its server at one moment does not come
/// back at one moment. The ceiling is the first one and all that was waited since: after an outage of two seconds nobody
/// waits for more than three, however unlucky its draws were, and after a long one nobody for more than the limit. Growing
/// with the number of attempts instead, a few small draws would lead to a long wait after a short outage.
///
///     waited     0 s   1 s   3 s   10 s   59 s   10 min
///     ceiling    1 s   2 s   4 s   11 s   60 s   60 s
package struct Backoff: Hashable, Sendable {
    /// The ceiling of the first delay.
    package let first: Duration
    /// The ceiling that no attempt passes.
    package let limit: Duration
    /// Since the last ``reset()``, in all.
    private var waited = Duration.zero

    package init(first: Duration = .seconds(1), limit: Duration = .seconds(60)) {
        self.first = max(first, .milliseconds(1))
        self.limit = max(limit, self.first)
    }

    /// The most that the next delay can be.
    package var ceiling: Duration { min(limit, first + waited) }

    /// Draws the next delay, in whole milliseconds.
    package mutating func next(using random: inout some RandomNumberGenerator) -> Duration {
        let delay = Duration.milliseconds(Int64.random(in: 0...max(ceiling.milliseconds, 0), using: &random))
        if ceiling < limit { waited += delay }
        return delay
    }

    /// Starts again from the first ceiling: the connection was up for long enough to be believed.
    package mutating func reset() {
        waited = .zero
    }
}
