extension ReportDetails {
    /// The same within the bounds that every receiver keeps. What is cut off is the end.
    ///
    /// Whoever makes a report bounds it: one that receivers refuse would be sent again for ever. Texts come from programs
    /// that may print anything.
    package var bounded: ReportDetails {
        var result = self
        result.reason = reason.cut(toBytes: 4_096)
        // A part of an id is no id.
        if let snapshotID, snapshotID.utf8.count > 128 { result.snapshotID = nil }
        result.errors = errors.prefix(20).map { $0.cut(toBytes: 512) }
        result.leftProcesses = leftProcesses.prefix(20).map { $0.cut(toBytes: 512) }
        result.alerts = Array(alerts.prefix(16))
        result.events = events.suffix(10_000).map { record in
            PipelineEventRecord(
                at: record.at, attempt: record.attempt, event: record.event.cut(toBytes: 256),
                consequence: record.consequence.cut(toBytes: 4_096))
        }
        return result
    }
}

extension String {
    /// The beginning, whole characters of Unicode, in at most `limit` bytes of UTF-8.
    package func cut(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        var end = utf8.index(startIndex, offsetBy: limit)
        while end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        return String(self[..<end])
    }
}
