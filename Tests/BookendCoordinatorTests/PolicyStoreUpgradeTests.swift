import BookendModel
import BookendTestSupport
import BookendWire
import FoundationEssentials
import GRDB
import Testing

@testable import BookendCoordinator

/// Databases that an earlier version wrote.
@Suite struct PolicyStoreUpgradeTests {
    private let start = Moment.start.wall

    /// What the first version wrote: a policy with two revisions, a deleted one, a trigger in each state that it knew.
    private func fill(_ database: Database) throws {
        try database.execute(sql: "INSERT INTO counters VALUES ('job', 40), ('change', 7)")
        for (generation, name, revision) in [(1, "daily", 1), (2, "weekly", 1), (3, "daily", 2)]
            as [(Int64, String, Int64)]
        {
            let body = PolicyRevision(
                policy: .sample(name), revision: revision, appliedAt: start, appliedBy: "operator/alice")
            try database.execute(
                sql: "INSERT INTO policy_edits VALUES (?, ?, ?, ?, ?, 'operator/alice')",
                arguments: [generation, name, revision, DatabaseValue(bytes: Wire.encode(body)), start.milliseconds])
        }
        try database.execute(
            sql: "INSERT INTO policy_edits VALUES (4, 'weekly', NULL, NULL, ?, 'local')",
            arguments: [start.milliseconds])
        let triggers: [(job: Int64, state: String, isCanceled: Bool)] = [
            (31, "pending", false), (32, "delivered", false), (33, "missed", false), (34, "offline", false),
            (35, "delivered", true),
        ]
        for (change, trigger) in triggers.enumerated() {
            try database.execute(
                sql: "INSERT INTO triggers VALUES (?, ?, 'web-1', 'daily', 2, 'manual', ?, ?, NULL, ?, ?, 0, ?)",
                arguments: [
                    trigger.job, change + 1, start.milliseconds, start.milliseconds + 60_000, trigger.state,
                    trigger.isCanceled, start.milliseconds,
                ])
        }
        try database.execute(
            sql: "INSERT INTO agents VALUES ('web-1', 'site=berlin', '0.1.0', ?)", arguments: [start.milliseconds])
    }

    @Test(arguments: PolicyStoreSchema.migrator.migrations)
    func `a database of an earlier version is brought up to date and loses nothing`(version: String) throws {
        try TemporaryDirectory.with { directory in
            let path = directory + "/coordinator.sqlite"
            do {
                let old = try DatabaseQueue(path: path)
                try PolicyStoreSchema.migrator.migrate(old, upTo: "1")
                try old.write(fill)
                try PolicyStoreSchema.migrator.migrate(old, upTo: version)
            }
            var epoch: UInt64?
            for _ in 1...2 {
                let store = try SQLitePolicyStore(path: path)
                let state = try store.load()
                #expect(state.generation == 4 && state.policies.map(\.revision) == [2])
                #expect(state.policies.map(\.policy) == [.sample()])
                #expect(state.highestRevisions.map { "\($0.key) \($0.value)" }.sorted() == ["daily 2", "weekly 1"])
                // A missed trigger is told from now on, so that the agent reports it skipped.
                #expect(state.openTriggers.map(\.record.trigger.job.rawValue) == [31, 33, 35])
                #expect(state.openTriggers.allSatisfy { !$0.isSlot && !$0.isCancelAcknowledged })
                #expect(state.agents.map(\.id) == [web1] && state.slots.isEmpty)
                #expect(try store.revision(1, of: PolicyName(rawValue: "weekly"))?.policy == .sample("weekly"))
                #expect(try store.changes(after: 0, limit: 10).records.count == 5)
                #expect(state.epoch != 0 && (epoch == nil || epoch == state.epoch))
                epoch = state.epoch
            }
            let drafts = [
                TriggerRecord(
                    trigger: Trigger(
                        job: JobID(rawValue: 0), agent: web1, policy: PolicyName(rawValue: "daily"), revision: 2,
                        cause: .manual, scheduledStart: start, notAfter: start, windowEnd: nil), state: .pending)
            ]
            let next = try SQLitePolicyStore(path: path).record(drafts, at: start)
            #expect(next.map(\.trigger.job.rawValue) == [41])
        }
    }

    @Test func `a database of a newer version is refused, and the error says what to run`() throws {
        try TemporaryDirectory.with { directory in
            let path = directory + "/coordinator.sqlite"
            _ = try SQLitePolicyStore(path: path)
            try DatabaseQueue(path: path).write { database in
                try database.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('of-tomorrow')")
            }
            let error = #expect(throws: CoordinatorError.self) { try SQLitePolicyStore(path: path) }
            #expect(error?.message.contains("a newer bookend-coordinator") == true, "\(error as Any)")
        }
    }
}

extension DatabaseValue {
    fileprivate init(bytes: [UInt8]) { self = bytes.withUnsafeBytes { Data($0) }.databaseValue }
}
