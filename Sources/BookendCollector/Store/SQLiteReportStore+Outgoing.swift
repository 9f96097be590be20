package import BookendModel
import BookendWire
import FoundationEssentials
import GRDB

/// The queue of messages.
extension SQLiteReportStore {
    package func takeOutgoing(to channel: String, at now: UnixTime) throws(CollectorError) -> OutgoingMessage? {
        // Looked for first without a lock: most looks find nothing.
        let isDue = try read { database in try Self.due(channel, now, database) != nil }
        guard isDue else { return nil }
        return try write { database in
            guard var message = try Self.due(channel, now, database) else { return nil }
            message.attempts += 1
            try database.execute(
                sql: "UPDATE outgoing SET attempts = ? WHERE id = ?", arguments: [message.attempts, message.id])
            return message
        }
    }

    private static func due(_ channel: String, _ now: UnixTime, _ database: Database) throws -> OutgoingMessage? {
        let isDue = "channel = ?1 AND (next_at <= ?2 OR next_at > ?3 AND refusal IS NULL)"
        let arguments: StatementArguments = [channel, now.milliseconds, (now + OutgoingLimit.wait).milliseconds]
        let test = try Row.fetchOne(
            database.cachedStatement(
                sql: "SELECT * FROM outgoing WHERE \(isDue) AND line = 'test' AND refusal IS NULL ORDER BY id LIMIT 1"),
            arguments: arguments)
        let row =
            try test
            ?? Row.fetchOne(
                database.cachedStatement(
                    sql: """
                        SELECT * FROM outgoing m
                        WHERE \(isDue) AND (refusal IS NOT NULL OR line IS NULL
                            OR NOT EXISTS (
                                SELECT 1 FROM outgoing e WHERE e.channel = m.channel AND e.line = m.line
                                    AND e.id < m.id AND e.refusal IS NULL)
                            AND NOT EXISTS (
                                SELECT 1 FROM outgoing e WHERE e.channel = m.channel AND e.line = '*'
                                    AND e.id < m.id AND e.refusal IS NULL AND e.attempts < ?4)
                            AND NOT (m.line = '*' AND EXISTS (
                                SELECT 1 FROM outgoing e WHERE e.channel = m.channel
                                    AND e.id < m.id AND e.refusal IS NULL AND e.attempts < ?4)))
                        ORDER BY id LIMIT 1
                        """), arguments: arguments + [OutgoingLimit.stubborn])
        return try row.map(OutgoingMessage.init(row:))
    }

    package func removeOutgoing(_ id: Int64) throws(CollectorError) {
        try write { database in try database.execute(sql: "DELETE FROM outgoing WHERE id = ?", arguments: [id]) }
    }

    package func postponeOutgoing(
        _ id: Int64, until time: UnixTime?, refusal: String?, recipients: [String]?, at now: UnixTime
    ) throws(CollectorError) {
        try write { database in
            try database.execute(
                sql: "UPDATE outgoing SET next_at = ?, recipients = ? WHERE id = ?",
                arguments: [time?.milliseconds ?? .max, recipients?.joined(separator: " "), id])
            guard let refusal else { return }
            try database.execute(
                sql: "UPDATE outgoing SET refusal = ?, refused_at = coalesce(refused_at, ?) WHERE id = ?",
                arguments: [refusal, now.milliseconds, id])
            let channel = try String.fetchOne(
                database, sql: "SELECT channel FROM outgoing WHERE id = ?", arguments: [id])
            if let channel { _ = try Self.fold(channel, where: "refusal IS NOT NULL", database) }
        }
    }

