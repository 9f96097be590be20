import BookendCollector
import BookendModel
import Synchronization

/// A store whose disk can be full: reports cannot be stored then, and everything else goes on.
final class FailingStore: ReportStore {
    private let store: any ReportStore
    private let isFull = Mutex(true)
    /// One element each time that reports could not be stored.
    let failures: AsyncStream<Void>
    private let failed: AsyncStream<Void>.Continuation

    init(_ store: any ReportStore) {
        self.store = store
        (failures, failed) = AsyncStream.makeStream()
    }

    func makeRoom() { isFull.withLock { $0 = false } }

    func store(_ reports: [AcceptedReport], at now: UnixTime) throws(CollectorError) -> [FeedEntry] {
        guard !isFull.withLock({ $0 }) else {
            failed.yield()
            throw CollectorError(.store, "database or disk is full")
        }
        return try store.store(reports, at: now)
    }

    func positions() throws(CollectorError) -> [Intake.Source: Intake.Position] { try store.positions() }
    func epoch() throws(CollectorError) -> Int64 { try store.epoch() }
    func renewEpoch() throws(CollectorError) -> Int64 { try store.renewEpoch() }
    func passOverCursors() throws(CollectorError) { try store.passOverCursors() }
    func pruneStreams(
        heard: Set<Intake.Source>, now: UnixTime, unheardSince time: UnixTime
    ) throws(CollectorError) -> [Intake.Source] {
        try store.pruneStreams(heard: heard, now: now, unheardSince: time)
    }
    func anchor(_ head: AuditHead, at now: UnixTime) throws(CollectorError) -> Bool {
        try store.anchor(head, at: now)
    }
    func anchors(after sequence: Int64, limit: Int) throws(CollectorError) -> [AuditAnchor] {
        try store.anchors(after: sequence, limit: limit)
    }
    func rosterPosition() throws(CollectorError) -> (through: Int64, epoch: UInt64) { try store.rosterPosition() }
    func peers() throws(CollectorError) -> (peers: [Peer], through: Int64) { try store.peers() }
    func highestJob() throws(CollectorError) -> JobID { try store.highestJob() }
    func store(_ roster: RosterReply, at now: UnixTime) throws(CollectorError) -> [FeedEntry] {
        try store.store(roster, at: now)
    }
    func expectations(dueBefore time: UnixTime, limit: Int) throws(CollectorError) -> [TriggerRecord] {
        try store.expectations(dueBefore: time, limit: limit)
    }
    func infer(_ inferences: [Inference], at now: UnixTime) throws(CollectorError) -> [FeedEntry] {
        try store.infer(inferences, at: now)
    }
    func jobs(_ filter: JobFilter) throws(CollectorError) -> [JobAggregate] { try store.jobs(filter) }
    func fleet(asOf now: UnixTime) throws(CollectorError) -> FleetSummary { try store.fleet(asOf: now) }
    func feed(
        from cursor: FeedCursor?, limit: Int
    ) throws(CollectorError) -> (entries: [FeedEntry], head: FeedCursor)? {
        try store.feed(from: cursor, limit: limit)
    }
    func prune(reportsBefore: UnixTime, jobsBefore: UnixTime, limit: Int) throws(CollectorError) -> Bool {
        try store.prune(reportsBefore: reportsBefore, jobsBefore: jobsBefore, limit: limit)
    }
}
