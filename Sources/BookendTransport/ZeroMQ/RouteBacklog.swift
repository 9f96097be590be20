/// A router's messages for peers whose queues are full for the moment.
///
/// A burst of answers is faster than the library sends them, and that is no reason to lose one. One slow peer must not
/// hold up the others, either: each waits for itself, in order, and for a bounded time.
struct RouteBacklog {
    /// A peer that takes nothing for so long is as good as gone.
    private static let patience: Duration = .seconds(5)
    /// How long until the next look: libzmq does not say when one peer of a router has room again.
    static let pause: Duration = .milliseconds(2)

    private struct Waiting {
        var messages: ArraySlice<Message>
        var since: ContinuousClock.Instant
    }

    private let limit: Int
    private var routes: [Route: Waiting] = [:]

    /// - Parameter limit: So many messages may wait for one peer.
    init(limit: Int) {
        self.limit = limit
    }

    var isEmpty: Bool { routes.isEmpty }

    func holds(_ route: Route) -> Bool {
        routes[route] != nil
    }

    /// False: too much waits there already.
    mutating func add(_ message: Message, to route: Route, at now: ContinuousClock.Instant) -> Bool {
        var waiting = routes.removeValue(forKey: route) ?? Waiting(messages: [], since: now)
        let hasRoom = waiting.messages.count < limit
        if hasRoom { waiting.messages.append(message) }
        routes[route] = waiting
        return hasRoom
    }

    /// Tries all that waits, each peer until it is full again. Calls `left` for each message that is sent or given up.
    mutating func retry(
        at now: ContinuousClock.Instant, send: (Message) -> RawSocket.SendResult,
        left: (Message, _ isSent: Bool) -> Void
    ) {
        for (route, var waiting) in routes {
            while let message = waiting.messages.first {
                let result = send(message)
                if result == .full && now - waiting.since < Self.patience { break }
                if result == .sent { waiting.since = now }
                left(message, result == .sent)
                waiting.messages = waiting.messages.dropFirst()
            }
            routes[route] = waiting.messages.isEmpty ? nil : waiting
        }
    }
}
