import BookendModel
import BookendTestSupport
import GRDB
import Glibc
import Testing

@testable import BookendCoordinator

enum StoreKind: CaseIterable {
    case memory, sqlite
}

/// The contract that every store keeps.
@Suite struct PolicyStoreTests {
    private let start = Moment.start.wall

    /// A new store, and a way to open it again as after a restart.
    private func with(
        _ kind: StoreKind, _ body: (any PolicyStore, _ reopened: () throws -> any PolicyStore) throws -> Void
    ) throws {
        switch kind {
        case .memory:
            let store = InMemoryPolicyStore()
            try body(store, { store })
        case .sqlite:
            try TemporaryDirectory.with { directory in
                let path = directory + "/coordinator.sqlite"
                try body(try SQLitePolicyStore(path: path), { try SQLitePolicyStore(path: path) })
            }
        }
    }

    private func draft(_ agent: AgentID = web1, state: TriggerRecord.State = .pending) -> TriggerRecord {
        TriggerRecord(
            trigger: Trigger(
                job: JobID(rawValue: 0), agent: agent, policy: PolicyName(rawValue: "daily"), revision: 3,
                cause: .schedule, scheduledStart: start, notAfter: start + .seconds(60),
                windowEnd: start + .seconds(90), bandwidthLimit: 4_096, fault: StagedFault(.kill)), state: state)
    }

    private func states(_ jobs: [JobID], _ store: any PolicyStore) throws -> [TriggerRecord.State?] {
        try jobs.map { try store.trigger($0)?.state }
    }

    private func edit(_ generation: Int64, _ policy: Policy, _ revision: Int64) -> PolicyEdit {
        PolicyEdit(
            generation: generation, name: policy.name,
            revision: PolicyRevision(policy: policy, revision: revision, appliedAt: start, appliedBy: "operator/alice"))
    }

    @Test(arguments: StoreKind.allCases) func `a new store is empty`(kind: StoreKind) throws {
        try with(kind) { store, _ in
            let state = try store.load()
            #expect(state.epoch != 0)
            #expect(state == CoordinatorState(epoch: state.epoch))
            #expect(try store.load().epoch == state.epoch)
            #expect(try store.highestJob() == JobID(rawValue: 0))
            #expect(try store.changes(after: 0, limit: 10) == TriggerChanges(records: [], through: 0, isComplete: true))
        }
    }

    @Test(arguments: StoreKind.allCases) func `policies keep all their revisions, deleted ones too`(kind: StoreKind)
        throws
    {
        try with(kind) { store, reopened in
            let (old, new) = (Policy.sample(), Policy.sample(program: "/bin/false"))
            try store.record([edit(1, old, 1), edit(2, .sample("weekly"), 1)], by: "operator/alice", at: start)
            try store.record([edit(3, new, 2)], by: "local", at: start)
            #expect(try reopened().load().policies.map(\.policy) == [new, .sample("weekly")])
            try store.record([PolicyEdit(generation: 4, name: old.name, revision: nil)], by: "local", at: start)
            let state = try reopened().load()
            #expect(state.generation == 4)
            #expect(state.policies.map(\.policy.name.rawValue) == ["weekly"])
            #expect(state.highestRevisions[old.name] == 2)
            let first = try reopened().revision(1, of: old.name)
            #expect(first?.policy == old)
            #expect(first?.appliedBy == "operator/alice")
            #expect(first?.appliedAt == start)
            #expect(try store.revision(2, of: old.name)?.policy == new)
            #expect(try store.revision(3, of: old.name) == nil)
        }
    }

    @Test(arguments: StoreKind.allCases) func `job ids start at one, grow, and are never given twice`(kind: StoreKind)
        throws
    {
        try with(kind) { store, reopened in
            #expect(try store.record([draft(), draft(web2)], at: start).map(\.trigger.job.rawValue) == [1, 2])
            try store.settle([.delivered(JobID(rawValue: 1), by: web1), .missed(JobID(rawValue: 2))], at: start)
            #expect(try store.giveUp(before: start + .seconds(1), at: start).count == 1)
            #expect(try store.prune(before: start + .seconds(1)) == 2)
            #expect(try reopened().record([draft()], at: start).map(\.trigger.job.rawValue) == [3])
            let epoch = try store.load().epoch
            let first = try store.goAbove(job: JobID(rawValue: 41), generation: 0, renewingEpoch: true)
            let second = try store.goAbove(job: JobID(rawValue: 7), generation: 12, renewingEpoch: true)
            #expect(Set([epoch, first, second]).count == 3 && second != 0)
            #expect(try reopened().load().epoch == second && reopened().load().generation == 12)
            #expect(try reopened().highestJob() == JobID(rawValue: 41))
            #expect(try store.goAbove(job: JobID(rawValue: 50), generation: 14, renewingEpoch: false) == second)
            #expect(try reopened().load().epoch == second && reopened().load().generation == 14)
            #expect(try reopened().record([draft()], at: start).map(\.trigger.job.rawValue) == [51])
        }
    }

