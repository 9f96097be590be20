import BookendCoordinator
import BookendModel

/// The coordinator's store as one life of the coordinator sees it.
struct SimulatedPolicyStore: PolicyStore {
    let transactions: Transactions
    let store: InMemoryPolicyStore
    /// What was asked may be done more than once, and late: the network doubles and delays.
    let noteHold: @Sendable (Hold.Target, _ until: UnixTime?) -> Void

    private func write<T>(_ what: String, _ body: () throws(CoordinatorError) -> T) throws(CoordinatorError) -> T {
        try transactions.write("coordinator: " + what, { CoordinatorError(.store, $0) }, body)
    }

    private func read<T>(_ body: () throws(CoordinatorError) -> T) throws(CoordinatorError) -> T {
        try transactions.read({ CoordinatorError(.store, $0) }, body)
    }

    func load() throws(CoordinatorError) -> CoordinatorState {
        try read { () throws(CoordinatorError) in try store.load() }
    }

    func record(
        _ edits: [PolicyEdit], by author: String, audit: [AuditDraft], at now: UnixTime
    ) throws(CoordinatorError) {
        try write("policies") { () throws(CoordinatorError) in
            try store.record(edits, by: author, audit: audit, at: now)
        }
    }

    func access() throws(CoordinatorError) -> (peers: [Peer], tokens: [EnrollmentToken]) {
        try read { () throws(CoordinatorError) in try store.access() }
    }

    func record(
        _ change: AccessChange, audit: [AuditDraft], at now: UnixTime
    ) throws(CoordinatorError) -> [Peer] {
        try write("peers") { () throws(CoordinatorError) in try store.record(change, audit: audit, at: now) }
    }

    func record(_ hold: Hold, audit: [AuditDraft], at now: UnixTime) throws(CoordinatorError) {
        try write("holds") { () throws(CoordinatorError) in
            try store.record(hold, audit: audit, at: now)
            noteHold(hold.target, hold.until)
        }
    }

    func release(_ target: Hold.Target, audit: [AuditDraft], at now: UnixTime) throws(CoordinatorError) {
        try write("holds") { () throws(CoordinatorError) in
            try store.release(target, audit: audit, at: now)
            noteHold(target, nil)
        }
    }

    func forget(_ tokens: [TokenID]) throws(CoordinatorError) {
        try write("tokens") { () throws(CoordinatorError) in try store.forget(tokens) }
    }

    func append(_ drafts: [AuditDraft], at now: UnixTime) throws(CoordinatorError) {
        try write("audit") { () throws(CoordinatorError) in try store.append(drafts, at: now) }
    }

    func auditHead() throws(CoordinatorError) -> AuditHead? {
        try read { () throws(CoordinatorError) in try store.auditHead() }
    }

    func audit(_ filter: AuditFilter) throws(CoordinatorError) -> [AuditEntry] {
        try read { () throws(CoordinatorError) in try store.audit(filter) }
    }

    func revision(_ number: Int64, of policy: PolicyName) throws(CoordinatorError) -> PolicyRevision? {
        try read { () throws(CoordinatorError) in try store.revision(number, of: policy) }
    }

    func record(
        _ drafts: [TriggerRecord], audit: ([TriggerRecord]) -> [AuditDraft], at now: UnixTime
    ) throws(CoordinatorError) -> [TriggerRecord] {
        try write("triggers") { () throws(CoordinatorError) in try store.record(drafts, audit: audit, at: now) }
    }

    func record(_ plan: SlotPlan, at now: UnixTime) throws(CoordinatorError) -> [TriggerRecord] {
        try write("slots") { () throws(CoordinatorError) in try store.record(plan, at: now) }
    }

    func reclaim(
        of agent: AgentID, knowing known: [KnownJob], since: UnixTime, at now: UnixTime
    ) throws(CoordinatorError) -> [OpenTrigger] {
        try write("reclaim") { () throws(CoordinatorError) in
            try store.reclaim(of: agent, knowing: known, since: since, at: now)
        }
    }

    func reissue(_ job: JobID, at now: UnixTime) throws(CoordinatorError) -> TriggerRecord? {
        try write("reissue") { () throws(CoordinatorError) in try store.reissue(job, at: now) }
    }

    func goAbove(job: JobID, generation: Int64, renewingEpoch: Bool) throws(CoordinatorError) -> UInt64 {
        try write("epoch") { () throws(CoordinatorError) in
            try store.goAbove(job: job, generation: generation, renewingEpoch: renewingEpoch)
        }
    }

    func highestJob() throws(CoordinatorError) -> JobID {
        try read { () throws(CoordinatorError) in try store.highestJob() }
    }

    func trigger(_ job: JobID) throws(CoordinatorError) -> TriggerRecord? {
        try read { () throws(CoordinatorError) in try store.trigger(job) }
    }

    func cancel(
        _ job: JobID, audit: [AuditDraft], at now: UnixTime
    ) throws(CoordinatorError) -> TriggerRecord? {
        try write("cancel") { () throws(CoordinatorError) in try store.cancel(job, audit: audit, at: now) }
    }

    func settle(_ settlements: [TriggerSettlement], at now: UnixTime) throws(CoordinatorError) {
        try write("settlements") { () throws(CoordinatorError) in try store.settle(settlements, at: now) }
    }

    func passOverChanges() throws(CoordinatorError) {
        try write("run") { () throws(CoordinatorError) in try store.passOverChanges() }
    }

    func isPassedOver(_ change: Int64) throws(CoordinatorError) -> Bool {
        try read { () throws(CoordinatorError) in try store.isPassedOver(change) }
    }

    func changes(after change: Int64, limit: Int) throws(CoordinatorError) -> TriggerChanges {
        try read { () throws(CoordinatorError) in try store.changes(after: change, limit: limit) }
    }

    func remember(_ agents: [RememberedAgent]) throws(CoordinatorError) {
        try write("agents") { () throws(CoordinatorError) in try store.remember(agents) }
    }

    func giveUp(before time: UnixTime, at now: UnixTime) throws(CoordinatorError) -> [TriggerRecord] {
        try write("giving up") { () throws(CoordinatorError) in try store.giveUp(before: time, at: now) }
    }

    func prune(before time: UnixTime) throws(CoordinatorError) -> Int {
        try write("pruning") { () throws(CoordinatorError) in try store.prune(before: time) }
    }
}
