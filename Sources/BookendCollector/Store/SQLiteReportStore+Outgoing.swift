package import BookendModel
import BookendWire
import FoundationEssentials
import GRDB

/// The queue of messages.
extension SQLiteReportStore {
    package func outgoing(to channel: String, at now: UnixTime) throws(CollectorError) -> OutgoingMessage? {
        try read { database in
            try Row.fetchOne(
                database.cachedStatement(
                    sql: """
                        SELECT * FROM outgoing WHERE channel = ? AND (next_at <= ? OR next_at > ?) ORDER BY id LIMIT 1
                        """),
                arguments: [channel, now.milliseconds, (now + OutgoingLimit.wait).milliseconds]
            ).map(OutgoingMessage.init(row:))
        }
    }

    package func removeOutgoing(_ id: Int64) throws(CollectorError) {
        try write { database in try database.execute(sql: "DELETE FROM outgoing WHERE id = ?", arguments: [id]) }
    }

    package func postponeOutgoing(_ id: Int64, until time: UnixTime) throws(CollectorError) {
        try write { database in
            try database.execute(
                sql: "UPDATE outgoing SET attempts = attempts + 1, next_at = ? WHERE id = ?",
                arguments: [time.milliseconds, id])
        }
    }

    package func outgoingQueues() throws(CollectorError) -> [String: OutgoingQueue] {
        try read { database in
            let rows = try Row.fetchAll(
                database,
                sql: "SELECT channel, count(*) AS waiting, min(created_at) AS oldest FROM outgoing GROUP BY channel")
            return try Dictionary(
                rows.map { row in
                    let queue = OutgoingQueue(
                        waiting: try row.decode(forColumn: "waiting"),
                        oldestAt: UnixTime(milliseconds: try row.decode(forColumn: "oldest")))
                    return (try row.decode(String.self, forColumn: "channel"), queue)
                }, uniquingKeysWith: { $1 })
        }
    }

    package func keepOutgoing(to channels: Set<String>) throws(CollectorError) -> Int {
        try write { database in
            var removed = 0
            for channel in try String.fetchSet(database, sql: "SELECT DISTINCT channel FROM outgoing")
            where !channels.contains(channel) {
                try database.execute(sql: "DELETE FROM outgoing WHERE channel = ?", arguments: [channel])
                removed += database.changesCount
            }
            return removed
        }
    }

    static func enqueue(_ messages: [OutgoingMessage], _ database: Database) throws -> Int {
        for message in messages {
            try database.cachedStatement(
                sql: """
                    INSERT INTO outgoing (channel, key, created_at, attempts, next_at, kind, body)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """
            ).execute(arguments: [
                message.channel, message.key, message.createdAt.milliseconds, message.attempts,
                message.nextAt.milliseconds, message.body.kind, Data(message.body.bytes),
            ])
        }
        var removed = 0
        for channel in Set(messages.map(\.channel)) {
            try database.cachedStatement(
                sql: """
                    DELETE FROM outgoing WHERE channel = ? AND id <= (
                        SELECT id FROM outgoing WHERE channel = ? ORDER BY id DESC LIMIT 1 OFFSET ?)
                    """
            ).execute(arguments: [channel, channel, OutgoingLimit.messages])
            removed += database.changesCount
        }
        return removed
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
    }
}

extension OutgoingMessage.Body {
    var kind: String {
        switch self {
        case .notice: "notice"
        case .ping: "ping"
        }
    }

    var bytes: [UInt8] {
        switch self {
        case .notice(let notice): Wire.encode(notice)
        // None of the names has a space.
        case .ping(let ping): Array("\(ping.policy) \(ping.agent) \(ping.job) \(ping.status.rawValue)".utf8)
        }
    }

    init(kind: String, bytes: [UInt8]) throws {
        switch kind {
        case "notice": self = .notice(try Wire.decodeAlertNotice(bytes))
        case "ping":
            let parts = String(decoding: bytes, as: UTF8.self).split(separator: " ")
            guard parts.count == 4, let policy = PolicyName(checking: String(parts[0])),
                let agent = AgentID(checking: String(parts[1])), let job = Int64(parts[2]), let status = Int32(parts[3])
            else { throw CollectorError(.store, "a ping that waits cannot be read") }
            self = .ping(
                JobPing(policy: policy, agent: agent, job: JobID(rawValue: job), status: Status(rawValue: status)))
        default: throw CollectorError(.store, "a message of kind '\(kind)' waits: a newer bookend-collector wrote it")
        }
    }
}
