package import BookendModel

/// Where alerts and the messages about them are kept, beside the reports that they are judged by. Each call is one
/// transaction, durable when it returns.
///
/// All calls throw ``CollectorError`` with code `.store`.
package protocol AlertStore: Sendable {
    /// What a book of alerts goes on from.
    func alertState() throws(CollectorError) -> AlertState

    /// What was stored and not yet judged, oldest first.
    ///
    /// - Returns: The place behind the last of them.
    func unjudged(limit: Int) throws(CollectorError) -> (entries: [UnjudgedEntry], through: Int64)

    /// Records what became of alerts, up to which place they were judged, and whom to tell: all or nothing.
    ///
    /// A channel has room for ``OutgoingLimit/messages``; when it is full the oldest of its messages goes.
    ///
    /// - Returns: Messages that went.
    func record(
        _ changes: AlertBook.Changes, judgedThrough: Int64, messages: [OutgoingMessage]
    ) throws(CollectorError) -> Int

    /// Newest first, with all of their subjects.
    func alerts(_ filter: AlertFilter) throws(CollectorError) -> [Alert]

    /// `nil`: there is none, or it is no longer kept.
    func alert(_ id: Int64) throws(CollectorError) -> Alert?

    /// The oldest message of a channel whose time has come. One that is to wait for longer than messages do was made to
    /// wait by a clock that was wrong: its time has come too.
    func outgoing(to channel: String, at now: UnixTime) throws(CollectorError) -> OutgoingMessage?

    /// The message was accepted, or is given up.
    func removeOutgoing(_ id: Int64) throws(CollectorError)

    /// The message was not accepted, and is tried again.
    func postponeOutgoing(_ id: Int64, until time: UnixTime) throws(CollectorError)

    /// By channel; those without a message are left out.
    func outgoingQueues() throws(CollectorError) -> [String: OutgoingQueue]

    /// Removes what waits for channels that there are no more.
    ///
    /// - Returns: How many messages.
    func keepOutgoing(to channels: Set<String>) throws(CollectorError) -> Int

    /// When a backup of each server last ended well, for every policy of which it had a job since that time.
    func backupAges(jobsSince time: UnixTime) throws(CollectorError) -> [BackupAge]

    /// Removes alerts that were resolved before, at most `limit`.
    ///
    /// - Returns: There may be more.
    func pruneAlerts(resolvedBefore time: UnixTime, limit: Int) throws(CollectorError) -> Bool
}

/// What alerts were recorded.
package struct AlertState: Hashable, Sendable {
    /// Those that are active.
    package var alerts: [Alert]
    package var silences: [AlertSilence]
    /// That any alert or silence ever had.
    package var highestID: Int64
    /// Up to which place in the feed alerts were judged.
    package var judgedThrough: Int64

    package init(alerts: [Alert], silences: [AlertSilence], highestID: Int64, judgedThrough: Int64) {
        self.alerts = alerts
        self.silences = silences
        self.highestID = highestID
        self.judgedThrough = judgedThrough
    }
}

/// Something that was stored, with what is known now of its job.
package struct UnjudgedEntry: Hashable, Sendable {
    package var body: FeedEntry.Body
    /// Only for what ends a job; `nil` too when it is no longer kept.
    package var job: JobAggregate?

    package init(body: FeedEntry.Body, job: JobAggregate? = nil) {
        self.body = body
        self.job = job
    }
}

package enum OutgoingLimit {
    /// That wait for one channel.
    package static let messages = 10_000
    /// Between two tries of one message, at most.
    package static let wait = Duration.seconds(6 * 3_600)
}

/// How old the good backups are that a policy made of a server.
package struct BackupAge: Hashable, Sendable {
    package var agent: AgentID
    package var policy: PolicyName
    /// When one last ended well; `nil`: none did.
    package var goodAt: UnixTime?
    /// The scheduled start of the first job that is kept.
    package var firstAt: UnixTime

    package init(agent: AgentID, policy: PolicyName, goodAt: UnixTime?, firstAt: UnixTime) {
        self.agent = agent
        self.policy = policy
        self.goodAt = goodAt
        self.firstAt = firstAt
    }
}
