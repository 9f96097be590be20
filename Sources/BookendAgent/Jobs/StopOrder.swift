import Synchronization

/// An order to stop that is given at most once, and can be awaited before or after it is given.
package final class StopOrder: Sendable {
    private struct State {
        var isGiven = false
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
        var nextWaiter = 0
    }

    private let state = Mutex(State())

    package init() {}

    package var isGiven: Bool { state.withLock(\.isGiven) }

    /// Gives the order; again does no harm.
    package func give() {
        let waiters = state.withLock { state in
            state.isGiven = true
            defer { state.waiters = [:] }
            return state.waiters.values.map(\.self)
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Returns once the order is given, or the task is canceled.
    package func wait() async {
        let id = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.isGiven || Task.isCancelled { return true }
                    state.waiters[id] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            // Registered before: resumed here. Not yet registered: sees that its task is canceled.
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
        }
    }
}
