import BookendCollector
import BookendModel

/// The collector's store as one life of the collector sees it.
struct SimulatedReportStore: ReportStore {
    let transactions: Transactions
    let store: InMemoryReportStore

    private func write<T>(_ what: String, _ body: () throws(CollectorError) -> T) throws(CollectorError) -> T {
        try transactions.write("collector: " + what, { CollectorError(.store, $0) }, body)
    }

    private func read<T>(_ body: () throws(CollectorError) -> T) throws(CollectorError) -> T {
        try transactions.read({ CollectorError(.store, $0) }, body)
    }

    func positions() throws(CollectorError) -> [Intake.Source: Intake.Position] {
        try read { () throws(CollectorError) in store.positions() }
    }

    func store(_ reports: [AcceptedReport], at now: UnixTime) throws(CollectorError) -> [FeedEntry] {
        try write("reports") { () throws(CollectorError) in store.store(reports, at: now) }
    }

    func epoch() throws(CollectorError) -> Int64 {
        try read { () throws(CollectorError) in store.epoch() }
    }

    func renewEpoch() throws(CollectorError) -> Int64 {
        try write("epoch") { () throws(CollectorError) in store.renewEpoch() }
    }

    func passOverCursors() throws(CollectorError) {
        try write("run") { () throws(CollectorError) in store.passOverCursors() }
    }

    func pruneStreams(
        heard: Set<Intake.Source>, now: UnixTime, unheardSince time: UnixTime
    ) throws(CollectorError) -> [Intake.Source] {
        try write("streams") { () throws(CollectorError) in
            store.pruneStreams(heard: heard, now: now, unheardSince: time)
        }
    }

    func expectations(dueBefore time: UnixTime, limit: Int) throws(CollectorError) -> [TriggerRecord] {
        try read { () throws(CollectorError) in store.expectations(dueBefore: time, limit: limit) }
    }

    func anchor(_ head: AuditHead, at now: UnixTime) throws(CollectorError) -> Bool {
        try write("anchor") { () throws(CollectorError) in store.anchor(head, at: now) }
    }

    func anchors(after sequence: Int64, limit: Int) throws(CollectorError) -> [AuditAnchor] {
        try read { () throws(CollectorError) in store.anchors(after: sequence, limit: limit) }
    }

    func rosterPosition() throws(CollectorError) -> (through: Int64, epoch: UInt64) {
        try read { () throws(CollectorError) in store.rosterPosition() }
    }

    func peers() throws(CollectorError) -> (peers: [Peer], through: Int64) {
        try read { () throws(CollectorError) in store.peers() }
    }

    func highestJob() throws(CollectorError) -> JobID {
        try read { () throws(CollectorError) in store.highestJob() }
    }

    func store(_ roster: RosterReply, at now: UnixTime) throws(CollectorError) -> [FeedEntry] {
        try write("roster") { () throws(CollectorError) in store.store(roster, at: now) }
    }

    func infer(_ inferences: [Inference], at now: UnixTime) throws(CollectorError) -> [FeedEntry] {
        try write("inferences") { () throws(CollectorError) in store.infer(inferences, at: now) }
    }

    func jobs(_ filter: JobFilter) throws(CollectorError) -> [JobAggregate] {
        try read { () throws(CollectorError) in store.jobs(filter) }
    }

    func fleet(asOf now: UnixTime) throws(CollectorError) -> FleetSummary {
        try read { () throws(CollectorError) in store.fleet(asOf: now) }
    }

    func feed(
        from cursor: FeedCursor?, limit: Int
    ) throws(CollectorError) -> (entries: [FeedEntry], head: FeedCursor)? {
        try read { () throws(CollectorError) in store.feed(from: cursor, limit: limit) }
    }

    func prune(
        reportsBefore: UnixTime, jobsBefore: UnixTime, limit: Int
    ) throws(CollectorError) -> Bool {
        try write("pruning") { () throws(CollectorError) in
            store.prune(reportsBefore: reportsBefore, jobsBefore: jobsBefore, limit: limit)
        }
    }
}