    @Test(arguments: StoreKind.allCases) func `a trigger comes back as it was recorded`(kind: StoreKind) throws {
        try with(kind) { store, reopened in
            var expected = draft(state: .offline)
            expected.trigger.windowEnd = nil
            expected.trigger.cause = .catchUp
            let recorded = try store.record([expected], at: start)
            expected.trigger.job = JobID(rawValue: 1)
            #expect(recorded == [expected])
            #expect(try reopened().trigger(JobID(rawValue: 1)) == expected)
            #expect(try store.trigger(JobID(rawValue: 2)) == nil)
        }
    }

    @Test(arguments: StoreKind.allCases) func `states follow each other one way only`(kind: StoreKind) throws {
        try with(kind) { store, _ in
            let jobs = try store.record([draft(), draft(), draft(), draft(state: .offline)], at: start).map(
                \.trigger.job)
            try store.settle([.delivered(jobs[0], by: web2)], at: start)
            #expect(try store.trigger(jobs[0])?.state == .pending)
            try store.settle([.delivered(jobs[0], by: web1), .missed(jobs[0]), .missed(jobs[1])], at: start)
            #expect(try states(jobs, store) == [.delivered, .missed, .pending, .offline])
            try store.settle(
                [.delivered(jobs[1], by: web1), .delivered(jobs[3], by: web1), .missed(jobs[3])], at: start)
            #expect(try states(jobs, store) == [.delivered, .delivered, .pending, .offline])
        }
    }

    @Test(arguments: StoreKind.allCases) func `what is open comes back with the next start`(kind: StoreKind) throws {
        try with(kind) { store, reopened in
            let jobs = try store.record([draft(), draft(), draft(), draft()], at: start).map(\.trigger.job)
            try store.settle(
                [.delivered(jobs[1], by: web1), .delivered(jobs[2], by: web1), .missed(jobs[3])], at: start)
            #expect(try store.cancel(jobs[2], at: start)?.isCanceled == true)
            #expect(try store.cancel(jobs[2], at: start)?.isCanceled == true)
            #expect(try store.cancel(JobID(rawValue: 99), at: start) == nil)
            let open = try reopened().load().openTriggers
            // What was missed is still told.
            #expect(open.map(\.record.trigger.job) == [jobs[0], jobs[2], jobs[3]])
            #expect(open.map(\.record.isCanceled) == [false, true, false])
            try store.settle([.cancelAcknowledged(jobs[2], by: web2)], at: start)
            #expect(try store.load().openTriggers.count == 3)
            try store.settle([.cancelAcknowledged(jobs[2], by: web1)], at: start)
            #expect(try reopened().load().openTriggers.map(\.record.trigger.job) == [jobs[0], jobs[3]])
        }
    }

    @Test(arguments: StoreKind.allCases) func `changes are read page by page, and a change of a row moves it`(
        kind: StoreKind
    ) throws {
        try with(kind) { store, _ in
            let jobs = try store.record((0..<5).map { _ in draft() }, at: start).map(\.trigger.job)
            let first = try store.changes(after: 0, limit: 2)
            #expect(first.records.map(\.trigger.job) == [jobs[0], jobs[1]])
            #expect(!first.isComplete)
            try store.settle([.delivered(jobs[0], by: web1)], at: start)
            let rest = try store.changes(after: first.through, limit: 10)
            #expect(rest.records.map(\.trigger.job) == [jobs[2], jobs[3], jobs[4], jobs[0]])
            #expect(rest.records.last?.state == .delivered)
            #expect(rest.isComplete)
            #expect(try store.changes(after: rest.through, limit: 10).records.isEmpty)
            // A settlement that changes nothing is no news.
            try store.settle([.delivered(jobs[0], by: web1)], at: start)
            #expect(try store.changes(after: rest.through, limit: 10).through == rest.through)
            // The asker has seen more than there is: this store is an older one.
            #expect(try store.changes(after: rest.through + 1, limit: 10).records.count == 5)
        }
    }

