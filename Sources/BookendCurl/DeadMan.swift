package import Logging

/// Tells an address outside, again and again, that this daemon works. What no longer comes there, somebody notices: also
/// when the daemon, its machine or its network is gone.
package struct DeadMan: Sendable {
    /// How long one request may take; never longer than the interval.
    package static let patience = Duration.seconds(10)

    private let interval: Duration
    private let clock: any Clock<Duration>
    private let tell: @Sendable () async throws -> Void
    private let logger: Logger

    /// - Parameters:
    ///   - url: http or https; it may hold a secret, and is never logged.
    ///   - interval: From one request to the next.
    package init(url: String, every interval: Duration, userAgent: String, logger: Logger) {
        self.init(every: interval, clock: ContinuousClock(), logger: logger) {
            try await HTTPRequest.get(url, patience: min(interval, Self.patience), userAgent: userAgent)
        }
    }

    /// - Parameter tell: Sends one sign of life.
    package init(
        every interval: Duration, clock: any Clock<Duration>, logger: Logger,
        tell: @escaping @Sendable () async throws -> Void
    ) {
        self.interval = interval
        self.clock = clock
        self.tell = tell
        self.logger = logger
    }

    /// Sends signs of life until the task is canceled.
    ///
    /// - Parameter check: Throws, with the reason, when the daemon does not do its work: no sign of life is sent then.
    package func run(while check: @Sendable () async throws -> Void) async {
        var problem: String?
        do {
            while true {
                let found = try await signal(check)
                // Each change is said once: a web server that is away for a night fills no log.
                if let found, problem == nil {
                    logger.warning("no sign of life to the dead-man address", metadata: ["reason": "\(found)"])
                } else if found == nil, problem != nil {
                    logger.notice("signs of life reach the dead-man address again")
                }
                problem = found
                try await clock.sleep(for: interval)
            }
        } catch {
            // Canceled: the daemon stops.
        }
    }

    /// - Returns: Why there was no sign of life; `nil`: there was one.
    /// - Throws: `CancellationError`.
    private func signal(_ check: @Sendable () async throws -> Void) async throws -> String? {
        do {
            try await check()
            try await tell()
            return nil
        } catch let error as CancellationError {
            throw error
        } catch {
            return "\(error)"
        }
    }
}
