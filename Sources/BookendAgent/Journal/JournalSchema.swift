import BookendModel
import BookendWire
import FoundationEssentials
import GRDB

/// The journal's tables. A change is a new migration; one that was released is never edited.
enum JournalSchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    -- incarnation, generation, highest_job
                    CREATE TABLE facts (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

                    CREATE TABLE policies (name TEXT PRIMARY KEY, revision BLOB NOT NULL);

                    CREATE TABLE jobs (
                        job INTEGER PRIMARY KEY,
                        policy TEXT NOT NULL,
                        revision INTEGER NOT NULL,
                        cause TEXT NOT NULL,
                        scheduled_start INTEGER NOT NULL,
                        not_after INTEGER NOT NULL,
                        window_end INTEGER,
                        under BLOB,  -- the policy revision that the job runs under
                        accepted_at INTEGER NOT NULL,
                        attempts INTEGER NOT NULL DEFAULT 0,
                        owes_post_script INTEGER NOT NULL DEFAULT 0,
                        is_finished INTEGER NOT NULL DEFAULT 0);
                    CREATE INDEX jobs_unfinished ON jobs (job) WHERE is_finished = 0;

                    -- Apart from the jobs: a cancel may come before its trigger.
                    CREATE TABLE cancels (job INTEGER PRIMARY KEY, at INTEGER NOT NULL);

                    CREATE TABLE good_backups (policy TEXT PRIMARY KEY) WITHOUT ROWID;

                    CREATE TABLE reports (
                        sequence INTEGER PRIMARY KEY,
                        job INTEGER NOT NULL,
                        at INTEGER NOT NULL,
                        report BLOB NOT NULL);
                    CREATE INDEX reports_by_job ON reports (job, sequence);

                    CREATE TABLE acknowledgements (collector TEXT PRIMARY KEY, through INTEGER NOT NULL) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("debts") { database in
            try database.execute(
                sql: """
                    -- From the start of an attempt until its post-script has run. What the post-script is told stands
                    -- here, as reports are not kept for as long as a debt may last.
                    CREATE TABLE debts (
                        job INTEGER NOT NULL,
                        attempt INTEGER NOT NULL,
                        runs INTEGER NOT NULL DEFAULT 0,
                        pre_status INTEGER,
                        pre_exit_code INTEGER,
                        backup_status INTEGER,
                        snapshot TEXT,
                        bytes_added INTEGER,
                        unpaid_because TEXT,  -- the attempt is over, and the post-script could not be run
                        PRIMARY KEY (job, attempt)) WITHOUT ROWID;
                    INSERT INTO debts (job, attempt, unpaid_because)
                        SELECT job, attempts, CASE WHEN is_finished THEN 'the post-script could not be run' END
                        FROM jobs WHERE owes_post_script = 1;
                    ALTER TABLE jobs DROP COLUMN owes_post_script;
                    """)
        }
        migrator.registerMigration("slots") { database in
            try database.execute(
                sql: """
                    -- facts: coordinator_epoch, pruned_before (jobs that were accepted before may be missing)

                    -- Jobs to come: started by the coordinator's trigger, or without it a while later.
                    CREATE TABLE slots (
                        job INTEGER PRIMARY KEY,
                        policy TEXT NOT NULL,
                        revision INTEGER NOT NULL,
                        scheduled_start INTEGER NOT NULL,
                        not_after INTEGER NOT NULL,
                        window_end INTEGER);
                    CREATE INDEX jobs_by_acceptance ON jobs (accepted_at);
                    """)
        }
        migrator.registerMigration("streams") { database in
            try database.execute(
                sql: """
                    -- How reports are counted for each collector, and what it has stored of them.
                    CREATE TABLE streams (
                        collector TEXT PRIMARY KEY,
                        incarnation INTEGER NOT NULL,
                        base INTEGER NOT NULL,  -- the number before that of the first report
                        acknowledged INTEGER NOT NULL,
                        epoch INTEGER NOT NULL) WITHOUT ROWID;
                    INSERT INTO streams (collector, incarnation, base, acknowledged, epoch)
                        SELECT collector, value, 0, through, 0 FROM acknowledgements, facts
                        WHERE facts.key = 'incarnation';
                    DROP TABLE acknowledgements;

                    -- In facts: pruned_report, the highest number that was removed, and pruned_digest, its digest.
                    ALTER TABLE reports ADD COLUMN digest INTEGER NOT NULL DEFAULT 0;
                    INSERT INTO facts (key, value)
                        SELECT 'pruned_report', first - 1 FROM (SELECT min(sequence) AS first FROM reports)
                        WHERE first IS NOT NULL;
                    """)
            try addDigests(database)
        }
        migrator.registerMigration("bandwidth") { database in
            // In bytes a second; NULL: as the policy says.
            try database.execute(
                sql:
                    "ALTER TABLE jobs ADD COLUMN bandwidth_limit INTEGER; ALTER TABLE slots ADD COLUMN bandwidth_limit INTEGER"
            )
        }
        migrator.registerMigration("good backups") { database in
            // When it ended; 0: not known.
            try database.execute(sql: "ALTER TABLE good_backups ADD COLUMN at INTEGER NOT NULL DEFAULT 0")
        }
        migrator.registerMigration("rehearsals") { database in
            // What goes wrong on purpose; NULL: nothing does.
            try database.execute(sql: "ALTER TABLE jobs ADD COLUMN fault TEXT")
        }
        migrator.registerMigration("held slots") { database in
            try database.execute(
                sql: """
                    -- Its start has come, and the coordinator holds it back.
                    ALTER TABLE slots ADD COLUMN is_held INTEGER NOT NULL DEFAULT 0;
                    CREATE INDEX jobs_by_start ON jobs (policy, scheduled_start);
                    """)
        }
        return migrator
    }

    /// Digests of the reports that an earlier version wrote.
    private static func addDigests(_ database: Database) throws {
        var digest = try SQLiteJournal.prunedDigest(database)
        for row in try Row.fetchAll(database, sql: "SELECT sequence, report FROM reports ORDER BY sequence") {
            digest = digest.followed(by: try Wire.decodeReport([UInt8](row.decode(Data.self, forColumn: "report"))))
            try database.execute(
                sql: "UPDATE reports SET digest = ? WHERE sequence = ?",
                arguments: [Int64(bitPattern: digest.rawValue), row.decode(Int64.self, forColumn: "sequence")])
        }
    }
}
