import BookendDaemon
import BookendModel
import FoundationEssentials

/// A message as the body of a webhook. The same bytes each time that it is sent.
struct WebhookText {
    enum Content {
        case notice(AlertNotice)
        case digest(AlertDigest)

        var at: UnixTime {
            switch self {
            case .notice(let notice): notice.at
            case .digest(let digest): digest.at
            }
        }

        /// `digest` stands for many.
        var occasion: String {
            switch self {
            case .notice(let notice): notice.occasion.rawValue
            case .digest: "digest"
            }
        }

        /// `nil`: of many.
        var alert: Int64? {
            if case .notice(let notice) = self { notice.alert.id } else { nil }
        }
    }

    /// Subjects that are named, at most; `agents_total` counts all.
    private static let subjectLimit = 1_000

    let content: Content
    let key: String

    /// The whole notice as JSON.
    ///
    /// Keys are added, never renamed or taken away.
    func json() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        switch content {
        case .notice(let notice): return [UInt8](try encoder.encode(Body(notice, key: key)))
        case .digest(let digest): return [UInt8](try encoder.encode(DigestBody(digest, key: key)))
        }
    }

    /// A template with its placeholders filled in.
    func fill(_ template: String) throws -> [UInt8] {
        var result = ""
        var rest = template[...]
        while let open = rest.firstRange(of: "{{"), let close = rest[open.upperBound...].firstRange(of: "}}") {
            result += rest[..<open.lowerBound]
            let name = rest[open.upperBound..<close.lowerBound].filter { $0 != " " }
            result += try Self.escaped(values[name] ?? "")
            rest = rest[close.upperBound...]
        }
        return Array((result + rest).utf8)
    }

    /// What a template may say, and a command finds in its environment.
    var values: [String: String] {
        switch content {
        case .notice(let notice): return values(notice)
        case .digest(let digest):
            let text = DigestText(digest: digest)
            return [
                "title": text.title, "text": text.lines.joined(separator: "\n"), "occasion": content.occasion,
                "severity": digest.severity?.rawValue ?? AlertSeverity.info.rawValue, "key": key,
                "open": "\(digest.entries.filter { !$0.isOver }.reduce(0) { $0 + $1.agents })",
            ]
        }
    }

    private func values(_ notice: AlertNotice) -> [String: String] {
        let text = NoticeText(notice: notice)
        let alert = notice.alert
        return [
            "title": text.title, "text": text.lines.joined(separator: "\n"), "occasion": notice.occasion.rawValue,
            "severity": alert.severity.rawValue, "kind": alert.cause.kind.rawValue,
            "policy": alert.cause.policy?.rawValue ?? "", "alert": "\(alert.id)",
            "agents": NoticeText.runs(alert.open.map(\.agent.rawValue)).prefix(100).joined(separator: ", "),
            "open": "\(alert.open.count)", "key": key,
        ]
    }

    /// As it stands between the quotes of a JSON string.
    static func escaped(_ text: String) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        return String(decoding: try encoder.encode(text).dropFirst().dropLast(), as: UTF8.self)
    }

    private struct Body: Encodable {
        struct Subject: Encodable {
            var agent: String
            var job_id: Int64?
            var status: Int32?
            var status_name: String?
            var reason: String
            var since: String
            var is_open: Bool
            var is_new: Bool
        }

        var alert_id: Int64
        var key: String
        var occasion: String
        var kind: String
        var severity: String
        var policy: String?
        var title: String
        var text: String
        var at: String
        var raised_at: String
        var resolved_at: String?
        var resolved_by: String?
        var agents_total: Int
        var agents_open: Int
        var agents: [Subject]

        init(_ notice: AlertNotice, key: String) {
            let alert = notice.alert
            let words = NoticeText(notice: notice)
            let news = Set(notice.news)
            alert_id = alert.id
            self.key = key
            occasion = notice.occasion.rawValue
            kind = alert.cause.kind.rawValue
            severity = alert.severity.rawValue
            policy = alert.cause.policy?.rawValue
            title = words.title
            text = words.lines.joined(separator: "\n")
            at = notice.at.rfc3339
            raised_at = alert.raisedAt.rfc3339
            resolved_at = alert.resolvedAt?.rfc3339
            resolved_by = alert.resolution?.by
            agents_total = alert.subjects.count
            agents_open = alert.open.count
            agents = alert.ordered.prefix(WebhookText.subjectLimit).map { subject in
                Subject(
                    agent: subject.agent.rawValue, job_id: subject.job?.rawValue, status: subject.status?.rawValue,
                    status_name: subject.status?.name, reason: subject.reason, since: subject.raisedAt.rfc3339,
                    is_open: subject.mendedAt == nil, is_new: news.contains(subject.key(of: alert.cause.kind)))
            }
        }
    }

    private struct DigestBody: Encodable {
        struct Cause: Encodable {
            var kind: String
            var severity: String
            var policy: String?
            var first_alert_id: Int64
            var last_alert_id: Int64
            var messages: Int
            var first_at: String
            var last_at: String
            var last_occasion: String
            var agents: Int
        }

        var key: String
        var occasion = "digest"
        var severity: String?
        var title: String
        var text: String
        var at: String
        var messages: Int
        var causes: [Cause]

        init(_ digest: AlertDigest, key: String) {
            let words = DigestText(digest: digest)
            self.key = key
            severity = digest.severity?.rawValue
            title = words.title
            text = words.lines.joined(separator: "\n")
            at = digest.at.rfc3339
            messages = digest.messages
            causes = digest.entries.prefix(WebhookText.subjectLimit).map { entry in
                Cause(
                    kind: entry.cause.kind.rawValue, severity: entry.cause.kind.severity.rawValue,
                    policy: entry.cause.policy?.rawValue, first_alert_id: entry.alerts.lowerBound,
                    last_alert_id: entry.alerts.upperBound, messages: entry.messages, first_at: entry.firstAt.rfc3339,
                    last_at: entry.lastAt.rfc3339, last_occasion: entry.occasion.rawValue, agents: entry.agents)
            }
        }
    }
}
