package import BookendModel
import BookendWire
import FoundationEssentials
import GRDB

extension SQLiteReportStore {
    package func infer(_ inferences: [Inference], at now: UnixTime) throws(CollectorError) -> [FeedEntry] {
        guard !inferences.isEmpty else { return [] }
        return try write { database in
            var fitting: [Inference] = []
            for inference in inferences {
                let key = JobKey(job: inference.trigger.job, agent: inference.agent)
                let old = try Self.aggregate(key, database)
                try Self.forgetExpectation(key.job, key.agent, database)
                var new = old
                if new == nil {
                    new = JobAggregate(inference)
                } else if new?.infer(inference) != true {
                    continue
                }
                guard let new else { continue }
                try Self.save(JobChange(old: old, new: new), database)
                fitting.append(inference)
            }
            return try Self.append(fitting, now, database)
        }
    }

    /// Gives what was folded its place in the feed.
    static func append(
        _ inferences: [Inference], _ now: UnixTime, _ database: Database
    ) throws -> [FeedEntry] {
        guard !inferences.isEmpty else { return [] }
        let epoch = try epoch(database)
        let insert = try database.cachedStatement(
            sql: "INSERT INTO reports (stored_at, report, is_inference) VALUES (?, ?, 1)")
        let entries = try inferences.map { inference in
            try insert.execute(arguments: [now.milliseconds, Data(Wire.encode(inference))])
            return FeedEntry(cursor: FeedCursor(epoch, database.lastInsertedRowID), body: .inference(inference))
        }
        try set("inferences", (fact("inferences", database) ?? 0) + Int64(entries.count), database)
        return entries
    }

    static func body(_ row: Row) throws -> (body: FeedEntry.Body, size: Int) {
        let bytes = [UInt8](try row.decode(Data.self, forColumn: "report"))
        let body: FeedEntry.Body
        switch try row.decode(Int.self, forColumn: "is_inference") {
        case 0: body = .report(try Wire.decodeReport(bytes))
        case 2: body = .alert(try Wire.decodeAlertEvent(bytes))
        default: body = .inference(try Wire.decodeInference(bytes))
        }
        return (body, bytes.count)
    }
}
