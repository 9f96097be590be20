package import BookendModel
import BookendWire
import FoundationEssentials
import GRDB

/// How far each stream of reports is stored, and the epoch.
extension SQLiteReportStore {
    package func positions() throws(CollectorError) -> [Intake.Source: Intake.Position] {
        try read { database in
            let rows = try Row.fetchAll(database, sql: "SELECT agent, incarnation, through, digest FROM positions")
            return Dictionary(
                uniqueKeysWithValues: try rows.map { row in
                    let through = try row.decode(Int64.self, forColumn: "through")
                    let digest = try row.decode(Int64?.self, forColumn: "digest").map {
                        ReportDigest(rawValue: UInt64(bitPattern: $0))
                    }
                    return (
                        try Self.source(row),
                        Intake.Position(through: UInt64(bitPattern: through), digest: digest)
                    )
                })
        }
    }

    package func epoch() throws(CollectorError) -> Int64 {
        try read { try Self.epoch($0) }
    }

    package func renewEpoch() throws(CollectorError) -> Int64 {
        try write { try Self.renewEpoch($0) }
    }

    @discardableResult
    static func renewEpoch(_ database: Database) throws -> Int64 {
        let epoch = Int64.random(in: 1...Int64(UInt32.max))
        try set("epoch", epoch, database)
        return epoch
    }

    package func pruneStreams(
        heard: Set<Intake.Source>, now: UnixTime, unheardSince time: UnixTime
    ) throws(CollectorError) -> [Intake.Source] {
        try write { database in
            for source in heard {
                try database.cachedStatement(
                    sql: "UPDATE positions SET heard_at = ? WHERE agent = ? AND incarnation = ?"
                ).execute(arguments: [now.milliseconds, source.agent.rawValue, Int64(bitPattern: source.incarnation)])
            }
            return try Row.fetchAll(
                database,
                sql: """
                    DELETE FROM positions WHERE heard_at < ? AND EXISTS (
                        SELECT 1 FROM positions AS later
                        WHERE later.agent = positions.agent
                            AND (later.heard_at, later.incarnation) > (positions.heard_at, positions.incarnation))
                    RETURNING agent, incarnation
                    """, arguments: [time.milliseconds]
            ).map(Self.source)
        }
    }

    static func save(
        _ position: Intake.Position, of source: Intake.Source, _ now: UnixTime, _ database: Database
    ) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO positions (agent, incarnation, through, digest, heard_at) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (agent, incarnation) DO UPDATE SET
                    through = excluded.through, digest = excluded.digest, heard_at = excluded.heard_at
                """
        ).execute(arguments: [
            source.agent.rawValue, Int64(bitPattern: source.incarnation), Int64(bitPattern: position.through),
            (position.digest?.rawValue).map(Int64.init(bitPattern:)), now.milliseconds,
        ])
    }

    /// The same agent's report is stored, under this number or another.
    static func isKnown(_ accepted: AcceptedReport, _ database: Database) throws -> Bool {
        let stored = try Data.fetchAll(
            database.cachedStatement(sql: "SELECT report FROM reports WHERE digest = ?"),
            arguments: [Int64(bitPattern: accepted.digest.rawValue)])
        return try stored.contains {
            try Wire.decodeReport([UInt8]($0)).origin.agent == accepted.report.origin.agent
        }
    }

    private static func source(_ row: Row) throws -> Intake.Source {
        try Intake.Source(
            agent: AgentID(rawValue: row.decode(forColumn: "agent")),
            incarnation: UInt64(bitPattern: row.decode(Int64.self, forColumn: "incarnation")))
    }
}
