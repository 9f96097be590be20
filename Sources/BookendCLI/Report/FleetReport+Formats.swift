import BookendModel

/// The report in the forms that people and programs read.
extension FleetReport {
    private static let titles = [
        "expected", "succeeded", "with errors", "failed", "skipped", "canceled", "missed", "not reported", "median",
        "95th", "added", "longest between scripts",
    ]

    private var sections: [(title: String, rows: [Row])] {
        [("policy", policies), ("label", labels), ("agent", agents)].filter { !$0.rows.isEmpty }
    }

    private var headline: String {
        "\(since.rfc3339) to \(until.rfc3339): "
            + "\(total.succeeded + total.withErrors) of \(Phrases.count(total.expected, "job")) succeeded"
            + (total.withErrors > 0 ? " (\(total.withErrors) with errors)" : "")
            + ", \(total.failed) failed, \(total.missed) missed"
    }

    private func cells(_ row: Row) -> [String] {
        let counts = [
            row.expected, row.succeeded, row.withErrors, row.failed, row.skipped, row.canceled, row.missed,
            row.notReported,
        ]
        let durations = [row.median, row.percentile95].map { $0.map(Phrases.duration) ?? "-" }
        return counts.map(String.init) + durations
            + [Phrases.bytes(row.bytesAdded), row.longestPause.map(Phrases.duration) ?? "-"]
    }

    private func words(_ server: Unprotected) -> [String] {
        [
            server.agent.rawValue, server.policy.rawValue, server.status?.description ?? "none",
            server.lastGoodBackupAt.map { $0.rfc3339 } ?? "never", server.objective.map(Phrases.duration) ?? "-",
            SafeText.line(server.reason),
        ]
    }

    private static let unprotectedTitles = ["server", "policy", "latest job", "last good backup", "objective", "why"]

    func lines(_ terminal: Terminal) -> [String] {
        var lines = [terminal.paint(headline, total.failed + total.missed > 0 ? .bad : .good)]
        if !unprotected.isEmpty {
            var table = Table(
                Self.unprotectedTitles.map { .init($0.uppercased(), shrinksTo: $0 == "why" ? 6 : nil) })
            for server in unprotected { table.append(words(server).map { .init($0) }) }
            lines += ["", terminal.paint("without a good backup in time:", .bad)] + table.lines(terminal)
        }
        for (title, rows) in sections {
            let columns = Self.titles.map { Table.Column($0.uppercased(), .right, isDispensable: $0.contains(" ")) }
            var table = Table([.init(title.uppercased(), shrinksTo: 8)] + columns)
            for row in rows { table.append([.init(row.name)] + cells(row).map { .init($0) }) }
            lines += [""] + table.lines(terminal)
        }
        return lines
    }

    // MARK: For programs

    var document: Document {
        Document.time("since", since) + .time("until", until)
            + .object([
                "total": document(total), "unprotected": .list(unprotected.map(document)),
                "policies": .list(policies.map(document)), "labels": .list(labels.map(document)),
                "agents": .list(agents.map(document)),
            ])
    }

    private func document(_ row: Row) -> Document {
        .object([
            "name": .text(row.name), "expected": Document(row.expected), "succeeded": Document(row.succeeded),
            "with_errors": Document(row.withErrors), "failed": Document(row.failed), "skipped": Document(row.skipped),
            "canceled": Document(row.canceled), "missed": Document(row.missed),
            "not_reported": Document(row.notReported), "median_duration_ms": Document(row.median?.milliseconds),
            "percentile_95_duration_ms": Document(row.percentile95?.milliseconds),
            "bytes_added": Document(row.bytesAdded),
            "longest_between_scripts_ms": Document(row.longestPause?.milliseconds),
        ])
    }

    private func document(_ server: Unprotected) -> Document {
        .object([
            "agent": .text(server.agent.rawValue), "policy": .text(server.policy.rawValue),
            "status": server.status?.document ?? .null, "reason": .text(server.reason),
            "objective_ms": Document(server.objective?.milliseconds),
        ]) + .time("last_good_backup_at", server.lastGoodBackupAt)
    }

    /// One line a policy, label and agent; durations in milliseconds.
    var csv: String {
        func number(_ duration: Duration?) -> String { duration.map { "\($0.milliseconds)" } ?? "" }
        let header =
            "section,name,expected,succeeded,with_errors,failed,skipped,canceled,missed,not_reported,"
            + "median_duration_ms,percentile_95_duration_ms,bytes_added,longest_between_scripts_ms"
        let rows = ([("total", [total])] + sections).flatMap { title, rows in
            rows.map { row -> String in
                let counts = [
                    row.expected, row.succeeded, row.withErrors, row.failed, row.skipped, row.canceled, row.missed,
                    row.notReported,
                ]
                let fields =
                    [title, Self.quoted(row.name)] + counts.map(String.init)
                    + [number(row.median), number(row.percentile95), "\(row.bytesAdded)", number(row.longestPause)]
                return fields.joined(separator: ",")
            }
        }
        return ([header] + rows).joined(separator: "\r\n") + "\r\n"
    }

    /// A field that a spreadsheet would take for a formula gets an apostrophe.
    private static func quoted(_ text: String) -> String {
        let isFormula = text.first.map { "=+-@".contains($0) } ?? false
        let plain = (isFormula ? "'" : "") + text
        guard plain.contains(where: { ",\"\r\n".contains($0) }) else { return plain }
        return "\"" + plain.replacing("\"", with: "\"\"") + "\""
    }

    var markdown: String {
        func table(_ titles: [String], _ rows: [[String]]) -> [String] {
            func line(_ cells: [String]) -> String {
                "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
            }
            return [line(titles), "|" + titles.map { _ in "---|" }.joined()] + rows.map(line)
        }
        var lines = ["# Backups", "", headline]
        if !unprotected.isEmpty {
            lines += ["", "## Without a good backup", ""] + table(Self.unprotectedTitles, unprotected.map(words))
        }
        for (title, rows) in sections {
            lines += ["", "## By \(title)", ""] + table([title] + Self.titles, rows.map { [$0.name] + cells($0) })
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A page of its own, without anything from elsewhere.
    var html: String {
        func safe(_ text: String) -> String {
            text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
                .replacing("\"", with: "&quot;")
        }
        func table(_ titles: [String], _ rows: [[String]]) -> String {
            func line(_ cells: [String], _ tag: String) -> String {
                "<tr>" + cells.map { "<\(tag)>\(safe($0))</\(tag)>" }.joined() + "</tr>\n"
            }
            return "<table>\n" + line(titles, "th") + rows.map { line($0, "td") }.joined() + "</table>\n"
        }
        var body = "<h1>Backups</h1>\n<p>\(safe(headline))</p>\n"
        if !unprotected.isEmpty {
            body += "<h2>Without a good backup</h2>\n" + table(Self.unprotectedTitles, unprotected.map(words))
        }
        for (title, rows) in sections {
            body += "<h2>By \(title)</h2>\n" + table([title] + Self.titles, rows.map { [$0.name] + cells($0) })
        }
        return """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><title>Backups</title>
            <style>body{font:15px sans-serif;margin:2em}td,th{padding:.2em .8em;text-align:left}th{border-bottom:1px solid}</style>
            </head><body>
            \(body)</body></html>

            """
    }
}
