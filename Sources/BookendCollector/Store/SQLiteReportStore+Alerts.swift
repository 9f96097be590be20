package import BookendModel
import BookendWire
import FoundationEssentials
import GRDB

extension SQLiteReportStore: AlertStore {
    package func alertState() throws(CollectorError) -> AlertState {
        try read { database in
            let bodies = try Data.fetchAll(database, sql: "SELECT body FROM alert_silences ORDER BY id")
            return AlertState(
                alerts: try Self.alerts(database, where: "is_active = 1 ORDER BY id"),
                silences: try bodies.map { try Wire.decodeAlertSilence([UInt8]($0)) },
                highestID: try Self.fact("alerts_highest", database) ?? 0,
                judgedThrough: try Self.fact("alerts_through", database) ?? 0)
        }
    }

    package func unjudged(limit: Int) throws(CollectorError) -> (entries: [UnjudgedEntry], through: Int64) {
        try read { database in
            var through = try Self.fact("alerts_through", database) ?? 0
            let rows = try Row.fetchAll(
                database.cachedStatement(
                    sql: "SELECT cursor, report, is_inference FROM reports WHERE cursor > ? ORDER BY cursor LIMIT ?"),
                arguments: [through, limit])
            var entries: [UnjudgedEntry] = []
            for row in rows {
                let body = try Self.body(row).body
                through = try row.decode(forColumn: "cursor")
                var entry = UnjudgedEntry(body: body)
                if case .report(let report) = body, report.endsJob {
                    entry.job = try Self.aggregate(
                        JobKey(job: report.trigger.job, agent: report.origin.agent), database)
                }
                entries.append(entry)
            }
            return (entries, through)
        }
    }

    package func record(
        _ changes: AlertBook.Changes, judgedThrough: Int64, messages: [OutgoingMessage], actions: [CollectorAction]
    ) throws(CollectorError) -> Int {
        try write { database in
            for action in actions { try Self.insert(action, database) }
            for alert in changes.alerts { try Self.save(alert, database) }
            if let silences = changes.silences {
                try database.execute(sql: "DELETE FROM alert_silences")
                for silence in silences {
                    try database.execute(
                        sql: "INSERT INTO alert_silences (id, body) VALUES (?, ?)",
                        arguments: [silence.id, Data(Wire.encode(silence))])
                }
            }
            let highest = (changes.alerts.map(\.id) + (changes.silences ?? []).map(\.id)).max() ?? 0
            if highest > (try Self.fact("alerts_highest", database) ?? 0) {
                try Self.set("alerts_highest", highest, database)
            }
            try Self.set("alerts_through", judgedThrough, database)
            for notice in changes.notices {
                // 2: no inference either, and no report.
                try database.cachedStatement(
                    sql: "INSERT INTO reports (stored_at, report, is_inference) VALUES (?, ?, 2)"
                ).execute(arguments: [notice.at.milliseconds, Data(Wire.encode(AlertEvent(notice)))])
            }
            if !changes.notices.isEmpty {
                let others = try Self.fact("inferences", database) ?? 0
                try Self.set("inferences", others + Int64(changes.notices.count), database)
            }
            return try Self.enqueue(messages, database)
        }
    }

    package func alerts(_ filter: AlertFilter) throws(CollectorError) -> [Alert] {
        var conditions = ["1"]
        var arguments: StatementArguments = []
        if filter.activeOnly { conditions.append("is_active = 1") }
        if let kind = filter.kind {
            conditions.append("kind = ?")
            arguments += [kind.rawValue]
        }
        if let policy = filter.policy {
            conditions.append("policy = ?")
            arguments += [policy.rawValue]
        }
        let clause = conditions.joined(separator: " AND ") + " ORDER BY id DESC LIMIT ?"
        let all = arguments + [min(max(1, filter.limit), 1_000)]
        return try read { database in try Self.alerts(database, where: clause, all) }
    }

    package func alert(_ id: Int64) throws(CollectorError) -> Alert? {
        try read { database in try Self.alerts(database, where: "id = ?", [id]).first }
    }

    package func backupAges(jobsSince time: UnixTime) throws(CollectorError) -> [BackupAge] {
        try read { database in
            // From the tallies: jobs are many, and servers few.
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT t.agent AS agent, t.policy AS policy, g.at AS at,
                        (SELECT min(scheduled_start) FROM jobs j
                            WHERE j.agent = t.agent AND j.policy = t.policy AND NOT j.is_rehearsal) AS first
                    FROM (SELECT DISTINCT agent, policy FROM tallies) t
                    LEFT JOIN good_backups g ON g.agent = t.agent AND g.policy = t.policy
                    WHERE EXISTS (
                        SELECT 1 FROM jobs j WHERE j.agent = t.agent AND j.policy = t.policy AND NOT j.is_rehearsal
                            AND j.scheduled_start >= ?)
                    ORDER BY t.agent, t.policy
                    """, arguments: [time.milliseconds])
            return try rows.map { row in
                let (agent, policy) = try row.agentAndPolicy()
                let good: Int64? = try row.decode(forColumn: "at")
                return BackupAge(
                    agent: agent, policy: policy, goodAt: good.map(UnixTime.init(milliseconds:)),
                    firstAt: UnixTime(milliseconds: try row.decode(forColumn: "first")))
            }
        }
    }

    package func pruneAlerts(resolvedBefore time: UnixTime, limit: Int) throws(CollectorError) -> Bool {
        try write { database in
            let ids = try Int64.fetchAll(
                database, sql: "SELECT id FROM alerts WHERE is_active = 0 AND resolved_at < ? ORDER BY id LIMIT ?",
                arguments: [time.milliseconds, limit])
            for id in ids {
                try database.execute(sql: "DELETE FROM alert_subjects WHERE alert = ?", arguments: [id])
                try database.execute(sql: "DELETE FROM alerts WHERE id = ?", arguments: [id])
            }
            return ids.count == limit
        }
    }

    private static func alerts(
        _ database: Database, where clause: String, _ arguments: StatementArguments = []
    ) throws -> [Alert] {
        try Data.fetchAll(database, sql: "SELECT body FROM alerts WHERE \(clause)", arguments: arguments).map { body in
            var alert = try Wire.decodeAlert([UInt8](body))
            let subjects = try Data.fetchAll(
                database.cachedStatement(sql: "SELECT body FROM alert_subjects WHERE alert = ?"), arguments: [alert.id])
            for body in subjects {
                let subject = try Wire.decodeAlertSubject([UInt8](body))
                alert.subjects[subject.key(of: alert.cause.kind)] = subject
            }
            return alert
        }
    }

    /// Subjects that are not among the alert's stay as they are.
    private static func save(_ alert: Alert, _ database: Database) throws {
        var head = alert
        head.subjects = [:]
        try database.cachedStatement(
            sql: """
                INSERT INTO alerts (id, kind, policy, is_active, resolved_at, body) VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET
                    is_active = excluded.is_active, resolved_at = excluded.resolved_at, body = excluded.body
                """
        ).execute(arguments: [
            alert.id, alert.cause.kind.rawValue, alert.cause.policy?.rawValue ?? "", alert.isActive,
            alert.resolvedAt?.milliseconds, Data(Wire.encode(head)),
        ])
        let insert = try database.cachedStatement(
            sql: "INSERT OR REPLACE INTO alert_subjects (alert, agent, job, body) VALUES (?, ?, ?, ?)")
        for (key, subject) in alert.subjects {
            try insert.execute(arguments: [
                alert.id, key.agent.rawValue, key.job?.rawValue ?? 0, Data(Wire.encode(subject)),
            ])
        }
    }
}
