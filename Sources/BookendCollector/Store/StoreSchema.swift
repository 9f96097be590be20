import GRDB

/// The collector's tables. A change is a new migration; one that was released is never edited.
enum StoreSchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    -- epoch, roster, pruned (the highest cursor that was removed), inferences (how many there ever were)
                    CREATE TABLE facts (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

                    -- AUTOINCREMENT: a cursor is never given twice, also after the newest row was removed.
                    CREATE TABLE reports (
                        cursor INTEGER PRIMARY KEY AUTOINCREMENT,
                        stored_at INTEGER NOT NULL,
                        report BLOB NOT NULL);

                    CREATE TABLE positions (
                        agent TEXT NOT NULL,
                        incarnation INTEGER NOT NULL,
                        through INTEGER NOT NULL,
                        PRIMARY KEY (agent, incarnation)) WITHOUT ROWID;

                    -- By job and agent: what a wrong agent says of another's job stays apart.
                    CREATE TABLE jobs (
                        job INTEGER NOT NULL,
                        agent TEXT NOT NULL,
                        policy TEXT NOT NULL,
                        status INTEGER NOT NULL,
                        is_final INTEGER NOT NULL,
                        scheduled_start INTEGER NOT NULL,
                        aggregate BLOB NOT NULL,
                        PRIMARY KEY (job, agent));
                    CREATE INDEX jobs_by_agent ON jobs (agent, job);
                    CREATE INDEX jobs_by_policy ON jobs (policy, job);
                    CREATE INDEX jobs_by_start ON jobs (scheduled_start);
                    CREATE INDEX jobs_active ON jobs (job) WHERE is_final = 0;

                    -- The number of jobs of an agent and a policy in a status.
                    CREATE TABLE tallies (
                        agent TEXT NOT NULL,
                        policy TEXT NOT NULL,
                        status INTEGER NOT NULL,
                        jobs INTEGER NOT NULL,
                        PRIMARY KEY (agent, policy, status)) WITHOUT ROWID;

                    CREATE TABLE good_backups (
                        agent TEXT NOT NULL,
                        policy TEXT NOT NULL,
                        at INTEGER NOT NULL,
                        PRIMARY KEY (agent, policy)) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("streams") { database in
            try database.execute(
                sql: """
                    -- Names a report whatever number it comes under; an earlier version did not know it.
                    ALTER TABLE reports ADD COLUMN digest INTEGER;
                    CREATE INDEX reports_by_digest ON reports (digest) WHERE digest IS NOT NULL;

                    -- Of the report at `through`.
                    ALTER TABLE positions ADD COLUMN digest INTEGER;
                    ALTER TABLE positions ADD COLUMN heard_at INTEGER NOT NULL DEFAULT 0;
                    UPDATE positions SET heard_at = (SELECT coalesce(max(stored_at), 0) FROM reports);
                    """)
        }
        migrator.registerMigration("expectations") { database in
            try database.execute(
                sql: """
                    -- Jobs that the coordinator has ordered or planned, until their agent says the first word of them.
                    CREATE TABLE expectations (
                        job INTEGER NOT NULL,
                        agent TEXT NOT NULL,
                        policy TEXT NOT NULL,
                        revision INTEGER NOT NULL,
                        cause TEXT NOT NULL,
                        state TEXT NOT NULL,
                        scheduled_start INTEGER NOT NULL,
                        not_after INTEGER NOT NULL,
                        PRIMARY KEY (job, agent)) WITHOUT ROWID;
                    CREATE INDEX expectations_by_deadline ON expectations (not_after);
                    """)
        }
        migrator.registerMigration("inferences") { database in
            // In the same table as the reports: one order, one cursor.
            try database.execute(sql: "ALTER TABLE reports ADD COLUMN is_inference INTEGER NOT NULL DEFAULT 0")
        }
        migrator.registerMigration("peers") { database in
            // facts: peers (the generation that was taken over last)
            try database.execute(
                sql: """
                    CREATE TABLE peers (
                        public_key TEXT PRIMARY KEY,
                        is_revoked INTEGER NOT NULL,
                        body BLOB NOT NULL) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("anchors") { database in
            try database.execute(
                sql: """
                    -- Heads of the coordinator's audit log, kept where the coordinator cannot reach them.
                    CREATE TABLE audit_anchors (
                        sequence INTEGER NOT NULL,
                        hash BLOB NOT NULL,
                        seen_unix_ms INTEGER NOT NULL,
                        is_odd INTEGER NOT NULL,  -- not above every other: the log was changed
                        PRIMARY KEY (sequence, hash)) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("alerts") { database in
            // facts: alerts_through (up to which place in the feed alerts were judged), alerts_highest (the highest id).
            // What was stored before is not told any more.
            try database.execute(
                sql: """
                    CREATE TABLE alerts (
                        id INTEGER PRIMARY KEY,
                        kind TEXT NOT NULL,
                        policy TEXT NOT NULL,
                        is_active INTEGER NOT NULL,
                        resolved_at INTEGER,
                        body BLOB NOT NULL);
                    CREATE INDEX alerts_active ON alerts (id) WHERE is_active = 1;

                    CREATE TABLE alert_subjects (
                        alert INTEGER NOT NULL,
                        agent TEXT NOT NULL,
                        job INTEGER NOT NULL,  -- 0: whatever the job
                        body BLOB NOT NULL,
                        PRIMARY KEY (alert, agent, job)) WITHOUT ROWID;

                    CREATE TABLE alert_silences (id INTEGER PRIMARY KEY, body BLOB NOT NULL);

                    -- Messages until their channel has accepted them.
                    CREATE TABLE outgoing (
                        id INTEGER PRIMARY KEY AUTOINCREMENT,
                        channel TEXT NOT NULL,
                        key TEXT NOT NULL,  -- the same each time that the message is sent
                        created_at INTEGER NOT NULL,
                        attempts INTEGER NOT NULL,
                        next_at INTEGER NOT NULL,
                        kind TEXT NOT NULL,
                        body BLOB NOT NULL);
                    CREATE INDEX outgoing_by_channel ON outgoing (channel, id);

                    INSERT INTO facts (key, value)
                        SELECT 'alerts_through', coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'reports'), 0);
                    """)
        }
        migrator.registerMigration("refusals") { database in
            // facts: report:CHANNEL (until when its daily report was made)
            try database.execute(
                sql: """
                    -- Why whoever is there did not take the message; NULL: it waits.
                    ALTER TABLE outgoing ADD COLUMN refusal TEXT;
                    ALTER TABLE outgoing ADD COLUMN refused_at INTEGER;

                    -- facts: objectives (1: the coordinator has told of them)
                    CREATE TABLE objectives (policy TEXT PRIMARY KEY, within_ms INTEGER NOT NULL) WITHOUT ROWID;
                    """)
        }
        // Since then reports.is_inference may be 2: what people were told of an alert. Facts: inferences counts those, too.
        migrator.registerMigration("actions") { database in
            try database.execute(
                sql: """
                    -- What people did here, until the coordinator has written it into its audit log. A number is never given
                    -- twice; they begin with the time, so that those of a restored database lie above those that went.
                    CREATE TABLE actions (
                        number INTEGER PRIMARY KEY AUTOINCREMENT,
                        who TEXT NOT NULL,
                        what TEXT NOT NULL,
                        target TEXT NOT NULL,
                        reason TEXT NOT NULL,
                        at INTEGER NOT NULL);
                    INSERT INTO sqlite_sequence (name, seq)
                        VALUES ('actions', CAST(strftime('%s', 'now') AS INTEGER) * 1000);
                    """)
        }
        migrator.registerMigration("rehearsals") { database in
            // A rehearsal is not counted where backups are: it has no part in the tallies.
            try database.execute(sql: "ALTER TABLE jobs ADD COLUMN is_rehearsal INTEGER NOT NULL DEFAULT 0")
        }
        migrator.registerMigration("reload") { database in
            // facts: peers_reload (1: the coordinator tells of all peers anew, and has not told of the last one)
            try database.execute(
                sql: """
                    -- From before the coordinator's state went back in time; it has not told of this one since.
                    ALTER TABLE peers ADD COLUMN is_stale INTEGER NOT NULL DEFAULT 0;
                    """)
        }
        migrator.registerMigration("lines") { database in
            try database.execute(
                sql: """
                    -- Messages of one line go out in their order; NULL, as in what waited before: in any.
                    ALTER TABLE outgoing ADD COLUMN line TEXT;
                    -- Addresses, with a space between them, of those who have not got it yet; NULL: nobody has.
                    ALTER TABLE outgoing ADD COLUMN recipients TEXT;
                    CREATE INDEX outgoing_by_line ON outgoing (channel, line, id) WHERE refusal IS NULL;
                    """)
        }
        return migrator
    }
}
