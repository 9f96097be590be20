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

    /// Of a coordinator that went back in time: what it plans now it tells anew.
    static func forgetPlans(_ database: Database) throws {
        try database.execute(sql: "DELETE FROM expectations WHERE state = 'planned'")
    }

    /// Its id was another start's, in the life that its coordinator forgot.
    static func forgetPlans(of trigger: Trigger, _ database: Database) throws {
        try database.cachedStatement(
            sql: "DELETE FROM expectations WHERE job = ? AND agent <> ? AND state = 'planned'"
        ).execute(arguments: [trigger.job.rawValue, trigger.agent.rawValue])
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

    init(expectation row: Row) throws {
        let job = JobID(rawValue: try row.decode(forColumn: "job"))
        guard let cause = TriggerCause(rawValue: try row.decode(forColumn: "cause")),
            let state = State(rawValue: try row.decode(forColumn: "state"))
        else { throw CollectorError(.store, "job \(job): a newer bookend-collector wrote this row") }
        try self.init(
            trigger: Trigger(
                job: job, agent: AgentID(rawValue: row.decode(forColumn: "agent")),
                policy: PolicyName(rawValue: row.decode(forColumn: "policy")),
                revision: row.decode(forColumn: "revision"), cause: cause,
                scheduledStart: UnixTime(milliseconds: row.decode(forColumn: "scheduled_start")),
                notAfter: UnixTime(milliseconds: row.decode(forColumn: "not_after"))),
            state: state)
    }
}
