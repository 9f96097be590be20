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
    case failed(RemoteFailure)
}
