import Synchronization

/// Ends a running stage from outside; one for each stage, whose programs run one after another.
///
/// Orders given before the start hold too, for every program of the stage. At most eight wait; more are dropped, as they could change nothing.
package final class StageHandle: Sendable {
    enum Order: Sendable {
        case end(grace: Duration)
        case interrupt(patience: Duration, grace: Duration)
        case kill
    }

    private let state = Mutex((given: [Order](), listener: AsyncStream<Order>.Continuation?.none))

    package init() {}

    /// All orders so far and to come; a new listener takes the place of the one before.
    func listen() -> AsyncStream<Order> {
        let (orders, continuation) = AsyncStream<Order>.makeStream(bufferingPolicy: .bufferingOldest(8))
        state.withLock { state in
            for order in state.given { continuation.yield(order) }
            state.listener = continuation
        }
        return orders
    }

    private func give(_ order: Order) {
        state.withLock { state in
            guard state.given.count < 8 else { return }
            state.given.append(order)
            state.listener?.yield(order)
        }
    }

    /// SIGTERM to the whole tree, and SIGKILL after the grace.
    package func end(grace: Duration = .seconds(10)) {
        give(.end(grace: grace))
    }

    /// SIGKILL to the program itself, as if from outside.
    package func kill() {
        give(.kill)
    }

    /// SIGINT to the program, and when it has not ended after the patience, ``end(grace:)``.
    package func interrupt(patience: Duration = .seconds(30), grace: Duration = .seconds(10)) {
        give(.interrupt(patience: patience, grace: grace))
    }
}
