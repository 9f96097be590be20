package import BookendModel

/// Where reports and what they fold into are kept. Each call is one transaction, durable when it returns.
///
/// All calls throw ``CollectorError`` with code `.store`.
package protocol ReportStore: Sendable {
    /// How far each stream is stored.
    func positions() throws(CollectorError) -> [Intake.Source: Intake.Position]

    /// Stores reports, folds them into their jobs, and moves the positions: all or nothing.
    ///
    /// - Parameters:
    ///   - reports: In order, as ``Intake`` judged them. One that the agent sent under another number before is known by
    ///     its digest: its position is moved, and that is all.
    ///   - now: The collector's own time, from which on they are kept: an agent's clock may be wrong by years.
    /// - Returns: Those that were not known, with their cursors, in cursor order.
    func store(_ reports: [AcceptedReport], at now: UnixTime) throws(CollectorError) -> [FeedEntry]

    /// Named by every cursor; a cursor of another one is a gap.
    func epoch() throws(CollectorError) -> Int64

    /// Makes every cursor that was ever given a gap: they may stand for other reports than those that are stored.
    ///
    /// - Returns: The new epoch.
    func renewEpoch() throws(CollectorError) -> Int64

    /// Numbers the cursors to come far above those that were given, by chance: an earlier state of the store, to which it may
    /// have been put back, gave others. To be called when a run begins.
    ///
    /// What was inferred is known to nobody but the store, so that no agent notices when it is lost; a subscriber that took it
    /// has a cursor then at which nothing stands, and that is a gap.
    func passOverCursors() throws(CollectorError)

    /// Forgets streams that were not heard of for long, except the one of each agent that was heard of last.
    ///
    /// - Parameters:
    ///   - heard: Streams that were heard of since the last call, also without a new report.
    ///   - now: The time from which on these count as heard.
    ///   - time: Those heard of before go.
    /// - Returns: What is forgotten.
    func pruneStreams(
        heard: Set<Intake.Source>, now: UnixTime, unheardSince time: UnixTime
    ) throws(CollectorError) -> [Intake.Source]

    /// What ``RosterReply/through`` and ``RosterReply/epoch`` the latest stored roster had; 0: none.
    func rosterPosition() throws(CollectorError) -> (through: Int64, epoch: UInt64)

    /// Peers that the coordinator told of, and the latest ``RosterReply/peersThrough``; 0: none.
    func peers() throws(CollectorError) -> (peers: [Peer], through: Int64)

    /// The highest job id that a job here has, or that is planned or ordered; 0: there is none.
    func highestJob() throws(CollectorError) -> JobID

    /// Makes jobs of triggers that no report has told of yet, keeps peers by their keys, and the roster's position with
    /// them. A key that is revoked stays revoked; a next key that gave way to another one is forgotten.
    ///
    /// Another epoch than before makes the coordinator tell all that it knows anew, page by page. Peers of which it does not
    /// tell are forgotten with the first page without a peer: until then nobody is shut out whose page has not come yet.
    /// What was planned is forgotten at once, and by itself when its id is another agent's now: whoever forgot the plan plans
    /// again. What was ordered stays, and is missed when no agent speaks of it.
    ///
    /// - Returns: Jobs that ended on the coordinator's word, and those that did not after all, with their cursors, in cursor
    ///   order; each once.
    func store(_ roster: RosterReply, at now: UnixTime) throws(CollectorError) -> [FeedEntry]

    /// Keeps a head of the coordinator's audit log, unless it is there.
    ///
    /// All heads of a day are kept, of older ones the first and the last of each hour, and for ever. One that is not above
    /// every other says that the log was changed: of those the first thousand are kept, whatever their age.
    ///
    /// - Returns: `false`: it is not above every other.
    func anchor(_ head: AuditHead, at now: UnixTime) throws(CollectorError) -> Bool

    /// Heads behind that sequence, in order.
    func anchors(after sequence: Int64, limit: Int) throws(CollectorError) -> [AuditAnchor]

    /// Triggers and slots that no agent has said a word of, and whose deadline lies before that time; the earliest deadline
    /// first. Those that the coordinator gave up (offline, conflict) or withdrew are not expected. Their windows are not
    /// known here.
    func expectations(dueBefore time: UnixTime, limit: Int) throws(CollectorError) -> [TriggerRecord]

    /// Stores what was inferred, and folds it into the jobs: all or nothing. What does not fit any more, as its agent has
    /// spoken, is passed over.
    ///
    /// - Returns: Those that were stored, with their cursors, in cursor order.
    func infer(_ inferences: [Inference], at now: UnixTime) throws(CollectorError) -> [FeedEntry]

    /// Newest first.
    func jobs(_ filter: JobFilter) throws(CollectorError) -> [JobAggregate]

    func fleet(asOf now: UnixTime) throws(CollectorError) -> FleetSummary

    /// Stored reports behind a cursor, oldest first, and the cursor behind the newest of all.
    ///
    /// - Parameter cursor: `nil`: from the oldest that is kept.
    /// - Returns: `nil` when the cursor is older than what is kept, or nothing stands there: the subscriber missed something.
    func feed(from cursor: FeedCursor?, limit: Int) throws(CollectorError) -> (entries: [FeedEntry], head: FeedCursor)?

    /// Removes what is older, at most `limit` reports and `limit` jobs; a job that never ended is no exception.
    ///
    /// - Parameters:
    ///   - reportsBefore: Reports that were stored before go, from the oldest cursor on: what is kept has no holes.
    ///   - jobsBefore: Jobs whose scheduled start lies before go.
    /// - Returns: There may be more.
    func prune(reportsBefore: UnixTime, jobsBefore: UnixTime, limit: Int) throws(CollectorError) -> Bool
}

/// The model's cursor; GRDB has one of its own.
package typealias FeedCursor = BookendModel.Cursor
