import BookendFiles
import BookendModel

/// Which messages go to which channels.
struct AlertRouting: Sendable {
    let channels: [ChannelConfiguration]
    let routes: [RouteConfiguration]
    /// Begins each key, so that a restored database never gives a key again that stood for another message.
    let epoch: Int64

    /// - Parameters:
    ///   - active: Alerts of which something changed now, as they are, with all of their subjects.
    ///   - labels: Of the agents that are enrolled, and of those that were.
    func messages(
        _ notices: [AlertNotice], active: [Alert] = [], labels: [AgentID: [String: String]], at now: UnixTime
    ) -> [OutgoingMessage] {
        let told = notices.flatMap { notice in
            people.compactMap { channel -> OutgoingMessage? in
                guard let part = part(of: notice, for: channel.name, labels) else { return nil }
                // Of a part that was mended before, its channel was told then.
                let isPart = part.alert.subjects.count < notice.alert.subjects.count
                if notice.occasion == .resolved, isPart, !part.alert.isMended(at: now) { return nil }
                return OutgoingMessage(
                    channel: channel.name, key: key(of: notice), createdAt: now, body: .notice(part))
            }
        }
        guard asksForLabels else { return told }
        return told
            + active.filter { alert in alert.subjects.values.contains { $0.mendedAt == now } }.flatMap { alert in
                people.compactMap { channel in mended(alert, for: channel.name, labels, at: now) }
            }
    }

    /// Which channels hear of such a cause on an agent with such labels.
    func audience(_ cause: AlertCause, _ labels: [String: String]) -> Set<String> {
        Set(
            routes(cause).filter { route in route.labels.allSatisfy { labels[$0.key] == $0.value } }
                .flatMap(\.channels))
    }

    private func routes(_ cause: AlertCause) -> [RouteConfiguration] {
        routes.filter { route in
            cause.kind.severity >= route.severity && (route.kinds.isEmpty || route.kinds.contains(cause.kind))
                && (route.policies.isEmpty || cause.policy.map { Self.matches(route.policies, $0) } ?? false)
        }
    }

    private var people: [ChannelConfiguration] {
        channels.filter { if case .healthchecks = $0.kind { false } else { true } }
    }

    /// All of an alert that is a channel's business is mended, while others are not: over, for those who read it.
    private func mended(
        _ alert: Alert, for channel: String, _ labels: [AgentID: [String: String]], at now: UnixTime
    ) -> OutgoingMessage? {
        let notice = AlertNotice(occasion: .resolved, alert: alert, at: now)
        guard var part = part(of: notice, for: channel, labels), part.alert.isMended(at: now) else { return nil }
        part.alert.resolvedAt = now
        // Of the alert's messages none has this name, and it begins as theirs do.
        return OutgoingMessage(
            channel: channel, key: "\(key(of: notice)).\(now.milliseconds)", createdAt: now, body: .notice(part))
    }

    /// What services that count on signs of life are told of a job.
    func pings(
        _ entries: [UnjudgedEntry], labels: [AgentID: [String: String]], at now: UnixTime
    ) -> [OutgoingMessage] {
        let channels = channels.filter { if case .healthchecks = $0.kind { true } else { false } }
        guard !channels.isEmpty else { return [] }
        return entries.flatMap { entry -> [OutgoingMessage] in
            // A rehearsal backs up nothing: one that went well must not pass for a backup.
            guard case .report(let report) = entry.body, report.stage == nil, report.trigger.cause != .rehearsal,
                report.status == .running && report.attempt == 1
                    // What never began is nobody's news; whose start was told, its end is too.
                    || report.endsJob && (report.attempt > 0 || !report.status.isWithoutBackup)
            else { return [] }
            let ping = JobPing(
                policy: report.trigger.policy, agent: report.origin.agent, job: report.trigger.job,
                status: report.status)
            return channels.filter { takesPing($0.name, ping, labels) }.map { channel in
                OutgoingMessage(
                    channel: channel.name,
                    key: "\(prefix)-job-\(ping.job)-\(ping.agent)-\(ping.status == .running ? "start" : "end")",
                    createdAt: now, body: .ping(ping))
            }
        }
    }

    /// `nil`: nothing of it is for this channel.
    private func part(
        of notice: AlertNotice, for channel: String, _ labels: [AgentID: [String: String]]
    ) -> AlertNotice? {
        guard !routes.isEmpty else { return notice }
        let alert = notice.alert
        let routes = routes(alert.cause).filter { $0.channels.contains(channel) }
        guard !routes.isEmpty else { return nil }
        if routes.contains(where: \.labels.isEmpty) { return notice }
        var part = notice
        part.alert.subjects = alert.subjects.filter { key, _ in
            routes.contains { route in route.labels.allSatisfy { labels[key.agent]?[$0.key] == $0.value } }
        }
        part.news = notice.news.filter { part.alert.subjects[$0] != nil }
        // Others are hit who are none of this channel's business.
        let isNews = notice.occasion == .raised || notice.occasion == .grown
        if part.alert.subjects.isEmpty || isNews && part.news.isEmpty { return nil }
        return notice.occasion == .reminder && part.alert.open.isEmpty ? nil : part
    }

    private func takesPing(_ channel: String, _ ping: JobPing, _ labels: [AgentID: [String: String]]) -> Bool {
        let own = routes.filter { $0.channels.contains(channel) }
        return own.isEmpty
            || own.contains { route in
                (route.policies.isEmpty || Self.matches(route.policies, ping.policy))
                    && route.labels.allSatisfy { labels[ping.agent]?[$0.key] == $0.value }
            }
    }

    func key(of notice: AlertNotice) -> String {
        "\(prefix)-alert-\(notice.alert.id)-\(notice.occasion == .test ? "test-\(notice.at.milliseconds)" : "\(notice.number)")"
    }

    var prefix: String { String(epoch, radix: 36) }

    /// Routes ask for labels of agents.
    var asksForLabels: Bool { routes.contains { !$0.labels.isEmpty } }

    static func matches(_ patterns: [String], _ policy: PolicyName) -> Bool {
        patterns.contains { Glob($0).matches(policy.rawValue) }
    }
}

extension Alert {
    /// The last of its subjects is mended now, and people were told of one.
    fileprivate func isMended(at now: UnixTime) -> Bool {
        open.isEmpty && subjects.values.contains { $0.mendedAt == now } && subjects.values.contains(where: \.isTold)
    }
}
