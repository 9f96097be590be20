import BookendModel
import GRDB

extension SQLiteReportStore {
    static func expect(_ record: TriggerRecord, isSpokenOf: Bool, _ database: Database) throws {
        let trigger = record.trigger
        guard record.isExpected, !isSpokenOf else {
            return try forgetExpectation(trigger.job, trigger.agent, database)
        }
        try database.cachedStatement(
            sql: """
                INSERT OR REPLACE INTO expectations
                    (job, agent, policy, revision, cause, state, scheduled_start, not_after)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            trigger.job.rawValue, trigger.agent.rawValue, trigger.policy.rawValue, trigger.revision,
            trigger.cause.rawValue, record.state.rawValue, trigger.scheduledStart.milliseconds,
            trigger.notAfter.milliseconds,
        ])
    }

    static func forgetExpectation(_ job: JobID, _ agent: AgentID, _ database: Database) throws {
        try database.cachedStatement(sql: "DELETE FROM expectations WHERE job = ? AND agent = ?")
            .execute(arguments: [job.rawValue, agent.rawValue])
    }
}

extension TriggerRecord {
    /// Its agent will say something of it.
    var isExpected: Bool {
        switch state {
        case .planned, .pending, .delivered, .missed, .reclaimed: true
        case .offline, .withdrawn, .conflict: false
        }
    }

    /// `nil`: a newer version wrote the row.
    init?(expectation row: Row) {
        guard let cause = TriggerCause(rawValue: row["cause"]), let state = State(rawValue: row["state"]) else {
            return nil
        }
        self.init(
            trigger: Trigger(
                job: JobID(rawValue: row["job"]), agent: AgentID(rawValue: row["agent"]),
                policy: PolicyName(rawValue: row["policy"]), revision: row["revision"], cause: cause,
                scheduledStart: UnixTime(milliseconds: row["scheduled_start"]),
                notAfter: UnixTime(milliseconds: row["not_after"])),
            state: state)
    }
}
