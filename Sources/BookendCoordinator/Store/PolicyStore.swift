package import BookendModel

/// The coordinator's memory: policies with all their revisions, triggers, agents, and the counter of job ids.
///
/// Each call is one transaction, durable when it returns. One process at a time uses a store. Safe to use from any thread;
/// calls come one after the other.
package protocol PolicyStore: AccessStore, AuditStore {
    /// What the machine starts from.
    func load() throws(CoordinatorError) -> CoordinatorState

    /// Records changes of policies, in order. Revisions stay for ever, those of deleted policies too.
    func record(
        _ edits: [PolicyEdit], by author: String, audit: [AuditDraft], at now: UnixTime
    ) throws(CoordinatorError)

    /// One revision as it was applied; `nil`: there is none. A deleted policy's revisions are found too.
    func revision(_ number: Int64, of policy: PolicyName) throws(CoordinatorError) -> PolicyRevision?

    /// Records triggers and gives each its job id, in order: all of them or none.
    ///
    /// Ids start at 1 and grow. None is ever given twice, also after a crash, and when all triggers are pruned.
    ///
    /// - Parameters:
    ///   - drafts: Their job is ignored.
    ///   - audit: What is to be written of them, once they have their ids.
    /// - Returns: The same, with their ids.
    func record(
        _ drafts: [TriggerRecord], audit: ([TriggerRecord]) -> [AuditDraft], at now: UnixTime
    ) throws(CoordinatorError) -> [TriggerRecord]

    /// Records what planning found, and gives each new slot its job id: all or nothing.
    ///
    /// A slot (agent, policy, start) has one id for ever: one that is there already keeps it, and a withdrawn one comes back
    /// under it. What is no longer planned is not changed.
    ///
    /// - Returns: Every slot that the plan names, as it is now.
    func record(_ plan: SlotPlan, at now: UnixTime) throws(CoordinatorError) -> [TriggerRecord]

    /// Finds the triggers of an agent that were delivered since a time and are not among what it knows, and makes them
    /// `reclaimed`; their cancels are open again.
    func reclaim(
        of agent: AgentID, knowing jobs: [KnownJob], since: UnixTime, at now: UnixTime
    ) throws(CoordinatorError) -> [OpenTrigger]

    /// Gives a trigger that its agent does not have another id; the old one is `conflict` from now on.
    ///
    /// - Returns: The trigger under its new id, pending, planned or `offline` as before; `nil`: there is no such trigger.
    func reissue(_ job: JobID, at now: UnixTime) throws(CoordinatorError) -> TriggerRecord?

    /// Gives no job id up to and including this one from now on, and no generation that is not above this one: the store went
    /// back in time.
    ///
    /// - Returns: The epoch, which is a new one if it is to be renewed.
    func goAbove(job: JobID, generation: Int64, renewingEpoch: Bool) throws(CoordinatorError) -> UInt64

    /// The highest job id that was given or skipped; 0: none.
    func highestJob() throws(CoordinatorError) -> JobID

    /// `nil`: never given, or pruned.
    func trigger(_ job: JobID) throws(CoordinatorError) -> TriggerRecord?

    /// Remembers that the job is to be canceled; twice does no harm.
    ///
    /// - Returns: The trigger as it is now; `nil`: there is none.
    func cancel(_ job: JobID, audit: [AuditDraft], at now: UnixTime) throws(CoordinatorError) -> TriggerRecord?

    /// Records what became of triggers. A settlement that does not fit (another agent's, a state that is final) changes
    /// nothing: `pending` follows `planned`; `delivered` follows `planned`, `pending`, `missed` and `reclaimed`; `missed`
    /// and `offline` follow `pending`; `withdrawn` follows `pending`, `missed` and `reclaimed`.
    func settle(_ settlements: [TriggerSettlement], at now: UnixTime) throws(CoordinatorError)

    /// Begins a run: no change gets a number that was given before, also none that this store forgot as it went back in time.
    ///
    /// What is passed over is remembered: of the latest 10,000 runs of an epoch.
    func passOverChanges() throws(CoordinatorError)

    /// A run of this epoch passed the number over: who was told of it knows a later state than this store's.
    func isPassedOver(_ change: Int64) throws(CoordinatorError) -> Bool

    /// The triggers that are new or changed after that change, in the order of their last change.
    ///
    /// A number that this store has not reached yet (it was restored) counts as 0: everything.
    func changes(after change: Int64, limit: Int) throws(CoordinatorError) -> TriggerChanges

    /// Pauses a policy or begins an agent's maintenance, in place of one that is there.
    func record(_ hold: Hold, audit: [AuditDraft], at now: UnixTime) throws(CoordinatorError)

    /// Ends it; one that is not there is no error.
    func release(_ target: Hold.Target, audit: [AuditDraft], at now: UnixTime) throws(CoordinatorError)

    func remember(_ agents: [RememberedAgent]) throws(CoordinatorError)

    /// Gives up the triggers that were missed or reclaimed before that time, and for which no agent came since: they are
    /// `offline` from now on, which is final.
    ///
    /// - Returns: They, in order of job.
    func giveUp(before time: UnixTime, at now: UnixTime) throws(CoordinatorError) -> [TriggerRecord]

    /// Removes triggers that last changed before that time and are settled, also those whose cancel no agent ever
    /// acknowledged. What is planned or owed to an agent stays.
    ///
    /// - Returns: How many were removed.
    @discardableResult
    func prune(before time: UnixTime) throws(CoordinatorError) -> Int
}

/// A page of what changed.
package struct TriggerChanges: Hashable, Sendable {
    package var records: [TriggerRecord]
    /// Where to go on.
    package var through: Int64
    /// Nothing follows.
    package var isComplete: Bool

    package init(records: [TriggerRecord], through: Int64, isComplete: Bool) {
        self.records = records
        self.through = through
        self.isComplete = isComplete
    }
}

/// The numbers of changes that runs pass over.
enum PassedOver {
    /// Runs whose numbers are remembered.
    static let limit = 10_000
}

/// A store that goes on from a copy of itself.
enum RestoredStore {
    /// Ids and generations that were given after the copy was made, at most, before anybody says how many there were.
    static let gap: Int64 = 1_000
}
