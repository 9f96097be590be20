/// Ends a running stage from outside; one for each run.
///
/// Orders given before the start hold too. At most eight wait; more are dropped, as they could change nothing.
package final class StageHandle: Sendable {
    enum Order: Sendable {
        case end(grace: Duration)
        case interrupt(patience: Duration, grace: Duration)
    }

    let orders: AsyncStream<Order>
    private let continuation: AsyncStream<Order>.Continuation

    package init() {
        (orders, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(8))
    }

    /// SIGTERM to the whole tree, and SIGKILL after the grace.
    package func end(grace: Duration = .seconds(10)) {
        continuation.yield(.end(grace: grace))
    }

    /// SIGINT to the program, and when it has not ended after the patience, ``end(grace:)``.
    package func interrupt(patience: Duration = .seconds(30), grace: Duration = .seconds(10)) {
        continuation.yield(.interrupt(patience: patience, grace: grace))
    }
}
