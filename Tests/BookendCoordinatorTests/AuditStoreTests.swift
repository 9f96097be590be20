import BookendDigest
import BookendModel
import BookendTestSupport
import Testing

@testable import BookendCoordinator

/// The audit log's part of the contract that every store keeps.
@Suite struct AuditStoreTests {
    private let start = Moment.start.wall

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

    private func draft(_ who: String = "operator/alice", _ what: String = "job.cancel") -> AuditDraft {
        AuditDraft(who: who, origin: "192.0.2.1", what: what, target: "job 7", result: .done, detail: "x")
    }

    private func check(_ store: any PolicyStore) throws -> AuditCheck {
        var filter = AuditFilter()
        filter.limit = 1_000
        var check = AuditCheck(anchors: []) { SHA256.hash($0).bytes }
        for entry in try store.audit(filter) { check.take(entry) }
        check.end()
        return check
    }

    @Test(arguments: StoreKind.allCases) func `lines follow each other, over a restart too`(kind: StoreKind) throws {
        try with(kind) { store, reopened in
            #expect(try store.auditHead() == nil)
            try store.append([draft(), draft("agent/a")], at: start)
            let again = try reopened()
            try again.append([draft("local/0")], at: start + .seconds(1))
            var filter = AuditFilter()
            let entries = try again.audit(filter)
            #expect(entries.map(\.sequence) == [1, 2, 3])
            #expect(entries.map(\.draft) == [draft(), draft("agent/a"), draft("local/0")])
            #expect(entries.map(\.at) == [start, start, start + .seconds(1)])
            #expect(entries[0].previous == AuditEntry.origin && entries[2].previous == entries[1].hash)
            #expect(try again.auditHead() == entries[2].head)
            let result = try check(again)
            #expect(result.findings == [] && result.entries == 3)
            filter.after = 3
            #expect(try again.audit(filter) == [])
        }
    }

    @Test(arguments: StoreKind.allCases) func `a filter picks by time and by name, the oldest or the newest`(
        kind: StoreKind
    ) throws {
        try with(kind) { store, _ in
            for number in 0..<10 {
                let who = ["operator/alice", "operator/bob", "agent/operator_x", "Operator/alice", "operator/%"][
                    number % 5]
                try store.append([draft(who)], at: start + .seconds(number))
            }
            func picked(_ change: (inout AuditFilter) -> Void) throws -> [Int64] {
                var filter = AuditFilter()
                change(&filter)
                return try store.audit(filter).map(\.sequence)
            }
            #expect(try picked { _ in } == Array(1...10))
            #expect(try picked { $0.limit = 3 } == [1, 2, 3])
            #expect(try picked { ($0.limit, $0.newest) = (3, true) } == [8, 9, 10])
            #expect(try picked { $0.who = "operator/alice" } == [1, 6])
            #expect(try picked { $0.who = "operator/" } == [1, 2, 5, 6, 7, 10])
            #expect(try picked { $0.who = "operator" } == [])
            #expect(try picked { ($0.since, $0.until) = (start + .seconds(4), start + .seconds(6)) } == [5, 6])
            #expect(try picked { ($0.after, $0.limit) = (4, 2) } == [5, 6])
        }
    }

    @Test(arguments: StoreKind.allCases) func `a change and its line are written together`(kind: StoreKind) throws {
        try with(kind) { store, reopened in
            let policy = PolicyRevision(policy: .sample(), revision: 1, appliedAt: start, appliedBy: "operator/alice")
            try store.record(
                [PolicyEdit(generation: 1, name: policy.policy.name, revision: policy)], by: "operator/alice",
                audit: [draft("operator/alice", "policy.apply")], at: start)
            let trigger = TriggerRecord(
                trigger: Trigger(
                    job: JobID(rawValue: 0), agent: web1, policy: policy.policy.name, revision: 1, cause: .manual,
                    scheduledStart: start, notAfter: start, windowEnd: nil), state: .pending)
            let jobs = try store.record(
                [trigger, trigger],
                audit: { records in
                    [draft("operator/bob", records.map(\.trigger.job.description).joined(separator: "+"))]
                },
                at: start)
            _ = try store.cancel(jobs[0].trigger.job, audit: [draft("operator/bob", "job.cancel")], at: start)
            let all = try reopened().audit(AuditFilter())
            #expect(all.map(\.draft.what) == ["policy.apply", "1+2", "job.cancel"])
            #expect(try check(store).findings == [])
        }
    }

    @Test func `a change that cannot be written leaves no line`() throws {
        try TemporaryDirectory.with { directory in
            let store = try SQLitePolicyStore(path: directory + "/coordinator.sqlite")
            let policy = PolicyRevision(policy: .sample(), revision: 1, appliedAt: start, appliedBy: "x")
            let edit = PolicyEdit(generation: 1, name: policy.policy.name, revision: policy)
            try store.record([edit], by: "x", audit: [draft()], at: start)
            #expect(throws: CoordinatorError.self) {
                try store.record([edit], by: "x", audit: [draft()], at: start)
            }
            #expect(try store.auditHead()?.sequence == 1)
        }
    }
}
