import BookendModel
import FoundationEssentials
import GRDB

/// The rows of the tables, and what they mean.
extension SQLitePolicyStore {
    /// Gives each record its id.
    static func insert(
        _ drafts: [TriggerRecord], areSlots: Bool, at now: UnixTime, _ database: Database
    ) throws -> [TriggerRecord] {
        var job = try counter("job", database)
        var change = try counter("change", database)
        let insert = try database.cachedStatement(
            sql: """
                INSERT INTO triggers (job, change, agent, policy, revision, cause, scheduled_start_unix_ms,
                    not_after_unix_ms, window_end_unix_ms, bandwidth_limit, state, is_canceled, changed_unix_ms, is_slot,
                    fault)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """)
        var records: [TriggerRecord] = []
        records.reserveCapacity(drafts.count)
        for draft in drafts {
            job += 1
            change += 1
            var record = draft
            record.trigger.job = JobID(rawValue: job)
            let trigger = record.trigger
            try insert.execute(arguments: [
                job, change, trigger.agent.rawValue, trigger.policy.rawValue, trigger.revision,
                trigger.cause.rawValue, trigger.scheduledStart.milliseconds, trigger.notAfter.milliseconds,
                trigger.windowEnd?.milliseconds, trigger.bandwidthLimit, record.state.rawValue, record.isCanceled,
                now.milliseconds, areSlots, trigger.fault?.description,
            ])
            records.append(record)
        }
        try set("job", job, database)
        try set("change", change, database)
        return records
    }

    /// Changes rows and gives each a new change number; all of one call have the same, so the condition names one job.
    static func update(
        _ assignment: String, _ condition: String, _ arguments: StatementArguments, at now: UnixTime,
        _ database: Database
    ) throws {
        let change = try counter("change", database) + 1
        try database.cachedStatement(
            sql: "UPDATE triggers SET \(assignment), change = ?, changed_unix_ms = ? WHERE \(condition)"
        ).execute(arguments: [change, now.milliseconds] + arguments)
        if database.changesCount > 0 { try set("change", change, database) }
    }

    static func trigger(_ job: JobID, _ database: Database) throws -> TriggerRecord? {
        try Row.fetchOne(
            database.cachedStatement(sql: "SELECT * FROM triggers WHERE job = ?"), arguments: [job.rawValue]
        ).map(TriggerRecord.init(row:))
    }

    static func counter(_ name: String, _ database: Database) throws -> Int64 {
        let value = try knownCounter(name, database) ?? 0
        guard (0..<Int64.max / 2).contains(value) else {
            throw CoordinatorError(
                .store, "counter \(name) is \(value): the database is damaged; restore it from a backup")
        }
        return value
    }

    static func knownCounter(_ name: String, _ database: Database) throws -> Int64? {
        try Int64.fetchOne(
            database.cachedStatement(sql: "SELECT value FROM counters WHERE name = ?"), arguments: [name])
    }

    static func epoch(_ database: Database) throws -> UInt64 {
        if let known = try knownCounter("epoch", database) { return UInt64(bitPattern: known) }
        return try renewEpoch(database)
    }

    static func renewEpoch(_ database: Database) throws -> UInt64 {
        let fresh = Int64.random(in: 1 ... .max)
        try set("epoch", fresh, database)
        try database.execute(sql: "DELETE FROM changes_passed_over")
        return UInt64(fresh)
    }

    static func set(_ name: String, _ value: Int64, _ database: Database) throws {
        try database.cachedStatement(
            sql:
                "INSERT INTO counters (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        ).execute(arguments: [name, value])
    }
}

extension TriggerRecord {
    init(row: Row) throws {
        let job = JobID(rawValue: try row.decode(forColumn: "job"))
        guard let cause = TriggerCause(rawValue: try row.decode(forColumn: "cause")),
            let state = State(rawValue: try row.decode(forColumn: "state"))
        else {
            throw CoordinatorError(.store, "job \(job): a newer bookend-coordinator wrote this row")
        }
        try self.init(
            trigger: Trigger(
                job: job, agent: AgentID(rawValue: row.decode(forColumn: "agent")),
                policy: PolicyName(rawValue: row.decode(forColumn: "policy")),
                revision: row.decode(forColumn: "revision"), cause: cause,
                scheduledStart: UnixTime(milliseconds: row.decode(forColumn: "scheduled_start_unix_ms")),
                notAfter: UnixTime(milliseconds: row.decode(forColumn: "not_after_unix_ms")),
                windowEnd: row.decode(Int64?.self, forColumn: "window_end_unix_ms").map(UnixTime.init(milliseconds:)),
                bandwidthLimit: row.decode(Int64?.self, forColumn: "bandwidth_limit"),
                fault: row.decode(String?.self, forColumn: "fault").flatMap(StagedFault.init)),
            state: state, isCanceled: row.decode(forColumn: "is_canceled"))
    }
}

extension RememberedAgent {
    init(row: Row) throws {
        let lines = try row.decode(String.self, forColumn: "claimed_labels").split(separator: "\n")
        let pairs = lines.compactMap { line in
            line.firstIndex(of: "=").map { (String(line[..<$0]), String(line[line.index(after: $0)...])) }
        }
        try self.init(
            id: AgentID(rawValue: row.decode(forColumn: "id")),
            claimedLabels: Dictionary(pairs, uniquingKeysWith: { $1 }), version: row.decode(forColumn: "version"),
            lastHeardAt: UnixTime(milliseconds: row.decode(forColumn: "last_heard_unix_ms")),
            timeZone: row.decode(forColumn: "time_zone"))
    }

    /// Keys hold no `=`, values no line break: ``BookendModel/TextRules/labelProblem(key:value:)`` saw to that.
    var labelLines: String {
        claimedLabels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: "\n")
    }
}
