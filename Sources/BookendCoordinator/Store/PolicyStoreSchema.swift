import GRDB

/// The coordinator's tables. A change is a new migration; one that was released is never edited.
enum PolicyStoreSchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            try database.execute(
                sql: """
                    -- job: the highest id given; change: the last change of a trigger
                    CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

                    -- Everything that ever happened to a policy, by generation.
                    CREATE TABLE policy_edits (
                        generation INTEGER PRIMARY KEY,
                        name TEXT NOT NULL,
                        revision INTEGER,  -- NULL: deleted
                        body BLOB,
                        made_unix_ms INTEGER NOT NULL,
                        made_by TEXT NOT NULL);
                    CREATE UNIQUE INDEX policy_edits_by_revision ON policy_edits (name, revision);
                    CREATE INDEX policy_edits_by_name ON policy_edits (name, generation);

                    CREATE TABLE triggers (
                        job INTEGER PRIMARY KEY,
                        change INTEGER NOT NULL,
                        agent TEXT NOT NULL,
                        policy TEXT NOT NULL,
                        revision INTEGER NOT NULL,
                        cause TEXT NOT NULL,
                        scheduled_start_unix_ms INTEGER NOT NULL,
                        not_after_unix_ms INTEGER NOT NULL,
                        window_end_unix_ms INTEGER,
                        state TEXT NOT NULL,
                        is_canceled INTEGER NOT NULL DEFAULT 0,
                        is_cancel_acknowledged INTEGER NOT NULL DEFAULT 0,
                        changed_unix_ms INTEGER NOT NULL);
                    CREATE UNIQUE INDEX triggers_by_change ON triggers (change);
                    -- What agents still have to be told of.
                    CREATE INDEX triggers_open ON triggers (job)
                        WHERE state = 'pending' OR is_canceled > is_cancel_acknowledged;
                    CREATE INDEX triggers_by_age ON triggers (changed_unix_ms);

                    CREATE TABLE agents (
                        id TEXT PRIMARY KEY,
                        claimed_labels TEXT NOT NULL,  -- a line a label: key=value
                        version TEXT NOT NULL,
                        last_heard_unix_ms INTEGER NOT NULL) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("slots") { database in
            try database.execute(
                sql: """
                    -- counters: epoch, generation (a floor), slots_planned_unix_ms

                    -- A job to come: computed ahead, with its id.
                    ALTER TABLE triggers ADD COLUMN is_slot INTEGER NOT NULL DEFAULT 0;
                    CREATE UNIQUE INDEX triggers_slots ON triggers (agent, policy, scheduled_start_unix_ms)
                        WHERE is_slot = 1;
                    CREATE INDEX triggers_planned ON triggers (job) WHERE state = 'planned';
                    CREATE INDEX triggers_delivered ON triggers (agent, changed_unix_ms) WHERE state = 'delivered';

                    -- What was missed is still told, so that it is reported skipped.
                    DROP INDEX triggers_open;
                    CREATE INDEX triggers_open ON triggers (job) WHERE state IN ('pending', 'missed', 'reclaimed')
                        OR is_canceled > is_cancel_acknowledged;
                    """)
        }
        migrator.registerMigration("access") { database in
            try database.execute(
                sql: """
                    -- counters: peers (the highest generation of a peer)

                    -- Who came with a token, and every key that was revoked. A row is never removed.
                    CREATE TABLE peers (
                        public_key TEXT PRIMARY KEY,
                        generation INTEGER NOT NULL,
                        identity TEXT NOT NULL,
                        state TEXT NOT NULL,
                        role TEXT,  -- of operators
                        body BLOB NOT NULL) WITHOUT ROWID;
                    CREATE UNIQUE INDEX peers_by_generation ON peers (generation);

                    CREATE TABLE tokens (
                        id INTEGER PRIMARY KEY,
                        uses_left INTEGER NOT NULL,
                        secret_digest BLOB NOT NULL,
                        body BLOB NOT NULL);
                    """)
        }
        migrator.registerMigration("audit") { database in
            try database.execute(
                sql: """
                    -- Who did what. A row holds the hash of the one before; it is never changed and never removed.
                    CREATE TABLE audit (
                        sequence INTEGER PRIMARY KEY,
                        at_unix_ms INTEGER NOT NULL,
                        who TEXT NOT NULL,
                        origin TEXT NOT NULL,
                        what TEXT NOT NULL,
                        target TEXT NOT NULL,
                        result TEXT NOT NULL,
                        detail TEXT NOT NULL,
                        previous BLOB NOT NULL,
                        hash BLOB NOT NULL);
                    CREATE INDEX audit_by_time ON audit (at_unix_ms);
                    """)
        }
        migrator.registerMigration("zones") { database in
            // The name of the machine's time zone; empty: it never told.
            try database.execute(sql: "ALTER TABLE agents ADD COLUMN time_zone TEXT NOT NULL DEFAULT ''")
        }
        migrator.registerMigration("bandwidth") { database in
            // In bytes a second; NULL: as the policy says.
            try database.execute(sql: "ALTER TABLE triggers ADD COLUMN bandwidth_limit INTEGER")
        }
        migrator.registerMigration("holds") { database in
            try database.execute(
                sql: """
                    -- What starts nothing by itself for a while: policy NAME, agent NAME.
                    CREATE TABLE holds (
                        target TEXT PRIMARY KEY,
                        reason TEXT NOT NULL,
                        since_unix_ms INTEGER NOT NULL,
                        until_unix_ms INTEGER NOT NULL,
                        made_by TEXT NOT NULL) WITHOUT ROWID;
                    """)
        }
        migrator.registerMigration("rehearsals") { database in
            // What goes wrong on purpose; NULL: nothing does.
            try database.execute(sql: "ALTER TABLE triggers ADD COLUMN fault TEXT")
        }
        migrator.registerMigration("passed-over") { database in
            try database.execute(
                sql: """
                    -- Numbers of changes that no trigger got in this epoch, by run.
                    CREATE TABLE changes_passed_over (first INTEGER PRIMARY KEY, last INTEGER NOT NULL);
                    """)
        }
        return migrator
    }
}
