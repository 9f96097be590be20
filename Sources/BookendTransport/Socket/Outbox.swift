import Synchronization

/// Messages on their way from any thread to the one that sends them: bounded, in order.
///
/// Counts what was taken and not yet settled, so that the bound holds for what the sender has in hand as well.
final class Outbox: Sendable {
    private struct State {
        var waiting: [Message] = []
        var messages = 0
        var bytes = 0
        var isClosed = false
    }

    private let messages: Int
    private let bytes: Int
    private let state = Mutex(State())

    init(messages: Int, bytes: Int) {
        self.messages = max(messages, 1)
        self.bytes = max(bytes, 1)
    }

    /// Takes messages from the front until the bound. A message larger than the whole bound goes alone.
    ///
    /// - Returns: How many were taken; and whether the sender has to be told, because nothing waited before.
    func add(_ batch: [Message]) -> (taken: Int, isNews: Bool) {
        state.withLock { state in
            guard !state.isClosed else { return (0, false) }
            let isNews = state.waiting.isEmpty
            var taken = 0
            for message in batch {
                let size = message.byteCount
                guard state.messages < messages, state.messages == 0 || state.bytes + size <= bytes else { break }
                state.waiting.append(message)
                state.messages += 1
                state.bytes += size
                taken += 1
            }
            return (taken, isNews && taken > 0)
        }
    }

    /// Hands over all that waits; it still counts against the bound until it is settled.
    func take() -> [Message] {
        state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
    }

    /// Messages that were taken have left, or were given up.
    func settle(messages: Int, bytes: Int) {
        state.withLock { state in
            state.messages -= messages
            state.bytes -= bytes
        }
    }

    /// Forgets what waits.
    func drop() {
        state.withLock { Self.drop(&$0) }
    }

    /// Takes nothing more, and forgets what waits.
    func close() {
        state.withLock { state in
            state.isClosed = true
            Self.drop(&state)
        }
    }

    private static func drop(_ state: inout State) {
        state.messages -= state.waiting.count
        state.bytes -= state.waiting.reduce(0) { $0 + $1.byteCount }
        state.waiting = []
    }
}
