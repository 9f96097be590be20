package import BookendModel
import Synchronization

/// The store without a disk, for tests and simulations. Keeps the contract of ``PolicyStore`` but for durability.
package final class InMemoryPolicyStore: PolicyStore {
    struct Row {
        var record: TriggerRecord
        var change: Int64
        var changedAt: UnixTime
        var isCancelAcknowledged = false
        var isSlot = false
    }

    struct Contents {
        var edits: [PolicyEdit] = []
        var triggers: [JobID: Row] = [:]
        var agents: [AgentID: RememberedAgent] = [:]
        var holds: [Hold.Target: Hold] = [:]
        var highestJob: Int64 = 0
        var change: Int64 = 0
        var passedOver: [ClosedRange<Int64>] = []
        var generation: Int64 = 0
        var epoch: UInt64 = 1
        /// Of all epochs that there ever were: a copy that is restored twice has two.
        var lastEpoch: UInt64 = 1
        /// Of all that there ever were.
        var runs: Int64 = 0
        var plannedAt: UnixTime?
        var peers: [PublicKey: Peer] = [:]
        var tokens: [TokenID: EnrollmentToken] = [:]
        var peerGeneration: Int64 = 0
        var audit: [AuditEntry] = []

        /// Not random, so that a simulation can be repeated.
        mutating func renewEpoch() {
            lastEpoch += 1
            epoch = lastEpoch
            passedOver = []
        }

        mutating func append(_ drafts: [AuditDraft], at now: UnixTime) {
            for draft in drafts {
                audit.append(AuditEntry(draft, after: audit.last?.head, at: now, hash: AuditEntry.digest))
            }
        }

        mutating func insert(_ draft: TriggerRecord, isSlot: Bool, at now: UnixTime) -> TriggerRecord {
            highestJob += 1
            change += 1
            var record = draft
            record.trigger.job = JobID(rawValue: highestJob)
            triggers[record.trigger.job] = Row(record: record, change: change, changedAt: now, isSlot: isSlot)
            return record
        }

        mutating func update(_ job: JobID, at now: UnixTime, _ body: (inout TriggerRecord) -> Bool) {
            guard var row = triggers[job], body(&row.record) else { return }
            change += 1
            row.change = change
            row.changedAt = now
            triggers[job] = row
        }
    }

    let contents = Mutex(Contents())

    package init() {}

    /// All that the store held at one time.
    package struct Copy: Sendable {
        fileprivate let contents: Contents
    }

    package func copy() -> Copy { Copy(contents: contents.withLock { $0 }) }

    /// The store is what it was then.
    ///
    /// - Parameter command: When the command for it did this, which makes the copy fit to go on from, as the SQLite store's
    ///   does; `nil`: a machine was restored, and nobody says so.
    package func restore(_ copy: Copy, byCommandAt command: UnixTime?) {
        contents.withLock { contents in
            let (lastEpoch, runs) = (contents.lastEpoch, contents.runs)
            contents = copy.contents
            (contents.lastEpoch, contents.runs) = (lastEpoch, runs)
            guard let command else { return }
            contents.renewEpoch()
            contents.highestJob += RestoredStore.gap
            contents.generation =
                max(contents.generation, contents.edits.last?.generation ?? 0) + RestoredStore.gap
            contents.peerGeneration += RestoredStore.gap
            contents.plannedAt = command
        }
    }

    package func load() throws(CoordinatorError) -> CoordinatorState {
        contents.withLock { contents in
            var current: [PolicyName: PolicyRevision] = [:]
            var highest: [PolicyName: Int64] = [:]
            for edit in contents.edits {
                current[edit.name] = edit.revision
                if let revision = edit.revision?.revision { highest[edit.name] = revision }
            }
            let open = contents.triggers.values.filter {
                $0.record.state.isOwed || $0.record.isCanceled && !$0.isCancelAcknowledged
            }
            return CoordinatorState(
                generation: max(contents.edits.last?.generation ?? 0, contents.generation),
                policies: current.values.sorted { $0.policy.name < $1.policy.name }, highestRevisions: highest,
                openTriggers: open.map {
                    OpenTrigger(
                        record: $0.record, isCancelAcknowledged: $0.isCancelAcknowledged, isSlot: $0.isSlot)
                }
                .sorted { $0.record.trigger.job < $1.record.trigger.job },
                agents: contents.agents.values.sorted { $0.id < $1.id },
                slots: contents.triggers.values.filter { $0.record.state == .planned }.map(\.record)
                    .sorted { $0.trigger.job < $1.trigger.job },
                slotsPlannedAt: contents.plannedAt,
                holds: contents.holds.values.sorted { $0.target < $1.target }, epoch: contents.epoch)
        }
    }

    package func record(
        _ edits: [PolicyEdit], by author: String, audit: [AuditDraft], at now: UnixTime
    ) throws(CoordinatorError) {
        contents.withLock { contents in
            contents.edits += edits
            contents.append(audit, at: now)
        }
    }

    package func append(_ drafts: [AuditDraft], at now: UnixTime) throws(CoordinatorError) {
        contents.withLock { $0.append(drafts, at: now) }
    }

    package func auditHead() throws(CoordinatorError) -> AuditHead? { contents.withLock { $0.audit.last?.head } }

    package func audit(_ filter: AuditFilter) throws(CoordinatorError) -> [AuditEntry] {
        let picked = contents.withLock { $0.audit.filter(filter.picks) }
        let limit = min(max(1, filter.limit), 1_000)
        return Array(filter.newest ? picked.suffix(limit) : picked.prefix(limit))
    }

    package func revision(
        _ number: Int64, of policy: PolicyName
    ) throws(CoordinatorError) -> PolicyRevision? {
        contents.withLock { contents in
            contents.edits.last { $0.name == policy && $0.revision?.revision == number }?.revision
        }
    }

    package func record(
        _ drafts: [TriggerRecord], audit: ([TriggerRecord]) -> [AuditDraft], at now: UnixTime
    ) throws(CoordinatorError) -> [TriggerRecord] {
        contents.withLock { contents in
            let records = drafts.map { contents.insert($0, isSlot: false, at: now) }
            contents.append(audit(records), at: now)
            return records
        }
    }

    package func record(_ plan: SlotPlan, at now: UnixTime) throws(CoordinatorError) -> [TriggerRecord] {
        contents.withLock { contents in
            contents.plannedAt = plan.plannedAt
            var named: [JobID] = []
            for slot in plan.new {
                let known = contents.triggers.values.first { row in
                    row.isSlot && row.record.trigger.fingerprint == slot.fingerprint
                        && row.record.trigger.agent == slot.agent
                }
                guard let job = known?.record.trigger.job else {
                    let draft = TriggerRecord(trigger: slot, state: .planned)
                    named.append(contents.insert(draft, isSlot: true, at: now).trigger.job)
                    continue
                }
                named.append(job)
                contents.update(job, at: now) { record in
                    guard record.state == .withdrawn else { return false }
                    (record.trigger, record.state) = (slot, .planned)
                    record.trigger.job = job
                    return true
                }
            }
            for slot in plan.changed {
                named.append(slot.job)
                contents.update(slot.job, at: now) { record in
                    guard record.state == .planned else { return false }
                    record.trigger = slot
                    return true
                }
            }
            for job in plan.withdrawn {
                named.append(job)
                contents.update(job, at: now) { record in
                    guard record.state == .planned else { return false }
                    record.state = .withdrawn
                    return true
                }
            }
            return named.compactMap { contents.triggers[$0]?.record }
        }
    }

    package func reclaim(
        of agent: AgentID, knowing jobs: [KnownJob], since: UnixTime, at now: UnixTime
    ) throws(CoordinatorError) -> [OpenTrigger] {
        let known = Set(jobs)
        return contents.withLock { contents in
            let lost = contents.triggers.values.filter { row in
                row.record.state == .delivered && row.record.trigger.agent == agent && row.changedAt >= since
                    && !known.contains(KnownJob(row.record.trigger))
            }
            return lost.map(\.record.trigger.job).sorted().compactMap { job in
                contents.triggers[job]?.isCancelAcknowledged = false
                contents.update(job, at: now) { record in
                    record.state = .reclaimed
                    return true
                }
                return contents.triggers[job].map {
                    OpenTrigger(record: $0.record, isCancelAcknowledged: false, isSlot: $0.isSlot)
                }
            }
        }
    }

    package func reissue(_ job: JobID, at now: UnixTime) throws(CoordinatorError) -> TriggerRecord? {
        contents.withLock { contents in
            guard let row = contents.triggers[job],
                row.record.state.isOwed || [.planned, .offline].contains(row.record.state)
            else { return nil }
            contents.triggers[job]?.isSlot = false
            contents.update(job, at: now) { record in
                record.state = .conflict
                return true
            }
            return contents.insert(row.record, isSlot: row.isSlot, at: now)
        }
    }

    package func goAbove(
        job: JobID, generation: Int64, renewingEpoch: Bool
    ) throws(CoordinatorError) -> UInt64 {
        contents.withLock { contents in
            contents.highestJob = max(contents.highestJob, job.rawValue)
            contents.generation = max(contents.generation, generation)
            if renewingEpoch { contents.renewEpoch() }
            return contents.epoch
        }
    }

    package func highestJob() throws(CoordinatorError) -> JobID {
        contents.withLock { JobID(rawValue: $0.highestJob) }
    }

    package func trigger(_ job: JobID) throws(CoordinatorError) -> TriggerRecord? {
        contents.withLock { $0.triggers[job]?.record }
    }

    package func cancel(
        _ job: JobID, audit: [AuditDraft], at now: UnixTime
    ) throws(CoordinatorError) -> TriggerRecord? {
        contents.withLock { contents in
            contents.append(audit, at: now)
            contents.update(job, at: now) { record in
                defer { record.isCanceled = true }
                return !record.isCanceled
            }
            return contents.triggers[job]?.record
        }
    }

    package func settle(_ settlements: [TriggerSettlement], at now: UnixTime) throws(CoordinatorError) {
        contents.withLock { contents in
            for settlement in settlements {
                switch settlement {
                case .due(let job):
                    contents.update(job, at: now) { record in
                        guard record.state == .planned else { return false }
                        record.state = .pending
                        return true
                    }
                case .delivered(let job, let agent):
                    contents.update(job, at: now) { record in
                        guard record.trigger.agent == agent, record.state.isOwed || record.state == .planned
                        else { return false }
                        record.state = .delivered
                        return true
                    }
                case .withdrawn(let job):
                    contents.update(job, at: now) { record in
                        guard record.state.isOwed else { return false }
                        record.state = .withdrawn
                        return true
                    }
                case .missed(let job):
                    contents.update(job, at: now) { record in
                        guard record.state == .pending else { return false }
                        record.state = .missed
                        return true
                    }
                case .offline(let job):
                    contents.update(job, at: now) { record in
                        guard record.state == .pending else { return false }
                        record.state = .offline
                        return true
                    }
                case .cancelAcknowledged(let job, let agent):
                    guard let record = contents.triggers[job]?.record, record.isCanceled, record.trigger.agent == agent
                    else { continue }
                    contents.triggers[job]?.isCancelAcknowledged = true
                }
            }
        }
    }

    package func remember(_ agents: [RememberedAgent]) throws(CoordinatorError) {
        contents.withLock { contents in
            for agent in agents { contents.agents[agent.id] = agent }
        }
    }

    package func giveUp(before time: UnixTime, at now: UnixTime) throws(CoordinatorError) -> [TriggerRecord] {
        contents.withLock { contents in
            let old = contents.triggers.filter {
                $0.value.changedAt < time && $0.value.record.state.isOwed && $0.value.record.state != .pending
            }
            return old.keys.sorted().compactMap { job in
                contents.update(job, at: now) { record in
                    record.state = .offline
                    return true
                }
                return contents.triggers[job]?.record
            }
        }
    }

    package func prune(before time: UnixTime) throws(CoordinatorError) -> Int {
        contents.withLock { contents in
            let old = contents.triggers.filter {
                $0.value.changedAt < time && !$0.value.record.state.isOwed && $0.value.record.state != .planned
            }
            for job in old.keys { contents.triggers[job] = nil }
            return old.count
        }
    }
}

extension TriggerRecord.State {
    /// The agent is still to be told.
    var isOwed: Bool { self == .pending || self == .missed || self == .reclaimed }
}
