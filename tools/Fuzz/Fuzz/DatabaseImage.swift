import FoundationEssentials
import GRDB
import Glibc

/// A good database file, and ways to make a strange one of it.
struct DatabaseImage: Sendable {
    let bytes: [UInt8]
    private let tables: [Table]

    private struct Table: Sendable {
        var name: String
        var columns: [String]
    }

    /// - Parameter make: Makes the database with something in each table, at the path that it is given.
    init(path: String, _ make: (String) throws -> Void) {
        do {
            unlink(path)
            Self.removeSideFiles(of: path)
            try make(path)
            let queue = try DatabaseQueue(path: path)
            tables = try queue.writeWithoutTransaction { database in
                // Small pages, so that a mutation meets something. No NOT NULL: a damaged file may hold a NULL anywhere.
                try database.execute(
                    sql: """
                        PRAGMA journal_mode = DELETE;
                        PRAGMA page_size = 512;
                        VACUUM;
                        PRAGMA writable_schema = 1;
                        UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '') WHERE sql NOT LIKE '%WITHOUT ROWID%';
                        PRAGMA writable_schema = 0
                        """)
                let names = try String.fetchAll(
                    database, sql: "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
                return try names.map { Table(name: $0, columns: try database.columns(in: $0).map(\.name)) }
            }
            try queue.close()
            bytes = Folder.read(path)
        } catch {
            broken("\(path): no database could be made: \(error)")
        }
    }

    static func removeSideFiles(of path: String) {
        for suffix in ["-wal", "-shm", "-journal"] { unlink(path + suffix) }
    }

    /// Changes of one value each, of a row or of the schema.
    static let edits: [[UInt8]] =
        (0..<20).flatMap { table -> [[UInt8]] in
            (0..<8).map { column in [0, table, 0, column, table &+ column, 1, 2, 3, 4, 5, 6, 7, 8] }
        } + [[1, 0, 0], [2, 0], [3, 1, 1], [4, 0, 9]]

    /// Carries out the changes that the bytes stand for. One that SQLite refuses is passed over.
    func edit(_ path: String, by bytes: ArraySlice<UInt8>) {
        var rest = bytes
        var statements: [(sql: String, arguments: StatementArguments)] = []
        while let operation = rest.popFirst(), statements.count < 8 {
            let table = tables[Int(rest.popFirst() ?? 0) % tables.count]
            switch operation % 8 {
            case 1:
                statements.append(("DELETE FROM \(table.name) WHERE rowid % 2 = ?", [Int(rest.popFirst() ?? 0) % 2]))
            case 2: statements.append(("DROP TABLE \(table.name)", []))
            case 3:
                let column = table.columns[Int(rest.popFirst() ?? 0) % table.columns.count]
                statements.append(("ALTER TABLE \(table.name) RENAME COLUMN \(column) TO other", []))
            case 4:
                statements.append(
                    ("INSERT INTO grdb_migrations (identifier) VALUES (?)", ["\(Int(rest.popFirst() ?? 0) % 12)"]))
            case 5: statements.append(("DELETE FROM grdb_migrations", []))
            default:
                let row = Int(rest.popFirst() ?? 0) % 4
                let column = table.columns[Int(rest.popFirst() ?? 0) % table.columns.count]
                let value = Self.value(&rest)
                let key = table.columns[0]
                statements.append(
                    (
                        "UPDATE \(table.name) SET \(column) = ? WHERE \(key) IS "
                            + "(SELECT \(key) FROM \(table.name) LIMIT 1 OFFSET ?)", [value, row]
                    ))
            }
        }
        let edited: Void? = answer {
            let queue = try DatabaseQueue(path: path)
            try queue.writeWithoutTransaction { database in
                try database.execute(sql: "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF")
                // The schema has changed under the file's own promises: what is refused leaves the rest to be tried.
                for statement in statements {
                    _ = answer { try database.execute(sql: statement.sql, arguments: statement.arguments) }
                }
            }
            try queue.close()
        }
        if edited == nil { broken("\(path): a good database cannot be edited") }
    }

    private static func value(_ rest: inout ArraySlice<UInt8>) -> DatabaseValue {
        let kind = rest.popFirst() ?? 0
        func bytes(_ count: Int) -> [UInt8] {
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        switch kind % 7 {
        case 0: return .null
        case 1: return Int64(bitPattern: bytes(8).reduce(0) { $0 << 8 | UInt64($1) }).databaseValue
        case 2: return Int64(Int8(bitPattern: bytes(1).first ?? 0)).databaseValue
        case 3: return String(decoding: bytes(Int(bytes(1).first ?? 0)), as: UTF8.self).databaseValue
        case 4: return Double(bitPattern: bytes(8).reduce(0) { $0 << 8 | UInt64($1) }).databaseValue
        case 5: return (kind & 8 == 0 ? Int64.max : Int64.min).databaseValue
        default: return Data(bytes(Int(bytes(1).first ?? 0) * 4)).databaseValue
        }
    }
}
