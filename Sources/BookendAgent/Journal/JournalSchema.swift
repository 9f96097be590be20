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
        return migrator
    }
}
