import BookendModel
import BookendWire
import FoundationEssentials
import GRDB

/// The rows of the tables, and what they mean.
extension SQLiteJournal {
    func job(_ row: Row) throws -> JournaledJob {
        let policy = try row.decode(Data?.self, forColumn: "under").map { try Wire.decodePolicyRevision([UInt8]($0)) }
        let job = JobID(rawValue: try row.decode(forColumn: "job"))
        let word = try row.decode(String.self, forColumn: "cause")
        guard let cause = TriggerCause(rawValue: word) else {
            throw AgentError(.journal, "job \(job): unknown cause \(word)")
        }
        var trigger = try trigger(row, cause: cause)
        trigger.fault = try row.decode(String?.self, forColumn: "fault").flatMap(StagedFault.init)
        return try JournaledJob(
            trigger: trigger, policy: policy,
            acceptedAt: UnixTime(milliseconds: row.decode(forColumn: "accepted_at")),
            isCanceled: row.decode(forColumn: "is_canceled"),
            isFirstBackup: row.decode(forColumn: "is_first_backup"), attempts: row.decode(forColumn: "attempts"),
            owesPostScript: row.decode(forColumn: "owes_post_script"),
            postRuns: row.decode(forColumn: "post_runs"))
    }

    static func recordDebt(of job: JobID, _ attempt: Int, _ database: Database) throws {
        try database.cachedStatement(sql: "INSERT INTO debts (job, attempt) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .execute(arguments: [job.rawValue, attempt])
    }

    static func recordPostScript(
        of job: JobID, _ attempt: Int, _ pre: StageEnd, _ backup: StageEnd, _ database: Database
    ) throws {
        try database.cachedStatement(
            sql: """
                UPDATE debts SET runs = runs + 1, pre_status = ?, pre_exit_code = ?, backup_status = ?, snapshot = ?,
                    bytes_added = ?
                WHERE job = ? AND attempt = ?
                """
        ).execute(arguments: [
            pre.status.rawValue, pre.details.exitCode, backup.status.rawValue, backup.details.snapshotID,
            backup.details.bytesAdded, job.rawValue, attempt,
        ])
    }

    static func settleDebt(of job: JobID, _ attempt: Int, _ end: DebtEnd, _ database: Database) throws {
        guard case .unpaid(let reason) = end else {
            return try database.cachedStatement(sql: "DELETE FROM debts WHERE job = ? AND attempt = ?")
                .execute(arguments: [job.rawValue, attempt])
        }
        // It did not start after all: that is not a run.
        try database.cachedStatement(
            sql: "UPDATE debts SET unpaid_because = ?, runs = max(0, runs - 1) WHERE job = ? AND attempt = ?"
        ).execute(arguments: [reason, job.rawValue, attempt])
    }

    func trigger(_ row: Row, cause: TriggerCause) throws -> Trigger {
        try Trigger(
            job: JobID(rawValue: row.decode(forColumn: "job")), agent: agent,
            policy: PolicyName(rawValue: row.decode(forColumn: "policy")), revision: row.decode(forColumn: "revision"),
            cause: cause, scheduledStart: UnixTime(milliseconds: row.decode(forColumn: "scheduled_start")),
            notAfter: UnixTime(milliseconds: row.decode(forColumn: "not_after")),
            windowEnd: row.decode(Int64?.self, forColumn: "window_end").map(UnixTime.init(milliseconds:)),
            bandwidthLimit: row.decode(Int64?.self, forColumn: "bandwidth_limit"))
    }

    /// The start of a trigger is another job already.
    static func hasBegun(_ trigger: Trigger, _ database: Database) throws -> Bool {
        try Bool.fetchOne(
            database.cachedStatement(
                sql: """
                    SELECT EXISTS (SELECT 1 FROM jobs WHERE policy = ? AND scheduled_start = ? AND job <> ?
                        AND cause NOT IN ('manual', 'rehearsal'))
                    """),
            arguments: [trigger.policy.rawValue, trigger.scheduledStart.milliseconds, trigger.job.rawValue]) ?? false
    }

    static func forgetSlot(_ job: JobID, _ database: Database) throws {
        try database.cachedStatement(sql: "DELETE FROM slots WHERE job = ?").execute(arguments: [job.rawValue])
    }

    /// A job that has begun is no slot any more.
    static func save(_ slot: Trigger, _ database: Database) throws {
        try database.cachedStatement(
            sql: """
                INSERT OR REPLACE INTO slots
                    (job, policy, revision, scheduled_start, not_after, window_end, bandwidth_limit, is_held)
                SELECT ?, ?, ?, ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE job = ?)
                """
        ).execute(arguments: [
            slot.job.rawValue, slot.policy.rawValue, slot.revision, slot.scheduledStart.milliseconds,
            slot.notAfter.milliseconds, slot.windowEnd?.milliseconds, slot.bandwidthLimit, slot.isHeld,
            slot.job.rawValue,
        ])
    }

    static func update(
        _ assignments: String, _ values: StatementArguments, _ job: JobID, _ database: Database
    ) throws {
        try database.cachedStatement(sql: "UPDATE jobs SET \(assignments) WHERE job = ?")
            .execute(arguments: values + [job.rawValue])
    }

    static func save(_ revision: PolicyRevision, _ database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO policies (name, revision) VALUES (?, ?)
                ON CONFLICT (name) DO UPDATE SET revision = excluded.revision
                """, arguments: [revision.policy.name.rawValue, Data(Wire.encode(revision))])
    }

    func incarnation(_ database: Database) throws -> UInt64 {
        if let known = try Self.number("incarnation", database) { return UInt64(bitPattern: known) }
        let fresh = UInt64.random(in: 1...UInt64(Int64.max))
        try Self.set("incarnation", Int64(bitPattern: fresh), database)
        return fresh
    }

    static func number(_ key: String, _ database: Database) throws -> Int64? {
        try Int64.fetchOne(database.cachedStatement(sql: "SELECT value FROM facts WHERE key = ?"), arguments: [key])
    }

    static func set(_ key: String, _ value: Int64, _ database: Database) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO facts (key, value) VALUES (?, ?)
                ON CONFLICT (key) DO UPDATE SET value = excluded.value
                """
        ).execute(arguments: [key, value])
    }
}
