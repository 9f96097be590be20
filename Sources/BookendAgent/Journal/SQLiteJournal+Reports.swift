package import BookendModel
import BookendWire
import FoundationEssentials
import GRDB

/// The reports, and how they are counted for each collector.
extension SQLiteJournal {
    package func reports(_ numbers: ClosedRange<UInt64>) throws(AgentError) -> [Report] {
        try write { database in
            try Data.fetchAll(
                database.cachedStatement(
                    sql: "SELECT report FROM reports WHERE sequence BETWEEN ? AND ? ORDER BY sequence"),
                arguments: [Int64(numbers.lowerBound), Int64(clamping: numbers.upperBound)]
            ).map { try Wire.decodeReport([UInt8]($0)) }
        }
    }

    package func reports(of job: JobID) throws(AgentError) -> [Report] {
        try write { database in
            try Data.fetchAll(
                database, sql: "SELECT report FROM reports WHERE job = ? ORDER BY sequence", arguments: [job.rawValue]
            ).map { try Wire.decodeReport([UInt8]($0)) }
        }
    }

    package func digest(of number: UInt64) throws(AgentError) -> ReportDigest? {
        try write { try Self.digest(of: number, $0) }
    }

    package func record(_ stream: ReportStream, for collector: String) throws(AgentError) {
        try write { database in
            try database.cachedStatement(
                sql: """
                    INSERT INTO streams (collector, incarnation, base, acknowledged, epoch) VALUES (?, ?, ?, ?, ?)
                    ON CONFLICT (collector) DO UPDATE SET
                        incarnation = excluded.incarnation, base = excluded.base, acknowledged = excluded.acknowledged,
                        epoch = excluded.epoch
                    """
            ).execute(arguments: [
                collector, Int64(bitPattern: stream.incarnation), Int64(stream.base), Int64(stream.acknowledged),
                stream.epoch,
            ])
        }
    }

    static func streams(_ database: Database) throws -> [String: ReportStream] {
        let rows = try Row.fetchAll(
            database, sql: "SELECT collector, incarnation, base, acknowledged, epoch FROM streams")
        return Dictionary(
            uniqueKeysWithValues: try rows.map { row in
                let stream = try ReportStream(
                    incarnation: UInt64(bitPattern: row.decode(Int64.self, forColumn: "incarnation")),
                    base: UInt64(clamping: row.decode(Int64.self, forColumn: "base")),
                    acknowledged: UInt64(clamping: row.decode(Int64.self, forColumn: "acknowledged")),
                    epoch: row.decode(forColumn: "epoch"))
                return (try row.decode(forColumn: "collector"), stream)
            })
    }

    static func highestReport(_ database: Database) throws -> UInt64 {
        let highest = try Int64.fetchOne(database.cachedStatement(sql: "SELECT max(sequence) FROM reports")) ?? 0
        guard (0..<Int64.max / 2).contains(highest) else {
            throw AgentError(.journal, "report number \(highest): the journal is damaged; restore it from a backup")
        }
        return UInt64(highest)
    }

    static func digest(of number: UInt64, _ database: Database) throws -> ReportDigest? {
        if number == (try prunedReport(database)) { return try prunedDigest(database) }
        return try Int64.fetchOne(
            database.cachedStatement(sql: "SELECT digest FROM reports WHERE sequence = ?"),
            arguments: [Int64(clamping: number)]
        ).map { ReportDigest(rawValue: UInt64(bitPattern: $0)) }
    }

    /// The highest number that was removed.
    static func prunedReport(_ database: Database) throws -> UInt64 {
        UInt64(clamping: try number("pruned_report", database) ?? 0)
    }

    /// What the digest of the oldest report goes on from; in the beginning that is the journal's incarnation, so that no
    /// two journals have digests in common.
    static func prunedDigest(_ database: Database) throws -> ReportDigest {
        let number = try number("pruned_digest", database) ?? number("incarnation", database) ?? 0
        return ReportDigest(rawValue: UInt64(bitPattern: number))
    }

    /// Those that every collector has and that are old, up to the first that is to be kept: there are no holes. The newest
    /// stays, so that numbers go on from it.
    static func pruneReports(before time: UnixTime, _ collectors: [String], _ database: Database) throws {
        let streams = try streams(database)
        let acknowledged = collectors.map { streams[$0]?.acknowledged ?? 0 }.min() ?? 0
        let kept = try Int64.fetchOne(
            database, sql: "SELECT sequence FROM reports WHERE at >= ? ORDER BY sequence LIMIT 1",
            arguments: [time.milliseconds])
        let first = max(1, min(kept.map { UInt64(clamping: $0) } ?? .max, try highestReport(database)))
        let through = min(acknowledged, first - 1)
        guard through > (try prunedReport(database)), let digest = try digest(of: through, database) else { return }
        try database.execute(sql: "DELETE FROM reports WHERE sequence <= ?", arguments: [Int64(through)])
        try set("pruned_report", Int64(through), database)
        try set("pruned_digest", Int64(bitPattern: digest.rawValue), database)
    }
}
