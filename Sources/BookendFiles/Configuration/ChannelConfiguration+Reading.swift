import BookendModel

extension ChannelConfiguration {
    static let keyTable = KeyTable(
        "channels",
        [
            "name": "the channel's name", "type": "mail, webhook, healthchecks or command",
            "server": "a mail server such as mail.example.org:587", "encryption": "starttls, tls or none",
            "ca_file": "an absolute path", "user": "a name to log in with", "password_file": "an absolute path",
            "from": "an address such as bookend@example.org", "to": "a list of addresses such as ops@example.org",
            "report": "daily, or never", "report_at": "a time of the day such as \"07:00\"",
            "report_timezone": "a time zone such as Europe/Berlin",
            "url": "an address such as https://example.org/hook", "url_file": "an absolute path",
            "secret_file": "an absolute path", "template": "a text", "content_type": "a text such as application/json",
            "command": "a list: a program's absolute path, and its arguments", "timeout": "a duration from 1s to 10m",
        ])

    private static let keysOfType: [String: Set<String>] = [
        "mail": [
            "server", "encryption", "ca_file", "user", "password_file", "from", "to", "report", "report_at",
            "report_timezone", "timeout",
        ],
        "webhook": ["url", "url_file", "secret_file", "template", "content_type", "ca_file", "timeout"],
        "healthchecks": ["url"], "command": ["command", "timeout"],
    ]

    static func read(_ value: YAMLValue?) -> [ChannelConfiguration] {
        var names: Set<String> = []
        return value?.list { item in
            guard let keys = item.mapping(keyTable) else { return nil }
            let name = keys.required("name")?.channelName() ?? ""
            if !name.isEmpty, !names.insert(name).inserted {
                keys["name"]?.report("another channel is called '\(name)'")
            }
            guard let type = keys.required("type")?.choice(of: ["mail", "webhook", "healthchecks", "command"]) else {
                return nil
            }
            for key in keyTable.names where !["name", "type"].contains(key) && keysOfType[type]?.contains(key) != true {
                keys[key]?.report("a channel of type \(type) has no \(key)")
            }
            let kind: Kind? =
                switch type {
                case "mail": mail(keys)
                case "webhook": webhook(keys)
                case "healthchecks":
                    .healthchecks(Healthchecks(url: keys.required("url")?.webAddress(placeholders: true) ?? ""))
                default: command(keys)
                }
            return kind.map { ChannelConfiguration(name: name, kind: $0) }
        } ?? []
    }

    private static func mail(_ keys: MappingReader) -> Kind {
        var mail = Mail(
            server: keys.required("server")?.mailServer() ?? "", from: keys.required("from")?.mailAddress() ?? "",
            to: keys.required("to")?.list { $0.mailAddress() } ?? [])
        if let to = keys["to"], to.isEmptyList { to.report("nobody would get a mail: name at least one address") }
        mail.encryption = keys["encryption"]?.enumeration(Mail.Encryption.self) ?? mail.encryption
        mail.caFile = keys["ca_file"]?.absolutePath()
        mail.user = keys["user"]?.string()
        mail.passwordFile = keys["password_file"]?.absolutePath()
        if keys["user"] != nil, keys["password_file"] == nil {
            keys["user"]?.report("a login takes a password too; write password_file: /etc/bookend/mail.password")
        } else if keys["user"] == nil, keys["password_file"] != nil {
            keys["password_file"]?.report("a login takes a user too; write user: NAME")
        }
        if mail.encryption == .none, mail.user != nil {
            keys["user"]?.report("a password is never sent in the clear; write encryption: starttls or tls")
        }
        mail.timeout = keys["timeout"]?.duration(in: .seconds(1) ... .seconds(600)) ?? mail.timeout
        mail.report = report(keys)
        return .mail(mail)
    }

