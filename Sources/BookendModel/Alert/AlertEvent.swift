/// What people were told of an alert, in the feed: whether or not a channel took it.
package struct AlertEvent: Hashable, Sendable {
    /// Agents that are named, at most.
    package static let limit = 20

    package var id: Int64
    package var cause: AlertCause
    package var occasion: AlertNotice.Occasion
    package var at: UnixTime
    package var hit: Int
    package var open: Int
    /// Some of those that it is about, in order.
    package var agents: [AgentID]
    /// Of the first of them.
    package var reason: String

    package init(
        id: Int64, cause: AlertCause, occasion: AlertNotice.Occasion, at: UnixTime, hit: Int, open: Int,
        agents: [AgentID], reason: String
    ) {
        self.id = id
        self.cause = cause
        self.occasion = occasion
        self.at = at
        self.hit = hit
        self.open = open
        self.agents = agents
        self.reason = reason
    }

    package init(_ notice: AlertNotice) {
        let alert = notice.alert
        let news = notice.news.compactMap { alert.subjects[$0] }
        let open = alert.ordered.filter { $0.mendedAt == nil }
        let about =
            switch notice.occasion {
            case .resolved: alert.ordered
            case .reminder: open
            case .raised, .grown, .test: news.isEmpty ? open : news
            }
        self.init(
            id: alert.id, cause: alert.cause, occasion: notice.occasion, at: notice.at, hit: alert.subjects.count,
            open: open.count, agents: about.prefix(Self.limit).map(\.agent), reason: about.first?.reason ?? "")
    }
}
