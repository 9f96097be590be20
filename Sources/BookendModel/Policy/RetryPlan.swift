/// Whether, and when, an attempt that failed is followed by another.
package struct RetryPlan: Hashable, Sendable {
    /// Attempts in all, the first one included; at least 1.
    package var attempts: Int
    /// Between the end of the first attempt and the start of the second.
    package var interval: Duration
    /// Each wait is so many times as long as the one before it; 1 to 10.
    package var backoff: Int
    /// No wait is longer; `nil`: no limit. Positive.
    package var longestInterval: Duration?
    /// Each wait is shorter by up to so many percent of itself, 0 to 100, so that servers that failed together do not all
    /// come again together.
    package var jitterPercent: Int
    /// Among ``allRetryable``; `nil`: all of them, and every number without a meaning.
    package var onlyAfter: [Status]?

    package init(
        attempts: Int, interval: Duration, backoff: Int = 1, longestInterval: Duration? = nil, jitterPercent: Int = 0,
        onlyAfter: [Status]? = nil
    ) {
        self.attempts = attempts
        self.interval = interval
        self.backoff = backoff
        self.longestInterval = longestInterval
        self.jitterPercent = jitterPercent
        self.onlyAfter = onlyAfter
    }

    package static let none = RetryPlan(attempts: 1, interval: .zero)

    package static let backoffs = 1...10
    package static let jitters = 0...100

    /// What another attempt may mend. Not the end of the window (22), what this server forbids (23), wrong credentials (30).
    package static let allRetryable: [Status] = [
        .failed, .timedOut, .killedBySignal, .couldNotStart, .interrupted, .notRun, .leftProcessesBehind,
        .repositoryLocked, .repositoryMissing,
    ]
}

extension RetryPlan {
    /// How long to wait after an attempt, 1 for the first: the same for the same seed.
    ///
    /// ```
    /// interval 1m, backoff 2, longest 5m    1m  2m  4m  5m  5m …
    /// with 50 percent of jitter             each between that and half of it
    /// ```
    ///
    /// - Parameter seed: The job's own, so that a new agent that takes the job up waits as the old one would have.
    package func wait(after attempt: Int, seed: UInt64) -> Duration {
        let most = min(longestInterval ?? PolicyLimits.longestDuration, PolicyLimits.longestDuration).milliseconds
        var wait = min(interval.milliseconds, most)
        for _ in 1..<max(attempt, 1) where backoff > 1 && wait < most {
            wait = min(wait * Int64(min(backoff, Self.backoffs.upperBound)), most)
        }
        guard wait > 0, jitterPercent > 0 else { return .milliseconds(max(wait, 0)) }
        // In millionths. The longest wait times a million is no overflow.
        let share = Int64(Self.mixed(seed &+ UInt64(max(attempt, 0))) % 10_001) * Int64(min(jitterPercent, 100))
        return .milliseconds(wait - wait * share / 1_000_000)
    }

    /// Whether another attempt could end better than one whose backup, and pre-script, ended so. A backup that exists is
    /// not made again.
    ///
    /// Where the pre-script forbade the backup (26), the pre-script's own status is asked as well.
    package func isWorthRetry(preScript: Status?, backup: Status) -> Bool {
        guard backup.isFailure else { return false }
        let cause = backup == .notRun && preScript == .refused ? .refused : backup
        guard ![.windowExpired, .refused, .wrongCredentials].contains(cause) else { return false }
        guard let onlyAfter else { return true }
        return onlyAfter.contains(backup) || backup == .notRun && preScript.map(onlyAfter.contains) ?? false
    }

    /// SplitMix64: neighbours come far apart.
    private static func mixed(_ seed: UInt64) -> UInt64 {
        var bits = seed &+ 0x9E37_79B9_7F4A_7C15
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }
}
