package import GRDB

/// A row of a daemon's database, for versions of it from a certain one on.
package struct StoredRow {
    package let table: String
    package let since: String
    package let values: [String: DatabaseValue]
    package let before: [String: DatabaseValue]

    /// - Parameters:
    ///   - since: The migration that made room for such rows.
    ///   - values: Every column that the table has had in any version.
    ///   - before: What an upgrade must write into a column that the row's version did not have.
    package init(
        _ table: String, since: String = "1", _ values: [String: (any DatabaseValueConvertible)?],
        before: [String: (any DatabaseValueConvertible)?] = [:]
    ) {
        self.table = table
        self.since = since
        self.values = values.mapValues { $0?.databaseValue ?? .null }
        self.before = before.mapValues { $0?.databaseValue ?? .null }
    }
}

/// What a database of an earlier version held, and what must be in it after the upgrade: the same, to the last column.
package struct EarlierDatabase {
    package struct Incomplete: Error { package let what: String }

    private let migrator: DatabaseMigrator
    private let rows: [StoredRow]

    /// - Parameter rows: At least one for each table that any version has.
    package init(_ migrator: DatabaseMigrator, _ rows: [StoredRow]) {
        self.migrator = migrator
        self.rows = rows
    }

    /// Makes the file as this version left it.
    ///
    /// - Parameter made: Rows that the upgrade must make of others.
    /// - Returns: What ``contents(of:)`` must be after the upgrade.
    /// - Throws: ``Incomplete`` when a table or a column of that version, or of the newest, has no value here.
    package func write(_ version: String, to path: String, made: [StoredRow] = []) throws -> [String] {
        let queue = try DatabaseQueue(path: path)
        try migrator.migrate(queue, upTo: version)
        let (old, new) = try (queue.read(Self.columns), Self.columns(of: migrator))
        let versions = migrator.migrations
        let written = rows.filter { row in
            old[row.table] != nil && versions.firstIndex(of: row.since)! <= versions.firstIndex(of: version)!
        }
        for table in old.keys where !written.contains(where: { $0.table == table }) {
            throw Incomplete(what: "no row of \(table)")
        }
        try queue.write { database in
            for row in written {
                let columns = old[row.table]!
                // It has no key of its own.
                if row.table == "sqlite_sequence" {
                    try database.execute(
                        sql: "DELETE FROM sqlite_sequence WHERE name = ?", arguments: [row.values["name"]])
                }
                try database.execute(
                    sql: """
                        INSERT OR REPLACE INTO \(row.table) (\(columns.joined(separator: ", ")))
                        VALUES (\(columns.map { _ in "?" }.joined(separator: ", ")))
                        """,
                    arguments: StatementArguments(columns.map { try Self.value($0, row, row.values) }))
            }
        }
        let kept = try written.filter { new[$0.table] != nil }.map { row in
            let line = try new[row.table]!.map { column in
                let wasThere = old[row.table]!.contains(column)
                return (column, try Self.value(column, row, wasThere ? row.values : row.before))
            }
            return Self.text(row.table, line)
        }
        let more = try made.map { row in
            Self.text(row.table, try new[row.table]!.map { ($0, try Self.value($0, row, row.values)) })
        }
        return (kept + more).sorted()
    }

    /// Every row of every table, in words.
    package static func contents(of path: String) throws -> [String] {
        try DatabaseQueue(path: path).read { database in
            try columns(database).flatMap { table, columns in
                try Row.fetchAll(database, sql: "SELECT * FROM \(table)").map { row in
                    text(table, columns.map { ($0, row[$0] as DatabaseValue) })
                }
            }
            .sorted()
        }
    }

    private static func columns(of migrator: DatabaseMigrator) throws -> [String: [String]] {
        let queue = try DatabaseQueue()
        try migrator.migrate(queue)
        return try queue.read(columns)
    }

    /// Of each table, without GRDB's own.
    private static func columns(_ database: Database) throws -> [String: [String]] {
        let tables = try String.fetchAll(
            database, sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'grdb_migrations'")
        return Dictionary(
            uniqueKeysWithValues: try tables.map { table in
                let sql = "SELECT name FROM pragma_table_info(?) ORDER BY name"
                return (table, try String.fetchAll(database, sql: sql, arguments: [table]))
            })
    }

    private static func value(
        _ column: String, _ row: StoredRow, _ values: [String: DatabaseValue]
    ) throws -> DatabaseValue {
        guard let value = values[column] else { throw Incomplete(what: "\(row.table).\(column) of a row") }
        return value
    }

    private static func text(_ table: String, _ columns: [(String, DatabaseValue)]) -> String {
        let values = columns.map { name, value in
            switch value.storage {
            case .null: "\(name)=NULL"
            case .int64(let number): "\(name)=\(number)"
            case .double(let number): "\(name)=\(number)"
            case .string(let text): "\(name)='\(text)'"
            case .blob(let data): "\(name)=x" + data.map { String($0, radix: 16) }.joined(separator: ".")
            }
        }
        return "\(table): \(values.joined(separator: ", "))"
    }
}
