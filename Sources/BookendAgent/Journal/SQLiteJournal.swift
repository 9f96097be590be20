import BookendDaemon
package import BookendModel
import BookendWire
import FoundationEssentials
import GRDB
import Synchronization

/// The journal in one SQLite file: WAL, synchronous FULL, so that what was recorded survives a power cut.
package final class SQLiteJournal: Journal {
    private let database: DatabaseQueue
    let agent: AgentID
    private let reserve: SpaceReserve?
    /// Why the last write failed; `nil`: it did not.
    private let lastFailure = Mutex<String?>(nil)
    /// What the records of an attempt and its first reports take beside the reserve, at least.
    private static let leastSpace = 64 << 10

    /// Opens or makes the journal, and brings an older one up to date.
    ///
    /// - Parameter reserve: Bytes that are kept free beside the journal for what must be recorded on a full disk; 0: none.
    /// - Throws: ``AgentError`` with code `.journal`; the message names the file.
    package init(path: String, agent: AgentID, reserve: Int = 0) throws(AgentError) {
        self.agent = agent
        self.reserve = reserve > 0 ? SpaceReserve(path: path + "-reserve", bytes: reserve) : nil
        do {
            var configuration = Configuration()
            configuration.busyMode = .timeout(5)
            configuration.prepareDatabase { database in
                try database.execute(sql: "PRAGMA synchronous = FULL")
            }
            database = try DatabaseQueue(path: path, configuration: configuration)
            try database.writeWithoutTransaction { database in
                try database.execute(sql: "PRAGMA journal_mode = WAL")
                guard try Int.fetchOne(database, sql: "PRAGMA synchronous") == 2 else {
                    throw AgentError(.journal, "\(path): SQLite refused synchronous = FULL")
                }
            }
            try JournalSchema.migrator.upgrade(database, at: path, of: "bookend-agent")
            // On a disk that is full already the first trigger says so.
            _ = self.reserve?.hold()
        } catch let error as AgentError {
            throw error
        } catch let error as DaemonError {
            throw AgentError(.journal, error.message)
        } catch {
            throw AgentError(.journal, "\(path): cannot open the journal: \(error)")
        }
    }

    package func load() throws(AgentError) -> JournalContents {
        try write { database in
            let policies = try Data.fetchAll(database, sql: "SELECT revision FROM policies ORDER BY name")
            let jobs = try Row.fetchAll(database, sql: Self.selectJobs + " WHERE is_finished = 0 ORDER BY jobs.job")
            return JournalContents(
                incarnation: try self.incarnation(database),
                generation: try Self.number("generation", database) ?? 0,
                policies: try policies.map { try Wire.decodePolicyRevision([UInt8]($0)) },
                unfinishedJobs: try jobs.map { try self.job($0) },
                highestJob: JobID(rawValue: try Self.number("highest_job", database) ?? 0),
                highestReport: try Self.highestReport(database),
                prunedReport: try Self.prunedReport(database), streams: try Self.streams(database),
                slots: try Row.fetchAll(database, sql: "SELECT * FROM slots ORDER BY job").map { row in
                    var slot = try self.trigger(row, cause: .schedule)
                    slot.isHeld = try row.decode(forColumn: "is_held")
                    return slot
                },
                coordinatorEpoch: UInt64(bitPattern: try Self.number("coordinator_epoch", database) ?? 0),
                lastContact: try Self.number("coordinator_heard", database).map(UnixTime.init(milliseconds:)),
                isIsolationTold: try Self.number("isolation_told", database) == 1)
        }
    }

    package func replacePolicies(
        _ policies: [PolicyRevision], generation: Int64, slots: [Trigger], epoch: UInt64
    ) throws(AgentError) {
        try write { database in
            try database.execute(sql: "DELETE FROM slots")
            for slot in slots { try Self.save(slot, database) }
            try Self.set("coordinator_epoch", Int64(bitPattern: epoch), database)
            try database.execute(sql: "DELETE FROM policies")
            for revision in policies { try Self.save(revision, database) }
            try Self.set("generation", generation, database)
        }
    }

    package func changePolicy(_ change: PolicyChange) throws(AgentError) {
        try write { database in
            if let revision = change.revision {
                try Self.save(revision, database)
            } else {
                try database.execute(sql: "DELETE FROM policies WHERE name = ?", arguments: [change.name.rawValue])
                try database.execute(sql: "DELETE FROM slots WHERE policy = ?", arguments: [change.name.rawValue])
            }
            try Self.set("generation", change.generation, database)
        }
    }

    package func changeSlots(_ slots: [Trigger], withdrawn: [JobID]) throws(AgentError) {
        try write { database in
            let delete = try database.cachedStatement(sql: "DELETE FROM slots WHERE job = ?")
            for job in withdrawn { try delete.execute(arguments: [job.rawValue]) }
            for slot in slots { try Self.save(slot, database) }
        }
    }

    package func accept(
        _ trigger: Trigger, under policy: PolicyRevision?, at now: UnixTime
    ) throws(AgentError) -> JournaledJob? {
        try holdReserve()
        return try write { database in
            guard try !trigger.isOfSchedule || !Self.hasBegun(trigger, database) else {
                try Self.forgetSlot(trigger.job, database)
                return nil
            }
            try database.cachedStatement(
                sql: """
                    INSERT INTO jobs
                        (job, policy, revision, cause, scheduled_start, not_after, window_end, bandwidth_limit, under,
                        accepted_at, fault)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
                    """
            ).execute(arguments: [
                trigger.job.rawValue, trigger.policy.rawValue, trigger.revision, trigger.cause.rawValue,
                trigger.scheduledStart.milliseconds, trigger.notAfter.milliseconds, trigger.windowEnd?.milliseconds,
                trigger.bandwidthLimit, policy.map { Data(Wire.encode($0)) }, now.milliseconds,
                trigger.fault?.description,
            ])
            guard database.changesCount == 1 else { return nil }
            try Self.forgetSlot(trigger.job, database)
            let highest = try Self.number("highest_job", database) ?? 0
            if trigger.job.rawValue > highest { try Self.set("highest_job", trigger.job.rawValue, database) }
            let row = try Row.fetchOne(
                database.cachedStatement(sql: Self.selectJobs + " WHERE jobs.job = ?"),
                arguments: [trigger.job.rawValue])
            return try row.map { try self.job($0) }
        }
    }

    package func trigger(of job: JobID) throws(AgentError) -> Trigger? {
        try write { database in
            let row = try Row.fetchOne(
                database.cachedStatement(sql: "SELECT * FROM jobs WHERE job = ?"), arguments: [job.rawValue])
            return try row.map { row in
                try self.trigger(row, cause: TriggerCause(rawValue: row.decode(forColumn: "cause")) ?? .manual)
            }
        }
    }

    package func knownJobs(limit: Int) throws(AgentError) -> (jobs: [KnownJob], since: UnixTime) {
        try write { database in
            let rows = try Row.fetchAll(
                database.cachedStatement(sql: "SELECT * FROM jobs ORDER BY accepted_at DESC, job DESC LIMIT ?"),
                arguments: [limit])
            let since =
                rows.count < limit
                ? nil
                : try rows.last.map {
                    try $0.decode(Int64.self, forColumn: "accepted_at").addingSaturating(1)
                }
            let pruned = try Self.number("pruned_before", database) ?? 0
            return (
                // The fingerprint leaves the cause out.
                try rows.map { KnownJob(try self.trigger($0, cause: .manual)) }.sorted { $0.job < $1.job },
                UnixTime(milliseconds: max(since ?? pruned, pruned))
            )
        }
    }

    package func goodBackups() throws(AgentError) -> [PolicyName: UnixTime] {
        try write { database in
            let rows = try Row.fetchAll(database, sql: "SELECT policy, at FROM good_backups")
            return try Dictionary(
                uniqueKeysWithValues: rows.map { row in
                    (
                        PolicyName(rawValue: try row.decode(forColumn: "policy")),
                        UnixTime(milliseconds: try row.decode(forColumn: "at"))
                    )
                })
        }
    }

    package func recordContact(at time: UnixTime?, isIsolationTold: Bool) throws(AgentError) {
        try write { database in
            if let time { try Self.set("coordinator_heard", time.milliseconds, database) }
            try Self.set("isolation_told", isIsolationTold ? 1 : 0, database)
        }
    }

    package func recordCancel(of job: JobID, at now: UnixTime) throws(AgentError) {
        try write { database in
            try database.execute(
                sql: "INSERT INTO cancels (job, at) VALUES (?, ?) ON CONFLICT DO NOTHING",
                arguments: [job.rawValue, now.milliseconds])
        }
    }

    package func record(_ entries: [JournalEntry], of trigger: ReportedTrigger) throws(AgentError) -> UInt64 {
        guard !entries.contains(where: \.startsAttempt) else {
            try holdReserve()
            return try write { try self.record(entries, of: trigger, $0) }
        }
        do {
            let highest = try database.write { try self.record(entries, of: trigger, $0) }
            lastFailure.withLock { $0 = nil }
            return highest
        } catch let error as DatabaseError where error.resultCode == .SQLITE_FULL && reserve?.release() == true {
            return try write { try self.record(entries, of: trigger, $0) }
        } catch {
            throw failure(error)
        }
    }

    private func record(
        _ entries: [JournalEntry], of trigger: ReportedTrigger, _ database: Database
    ) throws -> UInt64 {
        let incarnation = try self.incarnation(database)
        var sequence = try Self.highestReport(database)
        var digest = try Self.digest(of: sequence, database) ?? Self.prunedDigest(database)
        for entry in entries {
            switch entry {
            case .report(let attempt, let stage, let status, let at, let details):
                sequence += 1
                let report = Report(
                    origin: ReportOrigin(agent: self.agent, incarnation: incarnation, sequence: sequence),
                    trigger: trigger, attempt: attempt, stage: stage, status: status, at: at,
                    details: details.bounded)
                digest = digest.followed(by: report)
                try database.cachedStatement(
                    sql: "INSERT INTO reports (sequence, job, at, report, digest) VALUES (?, ?, ?, ?, ?)"
                ).execute(arguments: [
                    Int64(sequence), trigger.job.rawValue, at.milliseconds, Data(Wire.encode(report)),
                    Int64(bitPattern: digest.rawValue),
                ])
            case .attemptStarted(let attempt, let owes):
                try Self.update("attempts = ?", [attempt], trigger.job, database)
                if owes { try Self.recordDebt(of: trigger.job, attempt, database) }
            case .postScriptStarting(let attempt, let pre, let backup):
                try Self.recordPostScript(of: trigger.job, attempt, pre, backup, database)
            case .debtSettled(let attempt, let end):
                try Self.settleDebt(of: trigger.job, attempt, end, database)
            case .goodBackup(let policy, let at):
                try database.cachedStatement(
                    sql: """
                        INSERT INTO good_backups (policy, at) VALUES (?, ?) ON CONFLICT DO UPDATE SET at = excluded.at
                        """
                ).execute(arguments: [policy.rawValue, at.milliseconds])
            case .finished: try Self.update("is_finished = ?", [true], trigger.job, database)
            }
        }
        return sequence
    }

    package func openDebts() throws(AgentError) -> [JournaledDebt] {
        try write { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT jobs.*, debts.* FROM (\(Self.selectJobs)) AS jobs JOIN debts USING (job)
                    WHERE debts.unpaid_because IS NOT NULL ORDER BY debts.job, debts.attempt
                    """
            ).map { row in
                var (pre, backup) = (StageEnd(.interrupted), StageEnd(.interrupted))
                if let status = try row.decode(Int32?.self, forColumn: "pre_status") {
                    pre.status = Status(rawValue: status)
                }
                pre.details.exitCode = try row.decode(forColumn: "pre_exit_code")
                if let status = try row.decode(Int32?.self, forColumn: "backup_status") {
                    backup.status = Status(rawValue: status)
                }
                backup.details.snapshotID = try row.decode(forColumn: "snapshot")
                backup.details.bytesAdded = try row.decode(forColumn: "bytes_added")
                return JournaledDebt(
                    job: try self.job(row), attempt: try row.decode(forColumn: "attempt"),
                    runs: try row.decode(forColumn: "runs"), pre: pre, backup: backup,
                    reason: try row.decode(forColumn: "unpaid_because"))
            }
        }
    }

    package func prune(before time: UnixTime, collectors: [String]) throws(AgentError) -> UInt64 {
        try write { database in
            if try time.milliseconds > Self.number("pruned_before", database) ?? 0 {
                try Self.set("pruned_before", time.milliseconds, database)
            }
            try Self.pruneReports(before: time, collectors, database)
            try database.execute(
                sql: """
                    DELETE FROM jobs WHERE is_finished = 1 AND accepted_at < ? AND job NOT IN (SELECT job FROM debts)
                    """, arguments: [time.milliseconds])
            // One whose job is still here is part of that job.
            try database.execute(
                sql: "DELETE FROM cancels WHERE at < ? AND job NOT IN (SELECT job FROM jobs)",
                arguments: [time.milliseconds])
            return try Self.prunedReport(database)
        }
    }
}

// MARK: - The file, and room for it

extension SQLiteJournal {
    static let selectJobs = """
        SELECT jobs.*,
            EXISTS (SELECT 1 FROM cancels WHERE cancels.job = jobs.job) AS is_canceled,
            EXISTS (SELECT 1 FROM debts WHERE debts.job = jobs.job AND debts.attempt = jobs.attempts)
                AS owes_post_script,
            coalesce((SELECT runs FROM debts WHERE debts.job = jobs.job AND debts.attempt = jobs.attempts), 0)
                AS post_runs,
            NOT EXISTS (SELECT 1 FROM good_backups WHERE good_backups.policy = jobs.policy) AS is_first_backup
        FROM jobs
        """

    /// One transaction, its errors in the module's own words.
    func write<T>(_ body: (Database) throws -> T) throws(AgentError) -> T {
        do {
            let (value, isWritten) = try database.write { database in
                let before = database.totalChangesCount
                return (try body(database), database.totalChangesCount != before)
            }
            // What was only read says nothing of a disk that takes no more.
            if isWritten { lastFailure.withLock { $0 = nil } }
            return value
        } catch {
            throw failure(error)
        }
    }

    private func failure(_ error: any Error) -> AgentError {
        let message = "the journal \(database.path) failed: \(error)"
        lastFailure.withLock { $0 = message }
        return AgentError(.journal, message)
    }

    @Sendable package func releaseReserve() -> Bool { reserve?.release() ?? false }

    package func problem() -> String? {
        if let reserve, let free = reserve.freeBytes {
            let needed = (reserve.isHeld ? 0 : reserve.bytes) + Self.leastSpace
            guard free >= needed else {
                return
                    "the disk of \(database.path) is full: \(free >> 10) KiB are free, \(needed >> 10) KiB are needed"
            }
        }
        return lastFailure.withLock(\.self)
    }

    /// What begins must be able to end.
    private func holdReserve() throws(AgentError) {
        guard let reserve, !reserve.hold() else { return }
        throw AgentError(
            .journal,
            "the disk of \(database.path) is full: no room for the \(reserve.bytes >> 10) KiB in which owed post-scripts "
                + "are recorded; nothing new begins until there is")
    }
}
