import BookendTransport

/// What waiting for messages came to.
enum Arrivals: Sendable {
    case arrived([Delivery])
    case timedOut
    /// The connection could not be made, or is gone.
    case ended(LossReason?)
}

extension MessageSocket {
    /// The next messages; waits no longer than until the deadline.
    func arrivals(until deadline: ContinuousClock.Instant?) async -> Arrivals {
        let batch = await withTaskGroup(of: [Delivery]??.self) { group in
            group.addTask { [deliveries] in
                var iterator = deliveries.makeAsyncIterator()
                return .some(await iterator.next())
            }
            if let deadline {
                group.addTask {
                    // Canceled: the messages came first.
                    try? await Task.sleep(until: deadline, clock: .continuous)
                    return nil
                }
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        guard let batch else { return .timedOut }
        if let batch { return .arrived(batch) }
        return .ended(Task.isCancelled ? nil : await lossReason())
    }

    /// Why a socket that tries once has ended. Only then: it waits for the event.
    private func lossReason() async -> LossReason? {
        var reason: LossReason?
        for await case .lost(let cause, _) in connectionEvents {
            reason = cause
            break
        }
        return reason
    }
}
