import BookendDaemon
package import BookendModel
import BookendWire
import FoundationEssentials
import GRDB

/// The store in one SQLite file: WAL, synchronous FULL. Queries read beside the writer, from their own snapshot.
package final class SQLiteReportStore: ReportStore {
    let database: DatabasePool

    /// Opens or makes the database, and brings an older one up to date.
    package init(path: String) throws(CollectorError) {
        do {
            var configuration = Configuration()
            configuration.busyMode = .timeout(5)
            configuration.maximumReaderCount = 4
            database = try DatabasePool(path: path, configuration: configuration)
            // After opening: a pool sets its writer to NORMAL, which can lose the last commits in a power cut.
            try database.writeWithoutTransaction { database in
                try database.execute(sql: "PRAGMA synchronous = FULL")
                guard try Int.fetchOne(database, sql: "PRAGMA synchronous") == 2 else {
                    throw CollectorError(.store, "\(path): SQLite refused synchronous = FULL")
                }
            }
            try StoreSchema.migrator.upgrade(database, at: path, of: "bookend-collector")
            try database.write { database in
                if try Self.fact("epoch", database) == nil {
                    try Self.set("epoch", Int64.random(in: 1...Int64(UInt32.max)), database)
                }
            }
        } catch let error as CollectorError {
            throw error
        } catch let error as DaemonError {
            throw CollectorError(.store, error.message)
        } catch {
            throw CollectorError(.store, "\(path): cannot open the database: \(error)")
        }
    }

    /// Takes what is in the log beside the file into the file: a copy of it is whole then. SQLite does so by itself only when
    /// the writer is the last to close, which readers decide.
    package func checkpoint() throws(CollectorError) {
        do {
            _ = try database.writeWithoutTransaction { try $0.checkpoint(.truncate) }
        } catch {
            throw CollectorError(.store, "the database \(database.path) failed: \(error)")
        }
    }

    package func store(_ reports: [AcceptedReport], at now: UnixTime) throws(CollectorError) -> [FeedEntry] {
        try write { database in
            let epoch = try Self.epoch(database)
            var changes: [JobKey: JobChange] = [:]
            var positions: [Intake.Source: Intake.Position] = [:]
            var entries: [FeedEntry] = []
            entries.reserveCapacity(reports.count)
            let insert = try database.cachedStatement(
                sql: "INSERT INTO reports (stored_at, report, digest) VALUES (?, ?, ?)")
            for accepted in reports {
                let report = accepted.report
                positions[Intake.Source(agent: report.origin.agent, incarnation: report.origin.incarnation)] =
                    Intake.Position(through: report.origin.sequence, digest: accepted.digest)
                if try Self.isKnown(accepted, database) { continue }
                try insert.execute(arguments: [
                    now.milliseconds, Data(Wire.encode(report)), Int64(bitPattern: accepted.digest.rawValue),
                ])
                entries.append(FeedEntry(cursor: FeedCursor(epoch, database.lastInsertedRowID), report: report))
                let key = JobKey(job: report.trigger.job, agent: report.origin.agent)
                var change = try changes[key] ?? JobChange(old: Self.aggregate(key, database))
                if change.new == nil {
                    change.new = JobAggregate(report)
                } else {
                    change.new?.fold(report)
                }
                changes[key] = change
            }
            for change in changes.values {
                try Self.save(change, database)
                if let job = change.new { try Self.forgetExpectation(job.job, job.agent, database) }
            }
            for (source, position) in positions { try Self.save(position, of: source, now, database) }
            return entries
        }
    }

    package func rosterPosition() throws(CollectorError) -> (through: Int64, epoch: UInt64) {
        try read { database in
            let epoch = UInt64(bitPattern: try Self.fact("roster_epoch", database) ?? 0)
            return (try Self.fact("roster", database) ?? 0, epoch)
        }
    }

    package func highestJob() throws(CollectorError) -> JobID {
        try read { database in
            let highest = try ["jobs", "expectations"].map { table in
                try Int64.fetchOne(database.cachedStatement(sql: "SELECT max(job) FROM \(table)")) ?? 0
            }
            return JobID(rawValue: highest.max() ?? 0)
        }
    }

    package func store(_ roster: RosterReply, at now: UnixTime) throws(CollectorError) -> [FeedEntry] {
        try write { database in
            var rulings: [Inference] = []
            let epoch = UInt64(bitPattern: try Self.fact("roster_epoch", database) ?? 0)
            if epoch != 0, epoch != roster.epoch { try Self.forgetPlans(database) }
            for record in roster.triggers {
                try Self.forgetPlans(of: record.trigger, database)
                let key = JobKey(job: record.trigger.job, agent: record.trigger.agent)
                let old = try Self.aggregate(key, database)
                try Self.expect(
                    record, isSpokenOf: old?.lastOrigin != nil || old?.standingInference != nil, database)
                guard let new = JobAggregate(record, after: old, at: now) else { continue }
                try Self.save(JobChange(old: old, new: new), database)
                if let ruling = new.ruling(after: old, at: now) { rulings.append(ruling) }
            }
            try Self.savePeers(of: roster, database)
            try Self.saveObjectives(of: roster, database)
            try Self.set("roster", roster.through, database)
            try Self.set("roster_epoch", Int64(bitPattern: roster.epoch), database)
            return try Self.append(rulings, now, database)
        }
    }

    package func expectations(dueBefore time: UnixTime, limit: Int) throws(CollectorError) -> [TriggerRecord] {
        try read { database in
            try Row.fetchAll(
                database.cachedStatement(
                    sql: "SELECT * FROM expectations WHERE not_after < ? ORDER BY not_after, job LIMIT ?"),
                arguments: [time.milliseconds, limit]
            ).map(TriggerRecord.init(expectation:))
        }
    }

    package func jobs(_ filter: JobFilter) throws(CollectorError) -> [JobAggregate] {
        var conditions: [String] = []
        var arguments: StatementArguments = []
        func require(_ condition: String, _ values: StatementArguments) {
            conditions.append(condition)
            arguments += values
        }
        if !filter.jobs.isEmpty {
            let marks = Array(repeating: "?", count: filter.jobs.count).joined(separator: ", ")
            require("job IN (\(marks))", StatementArguments(filter.jobs.map(\.rawValue)))
        }
        if let policy = filter.policy { require("policy = ?", [policy.rawValue]) }
        if let agent = filter.agent { require("agent = ?", [agent.rawValue]) }
        if let status = filter.status { require("status = ?", [status.rawValue]) }
        if filter.activeOnly { require("is_final = 0", []) }
        if let since = filter.since { require("scheduled_start >= ?", [since.milliseconds]) }
        if let before = filter.before { require("job < ?", [before.rawValue]) }
        let clause = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        let sql = "SELECT aggregate FROM jobs \(clause) ORDER BY job DESC, agent LIMIT ?"
        let all = arguments + [min(max(1, filter.limit), 1_000)]
        return try read { database in
            try Data.fetchAll(database, sql: sql, arguments: all).map { try Wire.decodeJobAggregate([UInt8]($0)) }
        }
    }

    package func fleet(asOf now: UnixTime) throws(CollectorError) -> FleetSummary {
        try read { database in
            var (total, agents, policies) = (StatusCounts(), [AgentID: AgentSummary](), [PolicyName: PolicySummary]())
            for row in try Row.fetchAll(database, sql: "SELECT agent, policy, status, jobs FROM tallies") {
                let status = Status(rawValue: try row.decode(forColumn: "status"))
                let (agent, policy) = try row.agentAndPolicy()
                let jobs: Int = try row.decode(forColumn: "jobs")
                total = StatusCounts(total.jobs.merging([status: jobs], uniquingKeysWith: +))
                agents[agent, default: AgentSummary(agent: agent)].jobs[status, default: 0] += jobs
                policies[policy, default: PolicySummary(policy: policy)].jobs[status, default: 0] += jobs
            }
            for row in try Row.fetchAll(database, sql: "SELECT agent, policy, at FROM good_backups") {
                let (agent, policy) = try row.agentAndPolicy()
                let at = UnixTime(milliseconds: try row.decode(forColumn: "at"))
                let known = (agents[agent]?.lastGoodBackupAt, policies[policy]?.lastGoodBackupAt)
                agents[agent]?.lastGoodBackupAt = max(known.0 ?? at, at)
                policies[policy]?.lastGoodBackupAt = max(known.1 ?? at, at)
            }
            for agent in agents.keys {
                let row = try Row.fetchOne(
                    database.cachedStatement(
                        sql:
                            "SELECT job, status FROM jobs WHERE agent = ? AND NOT is_rehearsal ORDER BY job DESC LIMIT 1"
                    ),
                    arguments: [agent.rawValue])
                agents[agent]?.lastJob = try row.map { JobID(rawValue: try $0.decode(forColumn: "job")) }
                agents[agent]?.lastStatus = try row.map { Status(rawValue: try $0.decode(forColumn: "status")) }
            }
            return FleetSummary(
                jobs: total.jobs, agents: agents.values.sorted { $0.agent < $1.agent },
                policies: policies.values.sorted { $0.policy < $1.policy },
                reportsStored: try Self.lastCursor(database) - Self.passedOver(database)
                    - (Self.fact("inferences", database) ?? 0), asOf: now)
        }
    }

    package func passOverCursors() throws(CollectorError) {
        try write { database in
            // By chance: two runs that began with one state do not give the same ones.
            let step = Int64.random(in: 1 << 20...1 << 40)
            let last = try Self.lastCursor(database) + step
            try database.execute(sql: "DELETE FROM sqlite_sequence WHERE name = 'reports'")
            try database.execute(
                sql: "INSERT INTO sqlite_sequence (name, seq) VALUES ('reports', ?)", arguments: [last])
            try Self.set("cursors_passed_over", Self.passedOver(database) + step, database)
        }
    }

    package func feed(
        from cursor: FeedCursor?, limit: Int
    ) throws(CollectorError) -> (entries: [FeedEntry], head: FeedCursor)? {
        try read { database in
            let epoch = try Self.epoch(database)
            let pruned = try Self.fact("pruned", database) ?? 0
            let head = try Int64.fetchOne(database.cachedStatement(sql: "SELECT max(cursor) FROM reports")) ?? pruned
            let place = cursor.map { $0.place(inEpoch: epoch) } ?? pruned
            guard let place, try place == pruned || Self.isPlace(place, database) else { return nil }
            let rows = try Row.fetchAll(
                database.cachedStatement(
                    sql: "SELECT cursor, report, is_inference FROM reports WHERE cursor > ? ORDER BY cursor LIMIT ?"),
                arguments: [place, min(max(1, limit), 1_000)])
            // A reply must fit a frame: what is cut off comes with the next query.
            var (entries, size) = ([FeedEntry](), 0)
            for row in rows {
                let (body, bytes) = try Self.body(row)
                size += bytes
                if size > 1 << 20, !entries.isEmpty { break }
                entries.append(FeedEntry(cursor: FeedCursor(epoch, try row.decode(forColumn: "cursor")), body: body))
            }
            return (entries, FeedCursor(epoch, head))
        }
    }

    package func prune(
        reportsBefore: UnixTime, jobsBefore: UnixTime, limit: Int
    ) throws(CollectorError) -> Bool {
        try write { database in
            // Up to the first that is to be kept, so that a clock that was wrong for a while removes nothing too early.
            let oldest = try Row.fetchAll(
                database, sql: "SELECT cursor, stored_at FROM reports ORDER BY cursor LIMIT ?", arguments: [limit])
            let last = try oldest.prefix {
                try $0.decode(Int64.self, forColumn: "stored_at") < reportsBefore.milliseconds
            }.last
            var removed = 0
            if let last = try last?.decode(Int64.self, forColumn: "cursor") {
                try database.execute(sql: "DELETE FROM reports WHERE cursor <= ?", arguments: [last])
                removed = database.changesCount
                try Self.set("pruned", last, database)
            }
            let rows = try Row.fetchAll(
                database,
                sql: "SELECT job, agent, policy, status, is_rehearsal FROM jobs WHERE scheduled_start < ? LIMIT ?",
                arguments: [jobsBefore.milliseconds, limit])
            for row in rows {
                let (agent, policy) = try row.agentAndPolicy()
                try database.execute(
                    sql: "DELETE FROM jobs WHERE job = ? AND agent = ?",
                    arguments: [row.decode(Int64.self, forColumn: "job"), agent.rawValue])
                if try !row.decode(Bool.self, forColumn: "is_rehearsal") {
                    try Self.tally(
                        -1, agent.rawValue, policy.rawValue, row.decode(forColumn: "status"), database)
                }
            }
            try database.execute(
                sql: "DELETE FROM expectations WHERE not_after < ?", arguments: [jobsBefore.milliseconds])
            return removed == limit || rows.count == limit
        }
    }
}

