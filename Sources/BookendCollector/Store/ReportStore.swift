package import BookendModel

/// Where reports and what they fold into are kept. Each call is one transaction, durable when it returns.
///
/// All calls throw ``CollectorError`` with code `.store`.
package protocol ReportStore: Sendable {
    /// The highest stored number of each source.
    func positions() throws(CollectorError) -> [Intake.Source: UInt64]

    /// Stores reports, folds them into their jobs, and moves the positions: all or nothing.
    ///
    /// - Parameters:
    ///   - reports: New ones only, in order, as ``Intake`` judged them.
    ///   - now: The collector's own time, from which on they are kept: an agent's clock may be wrong by years.
    /// - Returns: The same reports with their cursors, in cursor order.
    func store(_ reports: [Report], at now: UnixTime) throws(CollectorError) -> [FeedEntry]

    /// What ``RosterReply/through`` and ``RosterReply/epoch`` the latest stored roster had; 0: none.
    func rosterPosition() throws(CollectorError) -> (through: Int64, epoch: UInt64)

    /// The highest job id that a job here has; 0: there is none.
    func highestJob() throws(CollectorError) -> JobID

    /// Makes jobs of triggers that no report has told of yet, and keeps the roster's position with them.
    func store(_ roster: RosterReply) throws(CollectorError)

    /// Newest first.
    func jobs(_ filter: JobFilter) throws(CollectorError) -> [JobAggregate]

    func fleet(asOf now: UnixTime) throws(CollectorError) -> FleetSummary

    /// Stored reports behind a cursor, oldest first, and the cursor behind the newest of all.
    ///
    /// - Parameter cursor: `nil`: from the oldest that is kept.
    /// - Returns: `nil` when the cursor is older than what is kept, or not one of this store: the subscriber missed something.
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
