import BookendModel

/// Messages that waited together, in words.
struct DigestText {
    /// Causes that are named, at most.
    private static let limit = 100

    let digest: AlertDigest

    /// `CRITICAL: 40 messages that waited: backup failed (nightly) and 2 more causes`
    var title: String {
        let open = digest.entries.filter { !$0.isOver }
        let prefix = open.contains { $0.cause.kind.severity == .critical } ? "CRITICAL: " : ""
        let count = "\(digest.messages) messages that waited"
        guard let first = ordered.first else { return prefix + count }
        let others = digest.entries.count - 1
        let more = others > 0 ? " and \(others) more cause\(others == 1 ? "" : "s")" : ""
        return prefix + count + ": " + (first.isOver ? "resolved: " : "") + first.cause.title + more
    }

    var lines: [String] {
        var lines = NoticeText.wrapped(
            "This channel could not be reached, and \(digest.messages) messages waited for it. They are this one: what "
                + "became of each cause.")
        lines.append("")
        for entry in ordered.prefix(Self.limit) {
            let agents = entry.agents == 1 ? "1 agent" : "\(entry.agents) agents"
            lines += NoticeText.wrapped((entry.isOver ? "Resolved: " : "") + "\(entry.cause.title): \(agents)")
            lines.append(
                "  \(entry.cause.kind.severity.rawValue), since \(NoticeText.time(entry.firstAt)),"
                    + " last \(NoticeText.time(entry.lastAt))")
            let alerts = entry.alerts
            let shown = "bookend alerts show \(alerts.upperBound)"
            lines.append(
                alerts.count == 1 ? "  \(shown)" : "  alerts \(alerts.lowerBound) to \(alerts.upperBound); \(shown)")
            lines.append("")
        }
        if digest.entries.count > Self.limit {
            lines += ["\(digest.entries.count - Self.limit) more causes: bookend alerts list --all", ""]
        }
        if digest.reports > 0 {
            lines +=
                NoticeText.wrapped(
                    "\(digest.reports) daily reports were among them: bookend report --since \(digest.reports)d shows that "
                        + "time.") + [""]
        }
        lines.append("now \(NoticeText.time(digest.at))")
        return lines
    }

    /// What is not over first, and of that the gravest.
    private var ordered: [AlertDigest.Entry] {
        func rank(_ entry: AlertDigest.Entry) -> Int {
            (entry.isOver ? 10 : 0) + (AlertSeverity.allCases.reversed().firstIndex(of: entry.cause.kind.severity) ?? 0)
        }
        return digest.entries.enumerated().sorted {
            (rank($0.element), $0.offset) < (rank($1.element), $1.offset)
        }.map(\.element)
    }
}

extension OutgoingMessage {
    /// On one line.
    var title: String {
        switch body {
        case .notice(let notice): NoticeText(notice: notice).title
        case .digest(let digest): DigestText(digest: digest).title
        case .letter(let letter): letter.title
        case .ping(let ping): "job \(ping.job) of \(ping.policy) on \(ping.agent): \(ping.status)"
        }
    }
}