// MARK: - Jobs

/// A job of an agent.
struct JobKey: Hashable {
    var job: JobID
    var agent: AgentID
}

/// What a transaction makes of a job.
struct JobChange {
    var old: JobAggregate?
    var new: JobAggregate?

    init(old: JobAggregate?, new: JobAggregate? = nil) {
        self.old = old
        self.new = new ?? old
    }
}

extension SQLiteReportStore {
    static func aggregate(_ key: JobKey, _ database: Database) throws -> JobAggregate? {
        try Data.fetchOne(
            database.cachedStatement(sql: "SELECT aggregate FROM jobs WHERE job = ? AND agent = ?"),
            arguments: [key.job.rawValue, key.agent.rawValue]
        ).map { try Wire.decodeJobAggregate([UInt8]($0)) }
    }

    static func save(_ change: JobChange, _ database: Database) throws {
        guard let job = change.new else { return }
        try database.cachedStatement(
            sql: """
                INSERT INTO jobs (job, agent, policy, status, is_final, scheduled_start, aggregate, is_rehearsal)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (job, agent) DO UPDATE SET
                    policy = excluded.policy, status = excluded.status, is_final = excluded.is_final,
                    scheduled_start = excluded.scheduled_start, aggregate = excluded.aggregate,
                    is_rehearsal = excluded.is_rehearsal
                """
        ).execute(arguments: [
            job.job.rawValue, job.agent.rawValue, job.policy.rawValue, job.status.rawValue, job.status.isFinal,
            job.scheduledStart.milliseconds, Data(Wire.encode(job)), !job.isOfBackup,
        ])
        if change.old?.countedStatus != job.countedStatus || change.old?.policy != job.policy {
            for (difference, job) in [(-1, change.old), (1, job)] {
                guard let job, let status = job.countedStatus else { continue }
                try tally(difference, job.agent.rawValue, job.policy.rawValue, status.rawValue, database)
            }
        }
        if let at = job.goodBackupAt, at != change.old?.goodBackupAt {
            try database.cachedStatement(
                sql: """
                    INSERT INTO good_backups (agent, policy, at) VALUES (?, ?, ?)
                    ON CONFLICT (agent, policy) DO UPDATE SET at = max(at, excluded.at)
                    """
            ).execute(arguments: [job.agent.rawValue, job.policy.rawValue, at.milliseconds])
        }
    }

