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
    /// When more than ``OutgoingLimit/messages`` wait for a channel, those that were never tried are put together, all but the
    /// newest (``OutgoingFold``).
    ///
    /// Each notice is an entry of the feed, too; whoever follows the feed finds it when he asks next.
    ///
    /// - Parameter actions: What people did for it, which is kept until the coordinator has written it into its audit log.
    /// - Returns: How many fewer messages wait since some were put together.
    func record(
        _ changes: AlertBook.Changes, judgedThrough: Int64, messages: [OutgoingMessage], actions: [CollectorAction]
    ) throws(CollectorError) -> Int

    /// Keeps what somebody did until the coordinator has written it into its audit log.
    func note(_ action: CollectorAction) throws(CollectorError)

    /// The oldest that are kept, and the number of the last of them: numbers grow one by one, also over restarts; 0: none.
    func actions(limit: Int) throws(CollectorError) -> (actions: [CollectorAction], through: Int64)

    /// The coordinator has written those up to this number.
    func forgetActions(through number: Int64) throws(CollectorError)

    /// Newest first, with all of their subjects.
    func alerts(_ filter: AlertFilter) throws(CollectorError) -> [Alert]

    /// `nil`: there is none, or it is no longer kept.
    func alert(_ id: Int64) throws(CollectorError) -> Alert?

    /// The oldest message of a channel whose time has come, and before which none of the same line waits
    /// (``OutgoingMessage/Body/line``); a test first: a try of it begins, and is counted before anybody can have got it.
    /// One that is to wait for longer than messages do was made to wait by a clock that was wrong: its time has come too.
    func takeOutgoing(to channel: String, at now: UnixTime) throws(CollectorError) -> OutgoingMessage?

    /// The message was accepted.
    func removeOutgoing(_ id: Int64) throws(CollectorError)

    /// The message was not accepted, and is tried again.
    ///
    /// - Parameters:
    ///   - time: `nil`: only when somebody asks for it.
    ///   - refusal: Why whoever is there does not want it; `nil`: nobody was there. More than ``OutgoingLimit/messages`` of a
    ///     channel that were refused are put together.
    ///   - recipients: Those who have not got it; `nil`: nobody has.
    func postponeOutgoing(
        _ id: Int64, until time: UnixTime?, refusal: String?, recipients: [String]?, at now: UnixTime
    ) throws(CollectorError)

    /// By channel; those without a message are left out.
    func outgoingQueues() throws(CollectorError) -> [String: OutgoingQueue]

    /// Those that were refused first, then the oldest first, at most `limit`; `nil`: of every channel.
    func outgoing(of channel: String?, limit: Int) throws(CollectorError) -> (messages: [OutgoingMessage], total: Int)

    /// They are tried now, as if they had never been refused.
    ///
    /// - Returns: How many there are.
    func resendOutgoing(_ choice: OutgoingChoice, at now: UnixTime) throws(CollectorError) -> Int

    /// Nobody gets them any more.
    ///
    /// - Returns: Those that went.
    func discardOutgoing(_ choice: OutgoingChoice) throws(CollectorError) -> [OutgoingMessage]

    /// Until when the daily report of a channel was made; `nil`: never.
    func reportMark(_ channel: String) throws(CollectorError) -> UnixTime?

    /// Records until when it was made, and queues it: both or nothing.
    func markReport(_ channel: String, until time: UnixTime, message: OutgoingMessage?) throws(CollectorError)

    /// What policies say of how old a good backup may be; `nil`: no coordinator told of it yet.
    func objectives() throws(CollectorError) -> PolicyObjectives?

    /// When a backup of each server last ended well, for every policy of which it had a job since that time.
    func backupAges(jobsSince time: UnixTime) throws(CollectorError) -> [BackupAge]

    /// Removes alerts that were resolved before, at most `limit`.
    ///
    /// - Returns: There may be more.
    func pruneAlerts(resolvedBefore time: UnixTime, limit: Int) throws(CollectorError) -> Bool
}

extension AlertStore {
    package func postponeOutgoing(
        _ id: Int64, until time: UnixTime?, refusal: String?, at now: UnixTime
    ) throws(CollectorError) {
        try postponeOutgoing(id, until: time, refusal: refusal, recipients: nil, at: now)
    }

    package func record(
        _ changes: AlertBook.Changes, judgedThrough: Int64, messages: [OutgoingMessage]
    ) throws(CollectorError) -> Int {
        try record(changes, judgedThrough: judgedThrough, messages: messages, actions: [])
    }
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

/// Messages that wait, or were refused.
package enum OutgoingChoice: Hashable, Sendable {
    case ids([Int64])
    case refused(channel: String)
    case all(channel: String)
}

package enum OutgoingLimit {
    /// That wait for one channel, or were refused by it. Beyond it they are put together.
    package static let messages = 2_000
    /// A message that was tried so often may itself be the reason: those of other causes need not wait for it.
    package static let stubborn = 20
    /// Between two tries of one message, at most.
    package static let wait = Duration.seconds(6 * 3_600)
}
