import BookendDaemon
import BookendFiles
import BookendModel
import Logging
import Synchronization

/// Sends what waits for one channel, one message after the other, and again until it was accepted.
///
/// A message leaves the queue only once it was accepted. When the collector dies in between it is sent again, under the same
/// key.
struct ChannelService: Sendable {
    /// How long to wait.
    struct Pace: Sendable {
        /// After a try that failed, at first.
        var first = Duration.seconds(5)
        /// …and at most, as long as the channel is down.
        var limit = Duration.seconds(300)
        /// Between two looks into an empty queue.
        var look = Duration.seconds(2)
        /// A message that nobody wants is given up after so long.
        var patience = Duration.seconds(3 * 86_400)
    }

    let door: ChannelDoor
    let store: any AlertStore
    let board: ChannelBoard
    let pace: Pace
    let clock: any DaemonClock
    let logger: Logger

    private var name: String { door.channel.name }

    /// Runs until the task is canceled.
    func run() async {
        var backoff = Backoff(first: pace.first, limit: pace.limit)
        while !Task.isCancelled {
            var pause = pace.look
            do {
                if let message = try store.outgoing(to: name, at: clock.now.wall) {
                    let isUp = try await deliver(message)
                    if isUp { backoff.reset() }
                    var random = SystemRandomNumberGenerator()
                    pause = isUp ? .zero : max(pace.first / 2, backoff.next(using: &random))
                }
            } catch is CancellationError {
                return
            } catch {
                logger.error("a channel's queue cannot be read", metadata: ["channel": "\(name)", "error": "\(error)"])
                pause = pace.limit
            }
            if pause > .zero {
                // Canceled: the loop's condition sees it.
                try? await clock.sleep(until: clock.now.boot + pause)
            }
        }
    }

    /// - Returns: The channel works.
    private func deliver(_ message: OutgoingMessage) async throws -> Bool {
        let outcome = try await door.send(message)
        let now = clock.now.wall
        switch outcome {
        case .accepted:
            try store.removeOutgoing(message.id)
            if board.note(name, deliveredAt: now) {
                logger.notice("a channel works again", metadata: ["channel": "\(name)"])
            }
            return true
        case .refused(let reason):
            note(reason, at: now)
            guard now - message.createdAt >= pace.patience || isTest(message) else {
                try store.postponeOutgoing(message.id, until: now + wait(message, upTo: OutgoingLimit.wait))
                return true
            }
            logger.error(
                "a message is given up: nobody accepts it",
                metadata: ["channel": "\(name)", "key": "\(message.key)", "reason": "\(reason)"])
            try store.removeOutgoing(message.id)
            return true
        case .failed(let reason):
            note(reason, at: now)
            try store.postponeOutgoing(message.id, until: now + wait(message, upTo: pace.limit))
            return false
        }
    }

    private func isTest(_ message: OutgoingMessage) -> Bool {
        if case .notice(let notice) = message.body { notice.occasion == .test } else { false }
    }

    /// Longer with each try.
    private func wait(_ message: OutgoingMessage, upTo limit: Duration) -> Duration {
        min(limit, pace.first * (1 << min(message.attempts, 16)))
    }

    private func note(_ reason: String, at now: UnixTime) {
        guard board.note(name, problem: reason, at: now) else { return }
        logger.warning("a channel does not work", metadata: ["channel": "\(name)", "reason": "\(reason)"])
    }
}

/// How the channels do, since the collector started.
final class ChannelBoard: Sendable {
    private struct Entry {
        var deliveredAt: UnixTime?
        var problem = ""
        var failingSince: UnixTime?
    }

    private let channels: [ChannelConfiguration]
    private let entries = Mutex<[String: Entry]>([:])

    init(_ channels: [ChannelConfiguration]) {
        self.channels = channels
    }

    /// - Returns: It did not work before.
    func note(_ channel: String, deliveredAt time: UnixTime) -> Bool {
        entries.withLock { entries in
            let failed = entries[channel]?.failingSince != nil
            entries[channel] = Entry(deliveredAt: time)
            return failed
        }
    }

    /// - Returns: It worked before.
    func note(_ channel: String, problem: String, at time: UnixTime) -> Bool {
        entries.withLock { entries in
            let worked = entries[channel]?.failingSince == nil
            entries[channel, default: Entry()].problem = NoticeText.plain(problem).cut(toBytes: 500)
            if worked { entries[channel]?.failingSince = time }
            return worked
        }
    }

    func states(_ queues: [String: OutgoingQueue]) -> [ChannelState] {
        let entries = entries.withLock(\.self)
        return channels.map { channel in
            let (entry, queue) = (entries[channel.name], queues[channel.name])
            return ChannelState(
                name: channel.name, kind: channel.kindName, waiting: queue?.waiting ?? 0, oldestAt: queue?.oldestAt,
                deliveredAt: entry?.deliveredAt, problem: entry?.problem ?? "", failingSince: entry?.failingSince)
        }.sorted { $0.name < $1.name }
    }
}
