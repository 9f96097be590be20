/// How long to wait before the next attempt to connect: full jitter below a ceiling that doubles.
///
/// Each delay is drawn evenly from zero to the ceiling of its attempt, so that a fleet that lost its server at one
/// moment does not come back at one moment.
///
///     ceiling   1 s   2 s   4 s   8 s   16 s   32 s   60 s   60 s …
package struct Backoff: Hashable, Sendable {
    /// The ceiling of the first delay.
    package let first: Duration
    /// The ceiling that no attempt passes.
    package let limit: Duration
    /// Attempts since the last ``reset()``.
    package private(set) var attempts = 0

    package init(first: Duration = .seconds(1), limit: Duration = .seconds(60)) {
        self.first = max(first, .milliseconds(1))
        self.limit = max(limit, self.first)
    }

    /// The most that the next delay can be.
    package var ceiling: Duration {
        var ceiling = first
        for _ in 0..<attempts {
            ceiling = ceiling * 2
            if ceiling >= limit { return limit }
        }
        return ceiling
    }

    /// Draws the next delay, in whole milliseconds, and counts an attempt.
    package mutating func next(using random: inout some RandomNumberGenerator) -> Duration {
        let delay = Int64.random(in: 0...max(ceiling.milliseconds, 0), using: &random)
        if ceiling < limit { attempts += 1 }
        return .milliseconds(delay)
    }

    /// Starts again from the first ceiling: the connection was up for long enough to be believed.
    package mutating func reset() {
        attempts = 0
    }
}
