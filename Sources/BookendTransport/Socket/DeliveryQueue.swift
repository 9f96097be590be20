import Synchronization

/// What arrived at one socket and waits for its consumer: bounded, in batches.
///
/// The producer asks for room before it reads from its peers, and reads no more when there is none; it is told when the
/// consumer took everything. Never holds more than the bound, in messages; in bytes one message more.
final class DeliveryQueue: Sendable {
    private struct State {
        var waiting: [Delivery] = []
        var bytes = 0
        var consumer: CheckedContinuation<[Delivery]?, Never>?
        var isFinished = false
        /// The producer was told that there is no room, and wants to hear of it when there is.
        var isProducerStalled = false
    }

    private let messages: Int
    private let bytes: Int
    private let state = Mutex(State())
    /// Called, outside the lock, when a stalled producer can go on.
    private let onRoom: @Sendable () -> Void

    init(messages: Int, bytes: Int, onRoom: @escaping @Sendable () -> Void) {
        self.messages = max(messages, 1)
        self.bytes = max(bytes, 1)
        self.onRoom = onRoom
    }

    /// How much more may be pushed; zero in either stalls the producer until the consumer took everything.
    func room() -> (messages: Int, bytes: Int) {
        state.withLock { state in
            let room = (max(messages - state.waiting.count, 0), max(bytes - state.bytes, 0))
            if state.isFinished { return (0, 0) }
            if room.0 == 0 || room.1 == 0 {
                state.isProducerStalled = true
                return (0, 0)
            }
            return room
        }
    }

    func push(_ batch: [Delivery]) {
        guard !batch.isEmpty else { return }
        let size = batch.reduce(0) { $0 + $1.byteCount }
        let consumer = state.withLock { state -> CheckedContinuation<[Delivery]?, Never>? in
            if state.isFinished { return nil }
            if let consumer = state.consumer {
                state.consumer = nil
                return consumer
            }
            state.waiting.append(contentsOf: batch)
            state.bytes += size
            return nil
        }
        consumer?.resume(returning: batch)
    }

    /// Pushes unless there is no room. For events that nothing can hold back.
    func offer(_ delivery: Delivery) -> Bool {
        let hasRoom = state.withLock { !$0.isFinished && $0.waiting.count < messages && $0.bytes < bytes }
        if hasRoom { push([delivery]) }
        return hasRoom
    }

    /// What waits can still be taken; then the sequence ends.
    func finish() {
        let consumer = state.withLock { state in
            state.isFinished = true
            defer { state.consumer = nil }
            return state.consumer
        }
        consumer?.resume(returning: nil)
    }

    /// All that waits, at least one; `nil` at the end, and when the task was canceled.
    func take() async -> [Delivery]? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                var isRoomNews = false
                let immediate = state.withLock { state -> [Delivery]?? in
                    if !state.waiting.isEmpty {
                        isRoomNews = state.isProducerStalled
                        state.isProducerStalled = false
                        state.bytes = 0
                        defer { state.waiting = [] }
                        return .some(state.waiting)
                    }
                    if state.isFinished || Task.isCancelled { return .some(nil) }
                    precondition(state.consumer == nil, "a socket's deliveries have one consumer at a time")
                    state.consumer = continuation
                    return nil
                }
                if isRoomNews { onRoom() }
                if let immediate { continuation.resume(returning: immediate) }
            }
        } onCancel: {
            let consumer = state.withLock { state in
                defer { state.consumer = nil }
                return state.consumer
            }
            consumer?.resume(returning: nil)
        }
    }
}

/// What arrives at a socket, in batches of at least one.
package struct Deliveries: AsyncSequence, Sendable {
    package typealias Element = [Delivery]
    package typealias Failure = Never

    let queue: DeliveryQueue

    package func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(queue: queue)
    }

    package struct AsyncIterator: AsyncIteratorProtocol {
        let queue: DeliveryQueue

        package mutating func next() async -> [Delivery]? {
            await queue.take()
        }

        package mutating func next(isolation actor: isolated (any Actor)?) async -> [Delivery]? {
            await queue.take()
        }
    }
}
