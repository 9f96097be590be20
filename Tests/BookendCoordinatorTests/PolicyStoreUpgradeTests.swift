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

    private static let peer = Peer(
        identity: PeerIdentity("agent/web-1")!, key: PublicKey(checking: "yrSiA[x3D4#ut4BQ1M9^5yhh*pCfhH6z^C@iyGLk")!,
        origin: .token(TokenID(rawValue: 3)), generation: 2)
    private static let token = EnrollmentToken(
        id: TokenID(rawValue: 3), allows: TokenDraft(peerRole: .agent), usesLeft: 0, needsApproval: true,
        madeAt: Moment.start.wall, madeBy: "local")

    private static func trigger(_ job: Int64, _ state: String, since: String = "1", isSlot: Bool = false) -> StoredRow {
        StoredRow(
            "triggers", since: since,
            [
                "job": job, "change": job - 30, "agent": "web-1", "policy": "daily", "revision": 2,
                "cause": isSlot ? "schedule" : "manual", "scheduled_start_unix_ms": 1_000 + job,
                "not_after_unix_ms": 2_000 + job, "window_end_unix_ms": isSlot ? 3_000 + job : nil, "state": state,
                "is_canceled": state == "delivered", "is_cancel_acknowledged": state == "delivered",
                "changed_unix_ms": 4_000 + job, "is_slot": isSlot, "bandwidth_limit": 1 << 33,
                "fault": StagedFault(.kill).description,
            ], before: ["is_slot": false, "bandwidth_limit": nil, "fault": nil])
    }

    private static let rows: [StoredRow] =
        [
            ("1", "job", 40), ("1", "change", 7), ("slots", "epoch", 1 << 60), ("slots", "generation", 6),
            ("slots", "slots_planned_unix_ms", 5_000), ("access", "peers", 2),
        ].map { StoredRow("counters", since: $0, ["name": $1, "value": $2]) }
        + [(1, 1, "operator/alice"), (2, nil, "local")].map { (generation: Int64, revision: Int64?, by: String) in
            let body = revision.map {
                Data(
                    Wire.encode(
                        PolicyRevision(policy: .sample(), revision: $0, appliedAt: Moment.start.wall, appliedBy: by)))
            }
            return StoredRow(
                "policy_edits",
                [
                    "generation": generation, "name": "daily", "revision": revision, "body": body,
                    "made_unix_ms": 6_000, "made_by": by,
                ])
        }
        + [
            trigger(31, "pending"), trigger(32, "delivered"), trigger(33, "missed"), trigger(34, "offline"),
            trigger(35, "planned", since: "slots", isSlot: true),
            trigger(36, "reclaimed", since: "slots", isSlot: true),
            StoredRow(
                "agents",
                [
                    "id": "web-1", "claimed_labels": "site=berlin", "version": "0.1.0", "last_heard_unix_ms": 7_000,
                    "time_zone": "Europe/Berlin",
                ], before: ["time_zone": ""]),
            StoredRow(
                "peers", since: "access",
                [
                    "public_key": peer.key.text, "generation": 2, "identity": "agent/web-1", "state": "admitted",
                    "role": nil, "body": Data(Wire.encode(peer)),
                ]),
            StoredRow(
                "tokens", since: "access",
                ["id": 3, "uses_left": 0, "secret_digest": Data(0..<32), "body": Data(Wire.encode(token))]),
            StoredRow(
                "audit", since: "audit",
                [
                    "sequence": 1, "at_unix_ms": 8_000, "who": "operator/alice", "origin": "192.0.2.1",
                    "what": "job.cancel", "target": "job 32", "result": "done", "detail": "no",
                    "previous": Data(0..<32), "hash": Data(32..<64),
                ]),
            StoredRow(
                "holds", since: "holds",
                [
                    "target": "policy daily", "reason": "new disks", "since_unix_ms": 9_000, "until_unix_ms": 9_500,
                    "made_by": "local",
                ]),
            StoredRow("changes_passed_over", since: "passed-over", ["first": 8, "last": 1 << 40]),
        ]

    @Test(arguments: PolicyStoreSchema.migrator.migrations)
    func `every row of a database of any earlier version is there after the upgrade`(version: String) throws {
        func isBefore(_ other: String) -> Bool {
            let versions = PolicyStoreSchema.migrator.migrations
            return versions.firstIndex(of: version)! < versions.firstIndex(of: other)!
        }
        try TemporaryDirectory.with { directory in
            let path = directory + "/coordinator.sqlite"
            let expected = try EarlierDatabase(PolicyStoreSchema.migrator, Self.rows).write(version, to: path)
            for _ in 1...2 {
                _ = try SQLitePolicyStore(path: path)
                let found = try EarlierDatabase.contents(of: path)
                #expect(Set(expected).subtracting(found) == [], "lost, or not as it was")
                #expect(Set(found).subtracting(expected) == [], "made of nothing")
                #expect(found.count == expected.count)
            }
            let store = try SQLitePolicyStore(path: path)
            let state = try store.load()
            #expect(state.slots.map(\.trigger.job.rawValue) == (isBefore("slots") ? [] : [35]))
            #expect(state.generation == (isBefore("slots") ? 2 : 6) && state.holds.count == (isBefore("holds") ? 0 : 1))
            let access = try store.access()
            #expect(access.peers == (isBefore("access") ? [] : [Self.peer]))
            #expect(access.tokens.map(\.secretDigest) == (isBefore("access") ? [] : [[UInt8](0..<32)]))
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
