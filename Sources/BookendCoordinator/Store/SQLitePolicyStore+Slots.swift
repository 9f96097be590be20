package import BookendModel
import GRDB

extension SQLitePolicyStore {
    package func record(_ plan: SlotPlan, at now: UnixTime) throws(CoordinatorError) -> [TriggerRecord] {
        try write { database in
            try Self.set("slots_planned_unix_ms", plan.plannedAt.milliseconds, database)
            var records: [TriggerRecord] = []
            var fresh: [TriggerRecord] = []
            for slot in plan.new {
                guard let job = try Self.job(of: slot, database) else {
                    fresh.append(TriggerRecord(trigger: slot, state: .planned))
                    continue
                }
                try Self.change(job, slot, "state = 'withdrawn'", at: now, database)
                try Self.trigger(job, database).map { records.append($0) }
            }
            records += try Self.insert(fresh, areSlots: true, at: now, database)
            for slot in plan.changed {
                try Self.change(slot.job, slot, "state = 'planned'", at: now, database)
                try Self.trigger(slot.job, database).map { records.append($0) }
            }
            for job in plan.withdrawn {
                try Self.update(
                    "state = 'withdrawn'", "job = ? AND state = 'planned'", [job.rawValue], at: now, database)
                try Self.trigger(job, database).map { records.append($0) }
            }
            return records
        }
    }

    private static func job(of slot: Trigger, _ database: Database) throws -> JobID? {
        try Int64.fetchOne(
            database.cachedStatement(
                sql: """
                    SELECT job FROM triggers
                    WHERE is_slot = 1 AND agent = ? AND policy = ? AND scheduled_start_unix_ms = ?
                    """),
            arguments: [slot.agent.rawValue, slot.policy.rawValue, slot.scheduledStart.milliseconds]
        ).map(JobID.init(rawValue:))
    }

    private static func change(
        _ job: JobID, _ slot: Trigger, _ condition: String, at now: UnixTime, _ database: Database
    ) throws {
        let change = try counter("change", database) + 1
        try database.cachedStatement(
            sql: """
                UPDATE triggers SET state = 'planned', revision = ?, not_after_unix_ms = ?, window_end_unix_ms = ?,
                    bandwidth_limit = ?, change = ?, changed_unix_ms = ? WHERE job = ? AND \(condition)
                """
        ).execute(arguments: [
            slot.revision, slot.notAfter.milliseconds, slot.windowEnd?.milliseconds, slot.bandwidthLimit, change,
            now.milliseconds,
            job.rawValue,
        ])
        if database.changesCount > 0 { try set("change", change, database) }
    }
}
