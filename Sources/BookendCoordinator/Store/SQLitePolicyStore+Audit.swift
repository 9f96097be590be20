package import BookendModel
import FoundationEssentials
import GRDB

extension SQLitePolicyStore {
    package func append(_ drafts: [AuditDraft], at now: UnixTime) throws(CoordinatorError) {
        guard !drafts.isEmpty else { return }
        try write { try Self.append(drafts, at: now, $0) }
    }

    package func auditHead() throws(CoordinatorError) -> AuditHead? {
        try write { try Self.auditHead($0) }
    }

    package func audit(_ filter: AuditFilter) throws(CoordinatorError) -> [AuditEntry] {
        var conditions = ["sequence > ?"]
        var arguments: StatementArguments = [filter.after]
        if let time = filter.since {
            conditions.append("at_unix_ms >= ?")
            arguments += [time.milliseconds]
        }
        if let time = filter.until {
            conditions.append("at_unix_ms < ?")
            arguments += [time.milliseconds]
        }
        if let who = filter.who {
            conditions.append(who.hasSuffix("/") ? "substr(who, 1, length(?)) = ?" : "who = ?")
            arguments += who.hasSuffix("/") ? [who, who] : [who]
        }
        let sql = """
            SELECT * FROM audit WHERE \(conditions.joined(separator: " AND "))
            ORDER BY sequence \(filter.newest ? "DESC" : "") LIMIT ?
            """
        arguments += [min(max(1, filter.limit), 1_000)]
        let entries = try write { database in
            try Row.fetchAll(database.cachedStatement(sql: sql), arguments: arguments).map(AuditEntry.init(row:))
        }
        return filter.newest ? entries.reversed() : entries
    }

    /// Writes entries in the transaction of what they tell of. The head is read anew each time: what somebody did to the
    /// table behind the coordinator's back shows in what follows.
    static func append(_ drafts: [AuditDraft], at now: UnixTime, _ database: Database) throws {
        guard !drafts.isEmpty else { return }
        var head = try auditHead(database)
        let insert = try database.cachedStatement(
            sql: """
                INSERT INTO audit (sequence, at_unix_ms, who, origin, what, target, result, detail, previous, hash)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """)
        for draft in drafts {
            let entry = AuditEntry(draft, after: head, at: now, hash: AuditEntry.digest)
            try insert.execute(arguments: [
                entry.sequence, entry.at.milliseconds, draft.who, draft.origin, draft.what, draft.target,
                draft.result.rawValue, draft.detail, Data(entry.previous), Data(entry.hash),
            ])
            head = entry.head
        }
    }

    private static func auditHead(_ database: Database) throws -> AuditHead? {
        try Row.fetchOne(
            database.cachedStatement(sql: "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1")
        ).map { row in
            AuditHead(
                sequence: try row.decode(forColumn: "sequence"),
                hash: [UInt8](try row.decode(Data.self, forColumn: "hash")))
        }
    }
}

extension AuditEntry {
    /// As the row has it, whatever was done to it: whether it is right is for the check to say.
    fileprivate init(row: Row) throws {
        let result = try row.decode(String.self, forColumn: "result")
        var draft = AuditDraft(
            who: try row.decode(forColumn: "who"), origin: try row.decode(forColumn: "origin"),
            what: try row.decode(forColumn: "what"), target: try row.decode(forColumn: "target"),
            result: AuditDraft.Result(rawValue: result) ?? .failed, detail: try row.decode(forColumn: "detail"))
        if AuditDraft.Result(rawValue: result) == nil { draft.detail = "the result is not readable" }
        self.init(
            sequence: try row.decode(forColumn: "sequence"),
            at: UnixTime(milliseconds: try row.decode(forColumn: "at_unix_ms")), draft: draft,
            previous: Self.hash(try row.decode(Data.self, forColumn: "previous")),
            hash: Self.hash(try row.decode(Data.self, forColumn: "hash")))
    }

    /// 32 bytes in any case: what is longer or shorter is wrong, and must cross the wire to be seen.
    private static func hash(_ data: Data) -> [UInt8] {
        let bytes = [UInt8](data.prefix(32))
        return bytes + [UInt8](repeating: 0, count: 32 - bytes.count)
    }
}
