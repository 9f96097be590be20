import BookendModel

/// Whom a subscription is answered, at most once a second each: nobody is forgotten, and nobody who subscribes again and
/// again fills the outbox.
struct SubscriptionPace {
    static let interval = Duration.seconds(1)

    /// Those of the last second.
    private var answered: [AgentID: BootTime] = [:]
    private var waiting: Set<AgentID> = []

    /// - Returns: `false`: it is answered later, once.
    mutating func mayAnswer(_ agent: AgentID, at now: BootTime) -> Bool {
        if let latest = answered[agent], now - latest < Self.interval {
            waiting.insert(agent)
            return false
        }
        answered[agent] = now
        waiting.remove(agent)
        return true
    }

    /// Those who have waited long enough. To be asked with each tick.
    mutating func due(at now: BootTime) -> [AgentID] {
        answered = answered.filter { now - $0.value < Self.interval }
        let due = waiting.filter { answered[$0] == nil }.sorted { $0.rawValue < $1.rawValue }
        waiting.subtract(due)
        for agent in due { answered[agent] = now }
        return due
    }
}