    @Test(arguments: StoreKind.allCases) func `only old triggers that are no longer pending are pruned`(kind: StoreKind)
        throws
    {
        try with(kind) { store, reopened in
            let jobs = try store.record([draft(), draft(), draft()], at: start).map(\.trigger.job)
            try store.settle([.delivered(jobs[0], by: web1)], at: start)
            try store.settle([.delivered(jobs[1], by: web1)], at: start + .seconds(10))
            let through = try store.changes(after: 0, limit: 10).through
            #expect(try store.prune(before: start + .seconds(5)) == 1)
            #expect(try states(jobs, store).map { $0 != nil } == [false, true, true])
            #expect(try reopened().changes(after: 0, limit: 10).through == through)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `what is owed to an agent stays until it is given up, and then everyone hears of its end`(kind: StoreKind)
        throws
    {
        try with(kind) { store, reopened in
            let jobs = try store.record([draft(), draft(), draft(), draft(), draft()], at: start).map(\.trigger.job)
            try store.settle(
                [.missed(jobs[0]), .delivered(jobs[1], by: web1), .delivered(jobs[3], by: web1)], at: start)
            let known = [KnownJob(try #require(try store.trigger(jobs[3])).trigger)]
            #expect(try store.reclaim(of: web1, knowing: known, since: start, at: start).count == 1)
            try store.settle([.missed(jobs[4])], at: start + .seconds(20))
            let (old, later) = (start + .seconds(10), start + .seconds(100))
            #expect(try store.prune(before: old) == 1, "the one that was delivered")
            #expect(try states(jobs, reopened()) == [.missed, .reclaimed, .pending, nil, .missed])
            let open = try reopened().load().openTriggers.map(\.record.trigger.job)
            #expect(open == [jobs[0], jobs[1], jobs[2], jobs[4]], "a coordinator that starts again tells of them")

            let through = try store.changes(after: 0, limit: 10).through
            let givenUp = try reopened().giveUp(before: old, at: later)
            #expect(givenUp.map(\.trigger.job) == [jobs[0], jobs[1]] && givenUp.allSatisfy { $0.state == .offline })
            #expect(try store.changes(after: through, limit: 10).records == givenUp)
            #expect(try reopened().load().openTriggers.map(\.record.trigger.job) == [jobs[2], jobs[4]])
            #expect(try store.giveUp(before: old, at: later).isEmpty)
            #expect(try store.prune(before: old) == 0 && store.prune(before: later + .seconds(1)) == 2)
        }
    }

    private func slot(_ agent: AgentID = web1, start seconds: Int, revision: Int64 = 1) -> Trigger {
        Trigger(
            job: JobID(rawValue: 0), agent: agent, policy: PolicyName(rawValue: "daily"), revision: revision,
            cause: .schedule, scheduledStart: start + .seconds(seconds), notAfter: start + .seconds(seconds + 60))
    }

    @Test(arguments: StoreKind.allCases) func `a slot has one id for ever`(kind: StoreKind) throws {
        try with(kind) { store, reopened in
            var plan = SlotPlan(plannedAt: start)
            plan.new = [slot(start: 10), slot(web2, start: 10), slot(start: 20)]
            let first = try store.record(plan, at: start)
            #expect(first.map(\.trigger.job.rawValue) == [1, 2, 3] && first.allSatisfy { $0.state == .planned })
            #expect(try reopened().load().slots == first && reopened().load().slotsPlannedAt == start)
            #expect(try reopened().load().openTriggers.isEmpty)
            // A start that is planned again, by a coordinator that does not know.
            #expect(try store.record(plan, at: start) == first)
            var change = SlotPlan(plannedAt: start + .seconds(1))
            change.changed = [slot(start: 10, revision: 2)]
            change.changed[0].job = JobID(rawValue: 1)
            change.withdrawn = [JobID(rawValue: 3)]
            let second = try reopened().record(change, at: start)
            #expect(second.map(\.trigger.revision) == [2, 1] && second.map(\.state) == [.planned, .withdrawn])
            #expect(try reopened().load().slots.map(\.trigger.job.rawValue) == [1, 2])
            var again = SlotPlan(plannedAt: start + .seconds(2))
            again.new = [slot(start: 20, revision: 3)]
            let third = try reopened().record(again, at: start)
            #expect(third.map(\.trigger.job.rawValue) == [3] && third[0].state == .planned)
            #expect(third[0].trigger.revision == 3)
            // Once it has begun, no plan brings it back.
            try store.settle([.due(JobID(rawValue: 3)), .delivered(JobID(rawValue: 1), by: web1)], at: start)
            change.withdrawn = [JobID(rawValue: 1), JobID(rawValue: 3)]
            #expect(try store.record(change, at: start).map(\.state) == [.delivered, .delivered, .pending])
            #expect(try store.record(plan, at: start).map(\.state) == [.delivered, .planned, .pending])
            #expect(try store.prune(before: start + .seconds(1)) == 1)
            #expect(try store.load().slots.count == 1)
        }
    }

    @Test(arguments: StoreKind.allCases) func `what an agent has lost is open again, with its cancel`(kind: StoreKind)
        throws
    {
        try with(kind) { store, reopened in
            let records = try store.record([draft(), draft(), draft(), draft(web2), draft()], at: start)
            let jobs = records.map(\.trigger.job)
            try store.settle(jobs[0..<3].map { .delivered($0, by: web1) } + [.delivered(jobs[3], by: web2)], at: start)
            _ = try store.cancel(jobs[1], at: start)
            try store.settle([.cancelAcknowledged(jobs[1], by: web1)], at: start)
            var other = KnownJob(records[2].trigger)
            other.fingerprint += 1
            let known = [KnownJob(records[0].trigger), other]
            let later = start + .seconds(10)
            #expect(try store.reclaim(of: web1, knowing: known, since: later, at: later).isEmpty)
            let lost = try store.reclaim(of: web1, knowing: known, since: start, at: later)
            #expect(lost.map(\.record.trigger.job) == [jobs[1], jobs[2]])
            #expect(lost.map(\.record.isCanceled) == [true, false] && !lost[0].isCancelAcknowledged)
            #expect(lost.allSatisfy { $0.record.state == .reclaimed })
            #expect(try reopened().load().openTriggers.map(\.record.trigger.job) == [jobs[1], jobs[2], jobs[4]])
            #expect(try store.reclaim(of: web1, knowing: known, since: start, at: later).isEmpty)
            try store.settle([.missed(jobs[1]), .delivered(jobs[1], by: web1)], at: later)
            #expect(try store.trigger(jobs[1])?.state == .delivered)
        }
    }

    @Test(arguments: StoreKind.allCases) func `each run passes numbers of changes over, and gives none of them`(
        kind: StoreKind
    ) throws {
        try with(kind) { store, reopened in
            _ = try store.record([draft()], at: start)
            let told = try store.changes(after: 0, limit: 10).through
            try reopened().passOverChanges()
            let through = try store.changes(after: told, limit: 10).through
            #expect(through - told >= 1 << 20)
            let late = try reopened().record([draft()], at: start)
            // Whoever was told of all, or of more than this store knows, hears of what is new.
            for known in [told, told + 7, through - 1, through] {
                let changes = try reopened().changes(after: known, limit: 10)
                #expect(changes.records == late && changes.through == through + 1)
            }
            try reopened().passOverChanges()
            let given = [1, told, through, through + 1]
            #expect(try given.filter(reopened().isPassedOver) == [])
            // Also by a run that is over.
            let lost = [told + 1, through - 1, through + 2, through + 1 << 20]
            #expect(try lost.filter(reopened().isPassedOver) == lost)
            _ = try store.goAbove(job: JobID(rawValue: 1), generation: 1, renewingEpoch: true)
            #expect(try lost.filter(reopened().isPassedOver) == [], "the numbers of an epoch are its own")
        }
    }

    @Test(arguments: StoreKind.allCases) func `an order whose id was given twice goes on under a new one`(
        kind: StoreKind
    ) throws {
        try with(kind) { store, reopened in
            let job = try store.record([draft()], at: start)[0].trigger.job
            var plan = SlotPlan(plannedAt: start)
            plan.new = [slot(start: 10)]
            let slot = try store.record(plan, at: start)[0].trigger.job
            let new = try #require(try store.reissue(job, at: start))
            #expect(
                new.trigger.job.rawValue == 3 && new.state == .pending && new.trigger.notAfter == start + .seconds(60))
            #expect(try store.reissue(job, at: start) == nil)
            #expect(try store.trigger(job)?.state == .conflict)
            let newSlot = try #require(try store.reissue(slot, at: start))
            #expect(newSlot.state == .planned)
            #expect(try reopened().record(plan, at: start).map(\.trigger.job) == [newSlot.trigger.job])
            try store.settle([.delivered(job, by: web1)], at: start)
            #expect(try store.trigger(job)?.state == .conflict)
            try store.settle([.offline(new.trigger.job)], at: start)
            let never = try #require(try store.reissue(new.trigger.job, at: start))
            #expect(never.state == .offline && never.trigger.job.rawValue == 5)
            #expect(try reopened().trigger(never.trigger.job) == never)
        }
    }

    @Test(arguments: StoreKind.allCases) func `agents are remembered by their last word`(kind: StoreKind) throws {
        try with(kind) { store, reopened in
            let old = RememberedAgent(id: web1, claimedLabels: [:], version: "0.1.0", lastHeardAt: start)
            let new = RememberedAgent(
                id: web1, claimedLabels: ["role": "a=b c", "site": "north"], version: "0.2.0",
                lastHeardAt: start + .seconds(1), timeZone: "Asia/Kathmandu")
            try store.remember([old])
            try store.remember([new, RememberedAgent(id: db1, claimedLabels: [:], version: "", lastHeardAt: start)])
            #expect(try reopened().load().agents.map(\.id) == [db1, web1])
            #expect(try reopened().load().agents.last == new)
        }
    }

    @Test func `the database waits for the disk at every commit`() throws {
        try TemporaryDirectory.with { directory in
            let store = try SQLitePolicyStore(path: directory + "/coordinator.sqlite")
            #expect(try store.durability() == "wal 2")
        }
    }

    @Test func `a value of the wrong kind in the database is an error, not a crash`() throws {
        try TemporaryDirectory.with { directory in
            let path = directory + "/coordinator.sqlite"
            let store = try SQLitePolicyStore(path: path)
            try DatabaseQueue(path: path).write { database in
                try database.execute(sql: "INSERT INTO agents VALUES ('web-1', '', '0.1.0', 'yesterday', '')")
            }
            #expect(throws: CoordinatorError.self) { try store.load() }
        }
    }

    private func hold(_ target: Hold.Target, _ duration: Duration) -> Hold {
        Hold(target: target, reason: "new disks", since: start, until: start + duration, madeBy: "test")
    }

    @Test(arguments: StoreKind.allCases)
    func `a start that does not wait for its agent is offline once it is due, and nothing else is`(kind: StoreKind)
        throws
    {
        try with(kind) { store, _ in
            let jobs = try store.record([draft(), draft(state: .delivered)], at: start).map(\.trigger.job)
            try store.settle(jobs.map { .offline($0) }, at: start)
            #expect(try states(jobs, store) == [.offline, .delivered])
            #expect(try store.load().openTriggers.isEmpty)
        }
    }

    @Test(arguments: StoreKind.allCases) func `holds are remembered until they are released`(kind: StoreKind) throws {
        try with(kind) { store, reopened in
            let one = hold(.policy(PolicyName(rawValue: "daily")), .seconds(60))
            var two = hold(.agent(web1), .seconds(90))
            try store.record(one, audit: [], at: start)
            try store.record(
                two, audit: [AuditDraft(who: "w", origin: "", what: "agent.maintain", target: "t", result: .done)],
                at: start)
            two.reason = "more disks"
            try store.record(two, audit: [], at: start)
            #expect(Set(try reopened().load().holds) == [one, two])
            try store.release(one.target, audit: [], at: start)
            try store.release(one.target, audit: [], at: start)
            #expect(try reopened().load().holds == [two])
            #expect(try reopened().audit(AuditFilter()).map(\.draft.what) == ["agent.maintain"])
        }
    }

    @Test func `a file that is no database is named`() throws {
        try TemporaryDirectory.with { directory in
            let path = directory + "/coordinator.sqlite"
            let text = Array(String(repeating: "not a database ", count: 100).utf8)
            let descriptor = open(path, O_WRONLY | O_CREAT, 0o600)
            _ = write(descriptor, text, text.count)
            close(descriptor)
            let error = #expect(throws: CoordinatorError.self) { try SQLitePolicyStore(path: path) }
            #expect(error?.message.contains(path) == true)
        }
    }
}
