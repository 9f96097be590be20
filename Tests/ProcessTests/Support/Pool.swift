import Synchronization

/// Things of which each is used by one at a time.
final class Pool<Item: Sendable>: Sendable {
    private struct State {
        var free: [Item]
        var waiters: [CheckedContinuation<Item, Never>] = []
    }

    private let state: Mutex<State>

    init(_ items: [Item]) {
        state = Mutex(State(free: items))
    }

    /// Runs the body with an item that nobody else uses; waits for one.
    func with<Value>(_ body: (Item) async throws -> Value) async rethrows -> Value {
        let item = await take()
        defer { give(item) }
        return try await body(item)
    }

    private func take() async -> Item {
        await withCheckedContinuation { continuation in
            let item: Item? = state.withLock { state in
                if !state.free.isEmpty { return state.free.removeFirst() }
                state.waiters.append(continuation)
                return nil
            }
            if let item { continuation.resume(returning: item) }
        }
    }

    private func give(_ item: Item) {
        let waiter: CheckedContinuation<Item, Never>? = state.withLock { state in
            if !state.waiters.isEmpty { return state.waiters.removeFirst() }
            state.free.append(item)
            return nil
        }
        waiter?.resume(returning: item)
    }
}
