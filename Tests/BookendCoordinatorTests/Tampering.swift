import GRDB

/// Changes a database behind the coordinator's back.
enum Tampering {
    static func run(_ path: String, _ sql: String) throws {
        try DatabaseQueue(path: path).write { try $0.execute(sql: sql) }
    }
}
