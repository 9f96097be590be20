/// Many messages as one, for a channel that was down for so long that too many waited: what became of each cause.
///
/// As long as there are causes, however many messages go into it.
package struct AlertDigest: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package var cause: AlertCause
        /// The alerts' ids, from the first to the last.
        package var alerts: ClosedRange<Int64>
        package var messages: Int
        package var firstAt: UnixTime
        package var lastAt: UnixTime
        /// Of the last message.
        package var occasion: AlertNotice.Occasion
        /// How many agents the last message told of.
        package var agents: Int

        package init(
            cause: AlertCause, alerts: ClosedRange<Int64>, messages: Int, firstAt: UnixTime, lastAt: UnixTime,
            occasion: AlertNotice.Occasion, agents: Int
        ) {
            self.cause = cause
            self.alerts = alerts
            self.messages = messages
            self.firstAt = firstAt
            self.lastAt = lastAt
            self.occasion = occasion
            self.agents = agents
        }

        package var isOver: Bool { occasion == .resolved }
    }

    /// In the order in which the causes first came.
    package var entries: [Entry] = []
    /// Daily reports among the messages: only that there were so many.
    package var reports = 0
    /// Of the last message.
    package var at = UnixTime(milliseconds: 0)

    package init() {}

    package var messages: Int { entries.reduce(reports) { $0 + $1.messages } }

    /// The gravest of what is not over, or else of all; `nil`: there are only reports.
    package var severity: AlertSeverity? {
        let open = entries.filter { !$0.isOver }
        return (open.isEmpty ? entries : open).map(\.cause.kind.severity).max()
    }

    package mutating func add(_ notice: AlertNotice) {
        let alert = notice.alert
        let hit = notice.occasion == .resolved ? Array(alert.subjects.values) : alert.open
        add(
            Entry(
                cause: alert.cause, alerts: alert.id...alert.id, messages: 1, firstAt: notice.at, lastAt: notice.at,
                occasion: notice.occasion, agents: Set(hit.map(\.agent)).count))
    }

    /// What is in another one, which is later.
    package mutating func add(_ digest: AlertDigest) {
        for entry in digest.entries { add(entry) }
        reports += digest.reports
        at = max(at, digest.at)
    }

    package mutating func addReport(at time: UnixTime) {
        reports += 1
        at = max(at, time)
    }

    private mutating func add(_ entry: Entry) {
        at = max(at, entry.lastAt)
        guard let place = entries.firstIndex(where: { $0.cause == entry.cause }) else {
            entries.append(entry)
            return
        }
        let known = entries[place]
        entries[place].alerts =
            min(
                known.alerts.lowerBound, entry.alerts.lowerBound)...max(
                known.alerts.upperBound, entry.alerts.upperBound)
        entries[place].messages += entry.messages
        (entries[place].lastAt, entries[place].occasion) = (entry.lastAt, entry.occasion)
        entries[place].agents = entry.agents
    }
}

/// A page of text that somebody gets, such as the daily report.
package struct ReportLetter: Hashable, Sendable {
    /// One line.
    package var title: String
    package var lines: [String]
    package var at: UnixTime

    package init(title: String, lines: [String], at: UnixTime) {
        self.title = title
        self.lines = lines
        self.at = at
    }
}
