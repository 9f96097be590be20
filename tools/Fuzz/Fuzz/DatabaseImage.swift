import GRDB
import GRDBSQLite
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
        var database: OpaquePointer?
        guard sqlite3_open(path, &database) == SQLITE_OK else { broken("\(path): a good database cannot be opened") }
        defer { sqlite3_close(database) }
        sqlite3_exec(database, "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF", nil, nil, nil)
        var rest = bytes
        for _ in 0..<8 {
            guard let operation = rest.popFirst() else { return }
            sqlite3_exec(database, statement(operation, &rest), nil, nil, nil)
        }
    }

    private func statement(_ operation: UInt8, _ rest: inout ArraySlice<UInt8>) -> String {
        func number(below count: Int) -> Int { Int(rest.popFirst() ?? 0) % count }
        let table = tables[number(below: tables.count)]
        switch operation % 8 {
        case 1: return "DELETE FROM \(table.name) WHERE rowid % 2 = \(number(below: 2))"
        case 2: return "DROP TABLE \(table.name)"
        case 3:
            return
                "ALTER TABLE \(table.name) RENAME COLUMN \(table.columns[number(below: table.columns.count)]) TO other"
        case 4: return "INSERT INTO grdb_migrations (identifier) VALUES ('\(number(below: 12))')"
        case 5: return "DELETE FROM grdb_migrations"
        default:
            let row = number(below: 4)
            let column = table.columns[number(below: table.columns.count)]
            let key = table.columns[0]
            return "UPDATE \(table.name) SET \(column) = \(Self.value(&rest)) "
                + "WHERE \(key) IS (SELECT \(key) FROM \(table.name) LIMIT 1 OFFSET \(row))"
        }
    }

    /// A value of any kind, as SQL spells it.
    private static func value(_ rest: inout ArraySlice<UInt8>) -> String {
        let kind = rest.popFirst() ?? 0
        func bytes(_ count: Int) -> [UInt8] {
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        func hexadecimal(_ bytes: [UInt8]) -> String {
            let digits = Array("0123456789ABCDEF")
            return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
        }
        switch kind % 7 {
        case 0: return "NULL"
        case 1: return "\(Int64(bitPattern: bytes(8).reduce(0) { $0 << 8 | UInt64($1) }))"
        case 2: return "\(Int8(bitPattern: bytes(1).first ?? 0))"
        case 3: return "CAST(X'\(hexadecimal(bytes(Int(bytes(1).first ?? 0))))' AS TEXT)"
        case 4: return "\(Double(Int8(bitPattern: bytes(1).first ?? 0)) * 1e17 + 0.5)"
        case 5: return kind & 8 == 0 ? "\(Int64.max)" : "-9223372036854775807 - 1"
        default: return "X'\(hexadecimal(bytes(Int(bytes(1).first ?? 0) * 4)))'"
        }
    }
}
