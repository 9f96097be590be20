/// What a client asks of the collector.
package enum Query: Hashable, Sendable {
    /// Newest first.
    case jobs(JobFilter)
    case job(JobID)
    case fleet
    /// Stored reports behind a cursor, oldest first; `from` nil: from the oldest that is kept.
    case feed(from: Cursor?, limit: Int)
    /// The cursor behind the newest stored report.
    case feedHead
    /// Heads of the coordinator's audit log behind that sequence, in order.
    case auditAnchors(after: Int64, limit: Int)
    /// Newest first.
    case alerts(AlertFilter)
    case alert(Int64)
    case acknowledgeAlert(Int64, note: String)
    /// Those that have not ended.
    case silences
    /// Its id and whoever asks are filled in.
    case silenceAlerts(AlertSilence)
    case endSilence(Int64)
    /// Sends a message over a channel; `nil`: over all.
    case testChannels(String?)
    /// The collector's own key.
    case serverKey(ServerKeyStep)
}

/// Which jobs; every part that is set must hold.
package struct JobFilter: Hashable, Sendable {
    /// Empty: any.
    package var jobs: [JobID] = []
    package var policy: PolicyName?
    package var agent: AgentID?
    package var status: Status?
    /// Only jobs that are not at a final status.
    package var activeOnly: Bool = false
    package var since: UnixTime?
    /// Only jobs with a lower id, for the next page.
    package var before: JobID?
    /// 1–1,000.
    package var limit: Int = 100

    package init() {}
}

package enum QueryReply: Hashable, Sendable {
    case jobs([JobAggregate])
    case fleet(FleetSummary)
    case feed([FeedEntry], head: Cursor)
    case auditAnchors([AuditAnchor], isComplete: Bool)
    case alerts([AlertRecord])
    case silences([AlertSilence])
    case channels([ChannelState])
    case serverKey(ServerKeyState)
    case failed(RemoteFailure)
}

/// An alert as a query shows it.
package struct AlertRecord: Hashable, Sendable {
    /// With at most so many of its subjects as fit, those that are not mended first.
    package var alert: Alert
    /// How many subjects there are.
    package var hit: Int
    /// Those that are not mended.
    package var open: Int

    package init(alert: Alert, hit: Int, open: Int) {
        self.alert = alert
        self.hit = hit
        self.open = open
    }

    /// - Parameter limit: Subjects, at most.
    package init(_ alert: Alert, limit: Int) {
        self.init(alert: alert, hit: alert.subjects.count, open: alert.open.count)
        guard alert.subjects.count > limit else { return }
        let kept = alert.ordered.sorted { $0.mendedAt == nil && $1.mendedAt != nil }.prefix(limit)
        self.alert.subjects = Dictionary(
            kept.map { ($0.key(of: alert.cause.kind), $0) }, uniquingKeysWith: { $1 })
    }
}

/// How a way to tell people does.
package struct ChannelState: Hashable, Sendable {
    package var name: String
    /// `mail`, `webhook`, `healthchecks` or `command`.
    package var kind: String
    package var waiting: Int
    /// Since when the oldest waits.
    package var oldestAt: UnixTime?
    package var deliveredAt: UnixTime?
    /// Why the latest try failed; empty: it did not.
    package var problem: String
    /// Since when no try succeeded.
    package var failingSince: UnixTime?

    package init(
        name: String, kind: String, waiting: Int = 0, oldestAt: UnixTime? = nil, deliveredAt: UnixTime? = nil,
        problem: String = "", failingSince: UnixTime? = nil
    ) {
        self.name = name
        self.kind = kind
        self.waiting = waiting
        self.oldestAt = oldestAt
        self.deliveredAt = deliveredAt
        self.problem = problem
        self.failingSince = failingSince
    }
}
