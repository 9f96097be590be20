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
    /// By hand, whatever it is about.
    case resolveAlert(Int64, reason: String)
    /// Those that have not ended.
    case silences
    /// Its id and whoever asks are filled in.
    case silenceAlerts(AlertSilence)
    case endSilence(Int64)
    /// Sends a message over a channel; `nil`: over all.
    case testChannels(String?)
    /// The collector's own key.
    case serverKey(ServerKeyStep)
    /// Messages that no channel has accepted yet, those that were refused first; `nil`: of every channel.
    case messages(channel: String?)
    /// Those that were refused are tried again, and those that wait are tried now.
    case resendMessages(MessageChoice)
    /// Nobody gets them any more.
    case discardMessages(MessageChoice)
    /// Of each server and policy that had a job since, at most 10,000, the oldest first.
    case backupAges(since: UnixTime)
}

/// Messages that no channel has accepted yet.
package enum MessageChoice: Hashable, Sendable {
    /// At least one.
    case ids([Int64])
    /// All that were refused of a channel, and all of a channel that there is no more.
    case undeliverable(channel: String)
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
    /// At most 1,000, and how many there are.
    case messages([MessageRecord], total: Int)
    case backupAges([BackupAge])
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

/// A message that no channel has accepted yet, as a query shows it.
package struct MessageRecord: Hashable, Sendable {
    package var id: Int64
    package var channel: String
    package var title: String
    package var createdAt: UnixTime
    /// Tries that were begun.
    package var tries: Int
    /// Why it was refused; empty: it was not.
    package var refusal: String

    package init(id: Int64, channel: String, title: String, createdAt: UnixTime, tries: Int, refusal: String) {
        self.id = id
        self.channel = channel
        self.title = title
        self.createdAt = createdAt
        self.tries = tries
        self.refusal = refusal
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
    /// Messages that were refused, and are kept until somebody sends them again or discards them.
    package var undeliverable = 0
    /// Why the latest of them was; empty: there is none.
    package var refusal = ""

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
