import BookendDaemon
import BookendModel
import Logging
import Synchronization

/// Counts what was refused here, and logs it: the first of a kind at once, the others once a minute.
final class RefusalCounter: Sendable {
    private let book = Mutex(RefusalBook())
    private let clock: any DaemonClock
    private let logger: Logger

    init(clock: any DaemonClock, logger: Logger) {
        self.clock = clock
        self.logger = logger
    }

    func note(_ refusal: Refusal) {
        let now = clock.now.boot
        if let news = book.withLock({ $0.note(refusal, at: now) }) { tell([news]) }
    }

    /// Tells what was counted, until the task is canceled.
    func run() async {
        while !Task.isCancelled {
            // Canceled: the loop's condition sees it.
            try? await clock.sleep(until: clock.now.boot + .seconds(5))
            let now = clock.now.boot
            tell(book.withLock { $0.due(at: now) })
        }
        tell(book.withLock { $0.drain() })
    }

    private func tell(_ refused: [Refusal]) {
        let total = book.withLock(\.total)
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