    private static func report(_ keys: MappingReader) -> Report? {
        let word = keys["report"]?.choice(of: ["daily", "never"])
        var report = Report()
        if let value = keys["report_at"], let text = value.string() {
            if let time = TimeOfDay(text: text) {
                report.at = time
            } else {
                value.report("expected a time of the day such as \"07:00\", found '\(text.clipped)'")
            }
        }
        if let value = keys["report_timezone"], let text = value.string() {
            report.zone = text
            let allowed = text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
            if text.isEmpty || text.utf8.count > PolicyLimits.zoneBytes || !allowed {
                value.report("expected a time zone such as Europe/Berlin or UTC, found '\(text.clipped)'")
            }
        }
        if keys["report"] == nil, let stray = keys["report_at"] ?? keys["report_timezone"] {
            stray.report("says when the daily report is sent: write report: daily beside it")
        }
        return word == "daily" ? report : nil
    }

    private static func webhook(_ keys: MappingReader) -> Kind {
        var address = Webhook.Address.url("")
        switch (keys["url"], keys["url_file"]) {
        case (nil, let file?): address = .file(file.absolutePath() ?? "")
        case (_?, let file?): file.report("url and url_file: expected one of them")
        case (let url, nil): address = .url((url ?? keys.required("url"))?.webAddress() ?? "")
        }
        var webhook = Webhook(address: address)
        webhook.secretFile = keys["secret_file"]?.absolutePath()
        webhook.template = keys["template"]?.string()
        if let template = webhook.template, let unknown = WebhookTemplate.unknownPlaceholder(in: template) {
            keys["template"]?.report(
                "there is no {{\(unknown.clipped)}}; known: " + WebhookTemplate.placeholders.joined(separator: ", "))
        }
        webhook.contentType = keys["content_type"]?.headerText() ?? webhook.contentType
        webhook.caFile = keys["ca_file"]?.absolutePath()
        webhook.timeout = keys["timeout"]?.duration(in: .seconds(1) ... .seconds(600)) ?? webhook.timeout
        return .webhook(webhook)
    }

    private static func command(_ keys: MappingReader) -> Kind {
        let words = keys.required("command")?.list { $0.string() } ?? []
        var command = Command(command: words)
        if let value = keys["command"] {
            if let problem = words.first.map(TextRules.absolutePathProblem) ?? "names no program" {
                value.report("the program '\((words.first ?? "").clipped)' \(problem)")
            }
        }
        command.timeout = keys["timeout"]?.duration(in: .seconds(1) ... .seconds(600)) ?? command.timeout
        return .command(command)
    }
}

/// What may stand in a webhook's template.
package enum WebhookTemplate {
    /// Each as the text inside a JSON string, so that no reason can break out of it.
    package static let placeholders = [
        "title", "text", "occasion", "severity", "kind", "policy", "alert", "agents", "open", "key",
    ]

    static func unknownPlaceholder(in template: String) -> String? {
        template.split(separator: "{{", omittingEmptySubsequences: false).dropFirst().lazy.map { part in
            part.prefix { $0 != "}" }.filter { $0 != " " }
        }.first { !placeholders.contains($0) }
    }
}

extension RouteConfiguration {
    static let keyTable = KeyTable(
        "routes",
        [
            "channels": "a list of channels' names", "policies": "a list of policies, such as db-*",
            "labels": "a mapping of labels such as site: north", "severity": "info, warning or critical",
            "kinds": "a list of kinds such as backup-failed",
        ])

    static func read(_ value: YAMLValue?, channels: [ChannelConfiguration]) -> [RouteConfiguration] {
        let known = channels.map(\.name)
        return value?.list { item in
            guard let keys = item.mapping(keyTable) else { return nil }
            var route = RouteConfiguration(channels: keys.required("channels")?.list { $0.choice(of: known) } ?? [])
            if let list = keys["channels"], list.isEmptyList { list.report("a route without a channel leads nowhere") }
            route.policies = keys["policies"]?.list { $0.pattern() } ?? []
            route.labels = keys["labels"]?.labels() ?? [:]
            route.severity = keys["severity"]?.enumeration(AlertSeverity.self) ?? route.severity
            route.kinds = keys["kinds"]?.list { $0.enumeration(AlertKind.self) } ?? []
            return route
        } ?? []
    }
}

extension ObjectiveConfiguration {
    static let keyTable = KeyTable(
        "objectives", ["policies": "a list of policies, such as db-*", "within": "a duration such as 26h"])