    package func outgoingQueues() throws(CollectorError) -> [String: OutgoingQueue] {
        try read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT channel, sum(refusal IS NULL) AS waiting, sum(refusal IS NOT NULL) AS refused,
                        min(CASE WHEN refusal IS NULL THEN created_at END) AS oldest,
                        (SELECT refusal FROM outgoing o WHERE o.channel = outgoing.channel AND refusal IS NOT NULL
                            ORDER BY refused_at DESC, id DESC LIMIT 1) AS latest
                    FROM outgoing GROUP BY channel
                    """)
            return try Dictionary(
                rows.map { row in
                    let oldest: Int64? = try row.decode(forColumn: "oldest")
                    let queue = OutgoingQueue(
                        waiting: try row.decode(forColumn: "waiting"),
                        oldestAt: oldest.map(UnixTime.init(milliseconds:)),
                        refused: try row.decode(forColumn: "refused"), refusal: try row.decode(forColumn: "latest"))
                    return (try row.decode(String.self, forColumn: "channel"), queue)
                }, uniquingKeysWith: { $1 })
        }
    }

    package func outgoing(
        of channel: String?, limit: Int
    ) throws(CollectorError) -> (messages: [OutgoingMessage], total: Int) {
        try read { database in
            let rows = try Row.fetchAll(
                database,
                sql: """
                    SELECT * FROM outgoing WHERE ?1 IS NULL OR channel = ?1 ORDER BY refusal IS NULL, id LIMIT ?2
                    """, arguments: [channel, limit])
            let total = try Int.fetchOne(
                database, sql: "SELECT count(*) FROM outgoing WHERE ?1 IS NULL OR channel = ?1", arguments: [channel])
            return (try rows.map(OutgoingMessage.init(row:)), total ?? 0)
        }
    }

    package func resendOutgoing(_ choice: OutgoingChoice, at now: UnixTime) throws(CollectorError) -> Int {
        try write { database in
            let (clause, arguments) = Self.clause(choice)
            try database.execute(
                sql: "UPDATE outgoing SET refusal = NULL, refused_at = NULL, next_at = ? WHERE \(clause)",
                arguments: [now.milliseconds] + arguments)
            return database.changesCount
        }
    }

    package func discardOutgoing(_ choice: OutgoingChoice) throws(CollectorError) -> [OutgoingMessage] {
        try write { database in
            let (clause, arguments) = Self.clause(choice)
            let rows = try Row.fetchAll(
                database, sql: "SELECT * FROM outgoing WHERE \(clause) ORDER BY id", arguments: arguments)
            try database.execute(sql: "DELETE FROM outgoing WHERE \(clause)", arguments: arguments)
            return try rows.map(OutgoingMessage.init(row:))
        }
    }

    package func reportMark(_ channel: String) throws(CollectorError) -> UnixTime? {
        try read { database in try Self.fact("report:\(channel)", database).map(UnixTime.init(milliseconds:)) }
    }

    package func markReport(
        _ channel: String, until time: UnixTime, message: OutgoingMessage?
    ) throws(CollectorError) {
        try write { database in
            try Self.set("report:\(channel)", time.milliseconds, database)
            if let message { _ = try Self.enqueue([message], database) }
        }
    }

    private static func clause(_ choice: OutgoingChoice) -> (String, StatementArguments) {
        switch choice {
        case .ids(let ids):
            ("id IN (" + ids.map { _ in "?" }.joined(separator: ", ") + ")", StatementArguments(ids))
        case .refused(let channel): ("channel = ? AND refusal IS NOT NULL", [channel])
        case .all(let channel): ("channel = ?", [channel])
        }
    }

    static func enqueue(_ messages: [OutgoingMessage], _ database: Database) throws -> Int {
        for message in messages { try insert(message, database) }
        var folded = 0
        for channel in Set(messages.map(\.channel)) {
            folded += try fold(channel, where: "refusal IS NULL", database)
        }
        return folded
    }

    /// Puts those together that nobody can have got, all but the newest half.
    private static func fold(_ channel: String, where clause: String, _ database: Database) throws -> Int {
        let count = try Int.fetchOne(
            database.cachedStatement(sql: "SELECT count(*) FROM outgoing WHERE channel = ? AND \(clause)"),
            arguments: [channel])
        guard let count, count > OutgoingLimit.messages else { return 0 }
        var fold = OutgoingFold()
        var ids: [Int64] = []
        // One at a time: each may hold a thousand agents.
        let rows = try Row.fetchCursor(
            database,
            sql: """
                SELECT * FROM outgoing WHERE channel = ? AND \(clause) AND (attempts = 0 OR refusal IS NOT NULL)
                ORDER BY id LIMIT ?
                """, arguments: [channel, count - OutgoingLimit.messages / 2])
        while let row = try rows.next() {
            let message = try OutgoingMessage(row: row)
            fold.take(message)
            ids.append(message.id)
        }
        let kept = fold.messages
        guard kept.count < ids.count else { return 0 }
        for id in ids {
            try database.cachedStatement(sql: "DELETE FROM outgoing WHERE id = ?").execute(arguments: [id])
        }
        for message in kept { try insert(message, database) }
        return ids.count - kept.count
    }

    private static func insert(_ message: OutgoingMessage, _ database: Database) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO outgoing (id, channel, key, created_at, attempts, next_at, kind, body, refusal, refused_at,
                    line, recipients)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            message.id == 0 ? nil : message.id, message.channel, message.key, message.createdAt.milliseconds,
            message.attempts, message.nextAt.milliseconds, message.body.kind, Data(message.body.bytes),
            message.refusal, message.refusedAt?.milliseconds, message.body.line,
            message.recipients?.joined(separator: " "),
        ])
    }
}

extension OutgoingMessage {
    init(row: Row) throws {
        let bytes = [UInt8](try row.decode(Data.self, forColumn: "body"))
        self.init(
            id: try row.decode(forColumn: "id"), channel: try row.decode(forColumn: "channel"),
            key: try row.decode(forColumn: "key"),
            createdAt: UnixTime(milliseconds: try row.decode(forColumn: "created_at")),
            attempts: try row.decode(forColumn: "attempts"),
            nextAt: UnixTime(milliseconds: try row.decode(forColumn: "next_at")),
            body: try Body(kind: row.decode(forColumn: "kind"), bytes: bytes))
        refusal = try row.decode(forColumn: "refusal")
        let refused: Int64? = try row.decode(forColumn: "refused_at")
        refusedAt = refused.map(UnixTime.init(milliseconds:))
        // No address has a space.
        let left: String? = try row.decode(forColumn: "recipients")
        recipients = left?.split(separator: " ").map(String.init)
    }
}

extension OutgoingMessage.Body {
    var kind: String {
        switch self {
        case .notice: "notice"
        case .ping: "ping"
        case .digest: "digest"
        case .letter: "letter"
        }
    }

    var bytes: [UInt8] {
        switch self {
        case .notice(let notice): Wire.encode(notice)
        case .digest(let digest): Wire.encode(digest)
        case .letter(let letter): Wire.encode(letter)
        // None of the names has a space.
        case .ping(let ping):
            Array(
                "\(ping.policy) \(ping.agent) \(ping.job) \(ping.status.rawValue) \(ping.folded) \(ping.foldedFailures)"
                    .utf8)
        }
    }

    init(kind: String, bytes: [UInt8]) throws {
        switch kind {
        case "notice": self = .notice(try Wire.decodeAlertNotice(bytes))
        case "digest": self = .digest(try Wire.decodeAlertDigest(bytes))
        case "letter": self = .letter(try Wire.decodeReportLetter(bytes))
        case "ping":
            let parts = String(decoding: bytes, as: UTF8.self).split(separator: " ")
            guard [4, 6].contains(parts.count), let policy = PolicyName(checking: String(parts[0])),
                let agent = AgentID(checking: String(parts[1])), let job = Int64(parts[2]), let status = Int32(parts[3])
            else { throw CollectorError(.store, "a ping that waits cannot be read") }
            var ping = JobPing(
                policy: policy, agent: agent, job: JobID(rawValue: job), status: Status(rawValue: status))
            if parts.count == 6, let folded = Int(parts[4]), let failures = Int(parts[5]) {
                (ping.folded, ping.foldedFailures) = (folded, failures)
            }
            self = .ping(ping)
        default: throw CollectorError(.store, "a message of kind '\(kind)' waits: a newer bookend-collector wrote it")
        }
    }
}
