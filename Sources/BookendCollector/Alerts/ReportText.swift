import BookendModel

/// The report of a fleet as a letter that reads well on a phone: lines of at most 72 characters, apart from long names.
struct ReportText {
    /// Of the servers and agents that are named.
    private static let limit = 100

    let report: FleetReport

    var letter: ReportLetter {
        ReportLetter(title: title, lines: lines, at: report.until)
    }

    private var title: String {
        let total = report.total
        let without = report.unprotected.isEmpty ? "" : "\(servers(report.unprotected.count)) without a good backup; "
        return "Backups: \(without)\(total.succeeded + total.withErrors) of \(total.expected) jobs succeeded"
            + (total.failed > 0 ? ", \(total.failed) failed" : "")
            + (total.missed > 0 ? ", \(total.missed) missed" : "")
    }

    private var lines: [String] {
        var lines = ["\(NoticeText.time(report.since)) to", "\(NoticeText.time(report.until)):"]
        lines += NoticeText.wrapped(counts(report.total)) + [""]
        if !report.unprotected.isEmpty {
            lines.append("Without a good backup in time:")
            for server in report.unprotected.prefix(Self.limit) {
                let last = server.lastGoodBackupAt.map { "last \(NoticeText.time($0))" } ?? "never one"
                let objective = server.objective.map { ", one is due every \(QuantityText.duration($0))" } ?? ""
                lines += NoticeText.wrapped("\(server.agent), \(server.policy): \(last)\(objective)", indent: "  ")
                let why = [server.status?.description, server.reason.isEmpty ? nil : NoticeText.plain(server.reason)]
                lines += NoticeText.wrapped(why.compactMap(\.self).joined(separator: ": "), indent: "    ")
            }
            lines += more(report.unprotected.count)
        }
        lines += section("By policy", report.policies)
        lines += section("By label", report.labels)
        // Where something is wrong first.
        let isWell: (FleetReport.Row) -> Bool = { $0.succeeded == $0.expected }
        lines += section("By agent", report.agents.filter { !isWell($0) } + report.agents.filter(isWell))
        return lines + ["bookend report --since \(report.since.rfc3339.prefix(19))Z"]
    }

    private func section(_ title: String, _ rows: [FleetReport.Row]) -> [String] {
        guard !rows.isEmpty else { return [] }
        var lines = ["\(title):"]
        for row in rows.prefix(Self.limit) {
            lines += NoticeText.wrapped("\(row.name): \(counts(row))", indent: "  ")
            lines += NoticeText.wrapped(quantities(row), indent: "    ")
        }
        return lines + more(rows.count)
    }

    private func more(_ count: Int) -> [String] {
        count > Self.limit ? ["  and \(count - Self.limit) more", ""] : [""]
    }

    private func counts(_ row: FleetReport.Row) -> String {
        let parts = [
            (row.withErrors, "with errors"), (row.failed, "failed"), (row.skipped, "skipped"),
            (row.canceled, "canceled"), (row.missed, "missed"), (row.notReported, "not reported"),
        ]
        return "\(row.succeeded) of \(row.expected) succeeded"
            + parts.filter { $0.0 > 0 }.map { ", \($0.0) \($0.1)" }.joined()
    }

    private func quantities(_ row: FleetReport.Row) -> String {
        var parts: [String] = []
        if let median = row.median, let percentile = row.percentile95 {
            parts.append("took \(QuantityText.duration(median)), 95th \(QuantityText.duration(percentile))")
        }
        parts.append("\(QuantityText.bytes(row.bytesAdded)) added")
        if let pause = row.longestPause { parts.append("down for at most \(QuantityText.duration(pause))") }
        return parts.joined(separator: "; ")
    }

    private func servers(_ count: Int) -> String { "\(count) server\(count == 1 ? "" : "s")" }
}
