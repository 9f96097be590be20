import BookendDaemon
import BookendFiles
import BookendModel
import Logging
import Synchronization

/// Sends what waits for one channel, one message after the other, and again until it was accepted.
///
/// A message leaves the queue only once it was accepted, or when an operator discards it. When the collector dies in between
/// it is sent again, under the same key. One that was refused stands in nobody's way, and is shown until somebody sees to it.
struct ChannelService: Sendable {
    /// How long to wait.
    struct Pace: Sendable {
        /// After a try that failed, at first.
        var first = Duration.seconds(5)
        /// …and at most, as long as the channel is down.
        var limit = Duration.seconds(300)
        /// Between two looks into an empty queue.
        var look = Duration.seconds(2)
        /// A message that failed so often steps aside now and then, for those of other causes.
        var stubborn = OutgoingLimit.stubborn
        /// A message that was refused is tried again by itself for so long, and then only when somebody asks for it.
        var patience = Duration.seconds(3 * 86_400)
    }

    let name: String
    let door: any ChannelSending
    let store: any AlertStore
    let board: ChannelBoard
    let pace: Pace
    let clock: any DaemonClock
    let logger: Logger

    /// Runs until the task is canceled.
    func run() async {
        var backoff = Backoff(first: pace.first, limit: pace.limit)
        while !Task.isCancelled {
            var pause = pace.look
            let asks = board.asks(name)
            do {
                if let message = try store.takeOutgoing(to: name, at: clock.now.wall) {
                    let isUp = try await deliver(message, asks)
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
            let end = clock.now.boot + pause
            while pause > .zero, clock.now.boot < end, !Task.isCancelled {
                if board.asks(name) != asks {
                    backoff.reset()
                    break
                }
                // Canceled: the loop's condition sees it.
                try? await clock.sleep(until: min(end, clock.now.boot + pace.look))
            }
        }
    }

    /// - Returns: The channel works.
    private func deliver(_ message: OutgoingMessage, _ asks: Int) async throws -> Bool {
        let outcome = try await door.send(message)
        let now = clock.now.wall
        switch outcome {
        case .accepted:
            try store.removeOutgoing(message.id)
            noteDelivered(at: now)
            return true
        case .refused(let reason):
            try keep(message, reason, left: message.recipients, asks, at: now)
            return true
        case .partly(let left, let reason):
            noteDelivered(at: now)
            try keep(message, reason, left: left, asks, at: now)
            return true
        case .failed(let reason):
            note(reason, asks, at: now)
            // The channel's own pause counts: a message that waited by itself would be passed by those that came later.
            let until =
                switch message.attempts {
                case _ where message.refusal != nil: now + wait(message, upTo: OutgoingLimit.wait)
                case pace.stubborn...: now + pace.limit
                default: message.nextAt
                }
            try store.postponeOutgoing(
                message.id, until: until, refusal: nil, recipients: message.recipients, at: now)
            return false
        }
    }

    /// A message that was refused, by all of its recipients or by those who are left.
    private func keep(
        _ message: OutgoingMessage, _ reason: String, left: [String]?, _ asks: Int, at now: UnixTime
    ) throws(CollectorError) {
        guard !isTest(message) else {
            note(reason, asks, at: now)
            return try store.removeOutgoing(message.id)
        }
        let text = NoticeText.plain(reason).cut(toBytes: 500)
        let isTriedAgain = now - (message.refusedAt ?? now) < pace.patience
        try store.postponeOutgoing(
            message.id, until: isTriedAgain ? now + wait(message, upTo: OutgoingLimit.wait) : nil,
            refusal: text.isEmpty ? "refused" : text, recipients: left, at: now)
        if message.refusal == nil || !isTriedAgain {
            logger.error(
                isTriedAgain
                    ? "a message was refused; it is tried again, and kept until somebody discards it"
                    : "a message was refused again and again: send it again, or discard it, with bookend alerts",
                metadata: [
                    "channel": "\(name)", "message": "\(message.id)", "key": "\(message.key)", "reason": "\(text)",
                ])
        }
    }

    private func noteDelivered(at now: UnixTime) {
        guard board.note(name, deliveredAt: now) else { return }
        logger.notice("a channel works again", metadata: ["channel": "\(name)"])
    }

    private func isTest(_ message: OutgoingMessage) -> Bool {
        if case .notice(let notice) = message.body { notice.occasion == .test } else { false }
    }

    /// Longer with each try.
    private func wait(_ message: OutgoingMessage, upTo limit: Duration) -> Duration {
        min(limit, pace.first * (1 << min(max(0, message.attempts - 1), 16)))
    }

    private func note(_ reason: String, _ asks: Int, at now: UnixTime) {
        guard board.note(name, problem: reason, since: asks, at: now) else { return }
        logger.warning("a channel does not work", metadata: ["channel": "\(name)", "reason": "\(reason)"])
    }
}

/// How the channels do, since the collector started.
final class ChannelBoard: Sendable {
    private struct Entry {
        var deliveredAt: UnixTime?
        var problem = ""
        var failingSince: UnixTime?
        /// How often somebody asked whether the channel works.
        var asks = 0
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
            entries[channel] = Entry(deliveredAt: time, asks: entries[channel]?.asks ?? 0)
            return failed
        }
    }

    /// Somebody wants to know whether the channel works: it is tried at once, and what was wrong before says nothing.
    func ask(_ channel: String) {
        entries.withLock { entries in
            entries[channel, default: Entry()].asks += 1
            entries[channel]?.problem = ""
        }
    }

    func asks(_ channel: String) -> Int { entries.withLock { $0[channel]?.asks ?? 0 } }

    /// - Parameter asks: As they were when the try began: an older one answers nobody who asked since.
    /// - Returns: It worked before.
    func note(_ channel: String, problem: String, since asks: Int, at time: UnixTime) -> Bool {
        entries.withLock { entries in
            let worked = entries[channel]?.failingSince == nil
            var entry = entries[channel] ?? Entry()
            if entry.asks == asks { entry.problem = NoticeText.plain(problem).cut(toBytes: 500) }
            if worked { entry.failingSince = time }
            entries[channel] = entry
            return worked
        }
    }

    /// Channels that are configured, and those that are no longer and still have messages.
    func states(_ queues: [String: OutgoingQueue]) -> [ChannelState] {
        let entries = entries.withLock(\.self)
        let gone = Set(queues.keys).subtracting(channels.map(\.name))
        let all = channels.map { ($0.name, $0.kindName) } + gone.map { ($0, "gone") }
        return all.map { name, kind in
            let (entry, queue) = (entries[name], queues[name])
            var state = ChannelState(
                name: name, kind: kind, waiting: queue?.waiting ?? 0, oldestAt: queue?.oldestAt,
                deliveredAt: entry?.deliveredAt, problem: entry?.problem ?? "", failingSince: entry?.failingSince)
            (state.undeliverable, state.refusal) = (queue?.refused ?? 0, queue?.refusal ?? "")
            if gone.contains(name) {
                state.undeliverable += state.waiting
                state.waiting = 0
                state.refusal = "collector.yaml has no channel '\(name)' any more"
            }
            return state
        }.sorted { $0.name < $1.name }
    }

    func isConfigured(_ channel: String) -> Bool { channels.contains { $0.name == channel } }
}