    static func read(_ value: YAMLValue?) -> [ObjectiveConfiguration] {
        value?.list { item in
            guard let keys = item.mapping(keyTable) else { return nil }
            let policies = keys.required("policies")?.list { $0.pattern() } ?? []
            if let list = keys["policies"], list.isEmptyList {
                list.report("name at least one policy, or write [\"*\"]")
            }
            let within = keys.required("within")?.duration(in: .seconds(60) ... .seconds(3660 * 86_400))
            return ObjectiveConfiguration(policies: policies, within: within ?? .seconds(60))
        } ?? []
    }
}

extension AlertRules {
    static let keyTable = KeyTable(
        "alerts",
        [
            "quiet": "a duration from 0s to 1h", "longest": "a duration from 0s to 1d",
            "growth": "a duration from 1m to 7d", "growth_alike": "a duration from 1m to 7d",
            "reminders": "a list of durations such as [24h, 72h]",
            "agent_offline_after": "a duration from 1m to 30d, or never", "overdue_after": "a duration from 1m to 30d",
        ])

    static func read(_ value: YAMLValue?) -> AlertRules {
        var rules = AlertRules()
        guard let keys = value?.mapping(keyTable) else { return rules }
        rules.quiet = keys["quiet"]?.duration(in: .zero ... .seconds(3_600)) ?? rules.quiet
        rules.longest = keys["longest"]?.duration(in: .zero ... .seconds(86_400)) ?? rules.longest
        rules.growth = keys["growth"]?.duration(in: .seconds(60) ... .seconds(7 * 86_400)) ?? rules.growth
        rules.growthAlike =
            keys["growth_alike"]?.duration(in: .seconds(60) ... .seconds(7 * 86_400)) ?? rules.growthAlike
        if rules.growthAlike < rules.growth {
            keys["growth_alike"]?.report("expected no less than growth: whoever is hit alike can wait")
            rules.growthAlike = rules.growth
        }
        rules.urgentGrowth = min(rules.urgentGrowth, rules.growth)
        let month = Duration.seconds(60) ... .seconds(30 * 86_400)
        if let reminders = keys["reminders"]?.list({ $0.duration(in: month) }) {
            if reminders != reminders.sorted() { keys["reminders"]?.report("write the shortest first") }
            rules.reminders = reminders
        }
        if let value = keys["agent_offline_after"] {
            rules.offlineAfter = value.plainText == "never" ? nil : value.duration(in: month)
        }
        rules.overdueAfter = keys["overdue_after"]?.duration(in: month) ?? rules.overdueAfter
        return rules
    }
}

extension YAMLValue {
    fileprivate func channelName() -> String? {
        guard let text = string() else { return nil }
        if let problem = TextRules.nameProblem(text) {
            report("'\(text.clipped)' \(problem)")
            return nil
        }
        return text
    }

    /// A name in which `*` and `?` stand for others.
    fileprivate func pattern() -> String? {
        guard let text = string() else { return nil }
        let isPattern = (1...128).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        guard isPattern else {
            report("expected a name or a pattern such as db-*, found '\(text.clipped)'")
            return nil
        }
        return text
    }

    /// `host:port`
    fileprivate func mailServer() -> String? {
        guard let text = string() else { return nil }
        let place = text.lastIndex(of: ":")
        let host = place.map { text[..<$0] } ?? ""
        let port = place.flatMap { Int(text[text.index(after: $0)...]) } ?? 0
        let isHost = !host.isEmpty && host.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "/") }
        guard isHost, (1...65_535).contains(port) else {
            report("expected a mail server such as mail.example.org:587, found '\(text.clipped)'")
            return nil
        }
        return text
    }

    /// A plain address: what would need quoting, and a line's end, are refused.
    fileprivate func mailAddress() -> String? {
        guard let text = string() else { return nil }
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        let allowed = text.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"<>(),;:\\\"[]".utf8.contains($0) }
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty, allowed, text.utf8.count <= 254 else {
            report("expected an address such as ops@example.org, found '\(text.clipped)'")
            return nil
        }
        return text
    }

    fileprivate func headerText() -> String? {
        guard let text = string() else { return nil }
        guard !text.isEmpty, text.utf8.count <= 256, text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            report("expected a text such as application/json, found '\(text.clipped)'")
            return nil
        }
        return text
    }
}