    private static func tally(
        _ difference: Int, _ agent: String, _ policy: String, _ status: Int32, _ database: Database
    ) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO tallies (agent, policy, status, jobs) VALUES (?, ?, ?, ?)
                ON CONFLICT (agent, policy, status) DO UPDATE SET jobs = jobs + excluded.jobs
                """
        ).execute(arguments: [agent, policy, status, difference])
        if difference < 0 {
            try database.cachedStatement(
                sql: "DELETE FROM tallies WHERE agent = ? AND policy = ? AND status = ? AND jobs = 0"
            ).execute(arguments: [agent, policy, status])
        }
    }
}

extension JobAggregate {
    /// `nil`: the tallies leave it out.
    fileprivate var countedStatus: Status? { isOfBackup ? status : nil }
}

// MARK: - Small things

extension SQLiteReportStore {
    func read<T>(_ body: (Database) throws -> T) throws(CollectorError) -> T {
        do {
            return try database.read(body)
        } catch {
            throw CollectorError(.store, "the database \(database.path) failed: \(error)")
        }
    }

    func write<T>(_ body: (Database) throws -> T) throws(CollectorError) -> T {
        do {
            return try database.write(body)
        } catch {
            throw CollectorError(.store, "the database \(database.path) failed: \(error)")
        }
    }

    static func fact(_ key: String, _ database: Database) throws -> Int64? {
        try Int64.fetchOne(database.cachedStatement(sql: "SELECT value FROM facts WHERE key = ?"), arguments: [key])
    }

    static func set(_ key: String, _ value: Int64, _ database: Database) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO facts (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value
                """
        ).execute(arguments: [key, value])
    }

    static func epoch(_ database: Database) throws -> Int64 {
        try fact("epoch", database) ?? 0
    }

    private static func isPlace(_ cursor: Int64, _ database: Database) throws -> Bool {
        try Bool.fetchOne(
            database.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM reports WHERE cursor = ?)"), arguments: [cursor]
        )
            ?? false
    }

    /// How many cursors were never given.
    private static func passedOver(_ database: Database) throws -> Int64 {
        try fact("cursors_passed_over", database) ?? 0
    }

    /// The highest cursor that was ever given, or passed over.
    private static func lastCursor(_ database: Database) throws -> Int64 {
        try Int64.fetchOne(
            database.cachedStatement(sql: "SELECT seq FROM sqlite_sequence WHERE name = 'reports'")) ?? 0
    }
}

extension Row {
    func agentAndPolicy() throws -> (AgentID, PolicyName) {
        (AgentID(rawValue: try decode(forColumn: "agent")), PolicyName(rawValue: try decode(forColumn: "policy")))
    }
}
