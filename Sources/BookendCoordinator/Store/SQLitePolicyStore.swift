import BookendDaemon
package import BookendModel
import BookendWire
import FoundationEssentials
import GRDB

/// The coordinator's store in one SQLite file: WAL, synchronous FULL, so that what was acknowledged to an operator survives
/// a power cut.
package final class SQLitePolicyStore: PolicyStore {
    private let database: DatabaseQueue

    /// Opens or makes the file, and brings an older one up to date.
    ///
    /// - Throws: ``CoordinatorError`` with code `.store`; the message names the file.
    package init(path: String) throws(CoordinatorError) {
        do {
            var configuration = Configuration()
            configuration.busyMode = .timeout(5)
            database = try DatabaseQueue(path: path, configuration: configuration)
            try database.writeWithoutTransaction { database in
                try database.execute(sql: "PRAGMA journal_mode = WAL")
                try database.execute(sql: "PRAGMA synchronous = FULL")
                guard try Int.fetchOne(database, sql: "PRAGMA synchronous") == 2 else {
                    throw CoordinatorError(.store, "\(path): SQLite refused synchronous = FULL")
                }
            }
            try PolicyStoreSchema.migrator.upgrade(database, at: path, of: "bookend-coordinator")
        } catch let error as CoordinatorError {
            throw error
        } catch let error as DaemonError {
            throw CoordinatorError(.store, error.message)
        } catch {
            throw CoordinatorError(.store, "\(path): cannot open the database: \(error)")
        }
    }

    /// The journal's mode and the level of synchronization, as the connection that writes has them.
    func durability() throws(CoordinatorError) -> String {
        try write { database in
            let mode = try String.fetchOne(database, sql: "PRAGMA journal_mode") ?? ""
            return try "\(mode) \(Int.fetchOne(database, sql: "PRAGMA synchronous") ?? -1)"
        }
    }

    package func load() throws(CoordinatorError) -> CoordinatorState {
        try write { database in
            let policies = try Data.fetchAll(
                database,
                sql: """
                    SELECT body FROM policy_edits AS edit WHERE body IS NOT NULL AND generation =
                        (SELECT max(generation) FROM policy_edits WHERE name = edit.name) ORDER BY name
                    """)
            let highest = try Row.fetchAll(
                database,
                sql: "SELECT name, max(revision) AS revision FROM policy_edits WHERE revision NOT NULL GROUP BY name")
            let open = try Row.fetchAll(
                database,
                sql: """
                    SELECT * FROM triggers WHERE state IN ('pending', 'missed', 'reclaimed')
                        OR is_canceled > is_cancel_acknowledged ORDER BY job
                    """)
            let slots = try Row.fetchAll(database, sql: "SELECT * FROM triggers WHERE state = 'planned' ORDER BY job")
            let agents = try Row.fetchAll(database, sql: "SELECT * FROM agents ORDER BY id")
            return CoordinatorState(
                generation: max(
                    try Int64.fetchOne(database, sql: "SELECT max(generation) FROM policy_edits") ?? 0,
                    try Self.counter("generation", database)),
                policies: try policies.map { try Wire.decodePolicyRevision([UInt8]($0)) },
                highestRevisions: Dictionary(
                    try highest.map { row in
                        (PolicyName(rawValue: try row.decode(forColumn: "name")), try row.decode(forColumn: "revision"))
                    }, uniquingKeysWith: max),
                openTriggers: try open.map { row in
                    OpenTrigger(
                        record: try TriggerRecord(row: row),
                        isCancelAcknowledged: try row.decode(forColumn: "is_cancel_acknowledged"),
                        isSlot: try row.decode(forColumn: "is_slot"))
                },
                agents: try agents.map(RememberedAgent.init(row:)), slots: try slots.map(TriggerRecord.init(row:)),
                slotsPlannedAt: try Self.knownCounter("slots_planned_unix_ms", database).map(
                    UnixTime.init(milliseconds:)),
                holds: try Self.holds(database), epoch: try Self.epoch(database))
        }
    }

    // MARK: Policies

    package func record(
        _ edits: [PolicyEdit], by author: String, audit: [AuditDraft], at now: UnixTime
    ) throws(CoordinatorError) {
        try write { database in
            try Self.append(audit, at: now, database)
            for edit in edits {
                try database.execute(
                    sql: """
                        INSERT INTO policy_edits (generation, name, revision, body, made_unix_ms, made_by)
                        VALUES (?, ?, ?, ?, ?, ?)
                        """,
                    arguments: [
                        edit.generation, edit.name.rawValue, edit.revision?.revision,
                        edit.revision.map { Data(Wire.encode($0)) }, now.milliseconds, author,
                    ])
            }
        }
    }

    package func revision(
        _ number: Int64, of policy: PolicyName
    ) throws(CoordinatorError) -> PolicyRevision? {
        try write { database in
            try Data.fetchOne(
                database, sql: "SELECT body FROM policy_edits WHERE name = ? AND revision = ?",
                arguments: [policy.rawValue, number]
            ).map { try Wire.decodePolicyRevision([UInt8]($0)) }
        }
    }

    // MARK: Triggers

    package func record(
        _ drafts: [TriggerRecord], audit: ([TriggerRecord]) -> [AuditDraft], at now: UnixTime
    ) throws(CoordinatorError) -> [TriggerRecord] {
        guard !drafts.isEmpty else { return [] }
        return try write { database in
            let records = try Self.insert(drafts, areSlots: false, at: now, database)
            try Self.append(audit(records), at: now, database)
            return records
        }
    }

    package func reclaim(
        of agent: AgentID, knowing jobs: [KnownJob], since: UnixTime, at now: UnixTime
    ) throws(CoordinatorError) -> [OpenTrigger] {
        let known = Set(jobs)
        return try write { database in
            let delivered = try Row.fetchAll(
                database.cachedStatement(
                    sql: "SELECT * FROM triggers WHERE agent = ? AND state = 'delivered' AND changed_unix_ms >= ?"),
                arguments: [agent.rawValue, since.milliseconds]
            ).map { row in
                (record: try TriggerRecord(row: row), isSlot: try row.decode(Bool.self, forColumn: "is_slot"))
            }
            return try delivered.filter { !known.contains(KnownJob($0.record.trigger)) }.map { record, isSlot in
                try Self.update(
                    "state = 'reclaimed', is_cancel_acknowledged = 0", "job = ?", [record.trigger.job.rawValue],
                    at: now, database)
                var record = record
                record.state = .reclaimed
                return OpenTrigger(record: record, isCancelAcknowledged: false, isSlot: isSlot)
            }
        }
    }

    package func reissue(_ job: JobID, at now: UnixTime) throws(CoordinatorError) -> TriggerRecord? {
        try write { database in
            let row = try Row.fetchOne(
                database.cachedStatement(
                    sql: """
                        SELECT * FROM triggers
                        WHERE job = ? AND state IN ('planned', 'pending', 'missed', 'reclaimed', 'offline')
                        """),
                arguments: [job.rawValue])
            guard let row else { return nil }
            try Self.update("state = 'conflict', is_slot = 0", "job = ?", [job.rawValue], at: now, database)
            return try Self.insert(
                [TriggerRecord(row: row)], areSlots: row.decode(forColumn: "is_slot"), at: now, database)[0]
        }
    }

    package func goAbove(
        job: JobID, generation: Int64, renewingEpoch: Bool
    ) throws(CoordinatorError) -> UInt64 {
        try write { database in
            if try job.rawValue > Self.counter("job", database) { try Self.set("job", job.rawValue, database) }
            if try generation > Self.counter("generation", database) {
                try Self.set("generation", generation, database)
            }
            return try renewingEpoch ? Self.renewEpoch(database) : Self.epoch(database)
        }
    }

    package func highestJob() throws(CoordinatorError) -> JobID {
        try write { JobID(rawValue: try Self.counter("job", $0)) }
    }

    package func trigger(_ job: JobID) throws(CoordinatorError) -> TriggerRecord? {
        try write { try Self.trigger(job, $0) }
    }

    package func cancel(
        _ job: JobID, audit: [AuditDraft], at now: UnixTime
    ) throws(CoordinatorError) -> TriggerRecord? {
        try write { database in
            try Self.append(audit, at: now, database)
            try Self.update("is_canceled = 1", "job = ? AND is_canceled = 0", [job.rawValue], at: now, database)
            return try Self.trigger(job, database)
        }
    }

    package func settle(_ settlements: [TriggerSettlement], at now: UnixTime) throws(CoordinatorError) {
        guard !settlements.isEmpty else { return }
        try write { database in
            for settlement in settlements {
                switch settlement {
                case .due(let job):
                    try Self.update(
                        "state = 'pending'", "job = ? AND state = 'planned'", [job.rawValue], at: now, database)
                case .delivered(let job, let agent):
                    try Self.update(
                        "state = 'delivered'",
                        "job = ? AND agent = ? AND state IN ('planned', 'pending', 'missed', 'reclaimed')",
                        [job.rawValue, agent.rawValue], at: now, database)
                case .withdrawn(let job):
                    try Self.update(
                        "state = 'withdrawn'", "job = ? AND state IN ('pending', 'missed', 'reclaimed')",
                        [job.rawValue], at: now, database)
                case .missed(let job):
                    try Self.update(
                        "state = 'missed'", "job = ? AND state = 'pending'", [job.rawValue], at: now, database)
                case .offline(let job):
                    try Self.update(
                        "state = 'offline'", "job = ? AND state = 'pending'", [job.rawValue], at: now, database)
                case .cancelAcknowledged(let job, let agent):
                    // No news to the collector: no change number.
                    try database.cachedStatement(
                        sql:
                            "UPDATE triggers SET is_cancel_acknowledged = 1 WHERE job = ? AND agent = ? AND is_canceled = 1"
                    ).execute(arguments: [job.rawValue, agent.rawValue])
                }
            }
        }
    }

    package func giveUp(before time: UnixTime, at now: UnixTime) throws(CoordinatorError) -> [TriggerRecord] {
        try write { database in
            let jobs = try Int64.fetchAll(
                database,
                sql: """
                    SELECT job FROM triggers WHERE changed_unix_ms < ? AND state IN ('missed', 'reclaimed') ORDER BY job
                    """, arguments: [time.milliseconds])
            return try jobs.compactMap { job in
                try Self.update("state = 'offline'", "job = ?", [job], at: now, database)
                return try Self.trigger(JobID(rawValue: job), database)
            }
        }
    }

    package func prune(before time: UnixTime) throws(CoordinatorError) -> Int {
        try write { database in
            try database.execute(
                sql: """
                    DELETE FROM triggers
                    WHERE changed_unix_ms < ? AND state NOT IN ('planned', 'pending', 'missed', 'reclaimed')
                    """, arguments: [time.milliseconds])
            return database.changesCount
        }
    }

    // MARK: Agents

    package func remember(_ agents: [RememberedAgent]) throws(CoordinatorError) {
        guard !agents.isEmpty else { return }
        try write { database in
            for agent in agents {
                try database.cachedStatement(
                    sql: """
                        INSERT INTO agents (id, claimed_labels, version, last_heard_unix_ms, time_zone)
                        VALUES (?, ?, ?, ?, ?)
                        ON CONFLICT (id) DO UPDATE SET claimed_labels = excluded.claimed_labels,
                            version = excluded.version, last_heard_unix_ms = excluded.last_heard_unix_ms,
                            time_zone = excluded.time_zone
                        """
                ).execute(arguments: [
                    agent.id.rawValue, agent.labelLines, agent.version, agent.lastHeardAt.milliseconds,
                    agent.timeZone,
                ])
            }
        }
    }

    // MARK: Transactions

    /// One transaction, its errors in the module's own words.
    func write<T>(_ body: (Database) throws -> T) throws(CoordinatorError) -> T {
        do {
            return try database.write(body)
        } catch {
            throw CoordinatorError(
                .store, "the database \(database.path) failed: \(error); is the disk full, or the file damaged?")
        }
    }
}
