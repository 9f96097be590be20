import BookendDaemon
import BookendModel

/// A notice in words, as a mail or a chat shows it.
struct NoticeText {
    /// Agents that are named in one message, at most; runs of numbers count as one.
    private static let nameLimit = 200

    let notice: AlertNotice

    private var alert: Alert { notice.alert }
    private var kind: AlertKind { alert.cause.kind }
    private var open: [AlertSubject] { alert.ordered.filter { $0.mendedAt == nil } }

    /// `CRITICAL: backup failed (nightly): 1000 agents`
    var title: String {
        let prefix =
            switch notice.occasion {
            case .raised, .grown: alert.severity == .critical ? "CRITICAL: " : ""
            case .reminder: "STILL: "
            case .resolved: "Resolved: "
            case .test: "Test: "
            }
        let hit = notice.occasion == .resolved ? alert.ordered : open
        return prefix + alert.cause.title + ": " + Self.agents(hit)
    }

    /// Lines of at most 72 characters, apart from a reason that is one long word.
    var lines: [String] {
        var lines = [sentence, ""]
        if !notice.news.isEmpty, notice.occasion == .grown || notice.occasion == .reminder {
            let news = Set(notice.news)
            lines += section("New", alert.ordered.filter { news.contains($0.key(of: kind)) })
            let others = open.filter { !news.contains($0.key(of: kind)) }
            if !others.isEmpty { lines += section("Since before", others) }
        } else if notice.occasion == .resolved {
            lines += section("", alert.ordered)
        } else {
            lines += section("", open)
        }
        if notice.occasion != .resolved, notice.occasion != .test {
            lines += Self.wrapped("What to do: " + kind.advice)
            lines.append("")
        }
        if let acknowledgement = alert.acknowledgement {
            let note = acknowledgement.note.isEmpty ? "" : ": " + acknowledgement.note
            lines += Self.wrapped("\(acknowledgement.by) has taken it over\(note)") + [""]
        }
        if let resolution = alert.resolution {
            lines += Self.wrapped("\(resolution.by) resolved it by hand: \(Self.plain(resolution.note))") + [""]
        }
        guard notice.occasion != .test else { return lines }
        lines.append("since \(Self.time(alert.raisedAt)), now \(Self.time(notice.at))")
        if kind.isToldOnceForAll, notice.occasion == .raised || notice.occasion == .grown {
            lines += Self.wrapped("Who is hit alike later joins this alert without a message of its own:")
        }
        lines.append("bookend alerts show \(alert.id)")
        return lines
    }

    private var sentence: String {
        let policy = alert.cause.policy.map { ", policy \($0)" } ?? ""
        let what = kind.title.prefix(1).uppercased() + kind.title.dropFirst() + policy
        return switch notice.occasion {
        case .raised: "\(what): \(Self.agents(open))."
        case .grown: "\(what): \(notice.news.count) more, \(Self.agents(open)) in all."
        case .reminder where !notice.news.isEmpty:
            "\(what): still so, \(Self.agents(open)), \(notice.news.count) of them new."
        case .reminder: "\(what): still so, \(Self.agents(open))."
        case .resolved where alert.resolution != nil: "\(what): resolved by hand, \(Self.agents(alert.ordered))."
        case .resolved: "\(what): mended, \(Self.agents(alert.ordered))."
        case .test: "A test of this channel. Nothing is wrong."
        }
    }

    /// Those who are hit alike stand together: the largest group first.
    private func section(_ title: String, _ subjects: [AlertSubject]) -> [String] {
        struct Alike: Hashable {
            var status: Status?
            var reason: String
        }
        let groups = Dictionary(grouping: subjects) { Alike(status: $0.status, reason: Self.plain($0.reason)) }
        let ordered = groups.sorted { left, right in
            (right.value.count, left.value[0].agent) < (left.value.count, right.value[0].agent)
        }
        var lines: [String] = title.isEmpty ? [] : [title + ":"]
        var room = Self.nameLimit
        var groupRoom = 50
        for (alike, members) in ordered {
            guard room > 0, groupRoom > 0 else { break }
            groupRoom -= 1
            let what = [alike.status.map(\.description), alike.reason.isEmpty ? nil : alike.reason].compactMap(\.self)
            lines += Self.wrapped(what.joined(separator: ": "))
            if members.count == 1, let only = members.first {
                lines.append("  \(only.agent)" + (only.job.map { ", job \($0)" } ?? "") + Self.times(only))
                room -= 1
            } else {
                let names = Self.runs(members.map(\.agent.rawValue))
                lines += Self.wrapped(
                    "\(members.count) agents: " + names.prefix(room).joined(separator: ", ")
                        + (names.count > room ? ", and more" : ""), indent: "  ")
                room -= names.count
            }
            lines.append("")
        }
        if room <= 0 || ordered.count > 50 {
            lines += ["All of them: bookend alerts show \(alert.id)", ""]
        }
        return lines
    }

    private static func times(_ subject: AlertSubject) -> String {
        subject.times > 1 ? " (\(subject.times) times)" : ""
    }

    private static func agents(_ subjects: [AlertSubject]) -> String {
        let names = Set(subjects.map(\.agent))
        return names.count == 1 ? names.first?.rawValue ?? "" : "\(names.count) agents"
    }

    /// `2026-11-23 02:00 UTC`
    static func time(_ time: UnixTime) -> String {
        let text = time.rfc3339
        return text.prefix(10) + " " + text.dropFirst(11).prefix(5) + " UTC"
    }

    /// On one line, and without what a terminal or a header would take for an order.
    static func plain(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            if isControl || scalar == " " {
                if !result.isEmpty, result.last != " " { result.append(" ") }
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result.last == " " ? String(result.dropLast()) : result
    }

    /// Names that count up, from three on, as `web-001 to web-998`.
    static func runs(_ names: [String]) -> [String] {
        struct Numbered {
            var stem: Substring
            var number: Int
            var width: Int

            init?(_ name: String) {
                let digits = name.utf8.reversed().prefix { (0x30...0x39).contains($0) }.count
                guard digits > 0, digits < 10, let number = Int(name.suffix(digits)) else { return nil }
                (stem, self.number, width) = (name.dropLast(digits), number, digits)
            }

            func isFollowed(by other: Numbered) -> Bool {
                stem == other.stem && number + 1 == other.number
                    && (width == other.width || width + 1 == other.width && !stem.isEmpty)
            }
        }
        let sorted = names.map { ($0, Numbered($0)) }.sorted { left, right in
            guard let first = left.1, let second = right.1, first.stem == second.stem else { return left.0 < right.0 }
            return (first.number, first.width) < (second.number, second.width)
        }
        var result: [String] = []
        var run: [(String, Numbered?)] = []
        func close() {
            guard run.count >= 3, let first = run.first, let last = run.last else { return result += run.map(\.0) }
            result.append("\(first.0) to \(last.0)")
        }
        for name in sorted {
            if let last = run.last?.1, let next = name.1, last.isFollowed(by: next) {
                run.append(name)
            } else {
                close()
                run = [name]
            }
        }
        close()
        return result
    }

    static func wrapped(_ text: String, indent: String = "", width: Int = 72) -> [String] {
        var lines: [String] = []
        var line = indent
        for word in text.split(separator: " ") {
            if line.count > indent.count, line.count + 1 + word.count > width {
                lines.append(line)
                line = indent
            }
            line += (line.count > indent.count ? " " : "") + word
        }
        return line.count > indent.count ? lines + [line] : lines
    }
}
