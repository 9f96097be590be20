import BookendDaemon
import BookendModel
import Logging
import Synchronization

/// Counts what was refused here, and logs it: the first of a kind at once, the others once a minute. What was logged waits
/// for the coordinator, which writes the audit log.
final class RefusalCounter: Sendable {
    private struct Waiting {
        var refusals: [Refusal] = []
        /// Of the last one. It begins with the time, so that it grows over restarts.
        var through: Int64
    }

    /// Refusals that wait for the coordinator, at most; then the oldest go, and only the log has them.
    private static let limit = 100

    private let book = Mutex(RefusalBook())
    /// Those without a key that is admitted. Few addresses at once: who has many of them fills no log.
    private let strangers = Mutex(RefusalBook(limit: 20))
    private let waiting: Mutex<Waiting>
    private let clock: any DaemonClock
    private let logger: Logger

    init(clock: any DaemonClock, logger: Logger) {
        self.clock = clock
        self.logger = logger
        waiting = Mutex(Waiting(through: max(0, clock.now.wall.milliseconds) << 16))
    }

    /// What the coordinator has not taken yet, and the number of the last one.
    var untold: (refusals: [Refusal], through: Int64) { waiting.withLock { ($0.refusals, $0.through) } }

    /// The coordinator has those up to this number.
    func taken(through number: Int64) {
        waiting.withLock { waiting in
            let rest = waiting.through - number
            guard rest >= 0, rest < waiting.refusals.count else { return }
            waiting.refusals = Array(waiting.refusals.suffix(Int(rest)))
        }
    }

    func note(_ refusal: Refusal) {
        let now = clock.now.boot
        let news =
            refusal.isStranger
            ? strangers.withLock { $0.note(refusal, at: now) } : book.withLock { $0.note(refusal, at: now) }
        if let news { tell([news]) }
    }

    /// Tells what was counted, until the task is canceled.
    func run() async {
        while !Task.isCancelled {
            // Canceled: the loop's condition sees it.
            try? await clock.sleep(until: clock.now.boot + .seconds(5))
            let now = clock.now.boot
            tell(book.withLock { $0.due(at: now) } + strangers.withLock { $0.due(at: now) })
        }
        tell(book.withLock { $0.drain() } + strangers.withLock { $0.drain() })
    }

    private func tell(_ refused: [Refusal]) {
        let total = book.withLock(\.total) + strangers.withLock(\.total)
        waiting.withLock { waiting in
            waiting.refusals = (waiting.refusals + refused).suffix(Self.limit)
            waiting.through += Int64(refused.count)
        }
        for refusal in refused {
            logger.warning(
                "something was refused",
                metadata: [
                    "who": "\(refusal.who)", "from": "\(refusal.origin)", "what": "\(refusal.what)",
                    "target": "\(refusal.target)", "times": "\(refusal.count)", "reason": "\(refusal.reason)",
                    "refused": "\(total)",
                ])
        }
    }
}
