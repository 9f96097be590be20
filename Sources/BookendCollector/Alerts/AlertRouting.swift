import BookendFiles
import BookendModel

/// Which messages go to which channels.
struct AlertRouting: Sendable {
    let channels: [ChannelConfiguration]
    let routes: [RouteConfiguration]
    /// Begins each key, so that a restored database never gives a key again that stood for another message.
    let epoch: Int64

    /// - Parameter labels: Of the agents that are enrolled.
    func messages(
        _ notices: [AlertNotice], labels: [AgentID: [String: String]], at now: UnixTime
    ) -> [OutgoingMessage] {
        notices.flatMap { notice in
            channels.compactMap { channel in
                if case .healthchecks = channel.kind { return nil }
                guard let part = part(of: notice, for: channel.name, labels) else { return nil }
                return OutgoingMessage(
                    channel: channel.name, key: key(of: notice), createdAt: now, body: .notice(part))
            }
        }
    }

    /// What services that count on signs of life are told of a job.
    func pings(
        _ entries: [UnjudgedEntry], labels: [AgentID: [String: String]], at now: UnixTime
    ) -> [OutgoingMessage] {
        let channels = channels.filter { if case .healthchecks = $0.kind { true } else { false } }
        guard !channels.isEmpty else { return [] }
        return entries.flatMap { entry -> [OutgoingMessage] in
            guard case .report(let report) = entry.body, report.stage == nil,
                report.status == .running && report.attempt == 1
                    || report.endsJob && ![.skipped, .canceled].contains(report.status)
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
        let routes = routes.filter { route in
            route.channels.contains(channel) && alert.severity >= route.severity
                && (route.kinds.isEmpty || route.kinds.contains(alert.cause.kind))
                && (route.policies.isEmpty || alert.cause.policy.map { Self.matches(route.policies, $0) } ?? false)
        }
        guard !routes.isEmpty else { return nil }
        if routes.contains(where: \.labels.isEmpty) { return notice }
        var part = notice
        part.alert.subjects = alert.subjects.filter { key, _ in
            routes.contains { route in route.labels.allSatisfy { labels[key.agent]?[$0.key] == $0.value } }
        }
        part.news = notice.news.filter { part.alert.subjects[$0] != nil }
        // Others are hit who are none of this channel's business.
        let isNews = notice.occasion == .raised || notice.occasion == .grown
        return part.alert.subjects.isEmpty || isNews && part.news.isEmpty ? nil : part
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

    static func matches(_ patterns: [String], _ policy: PolicyName) -> Bool {
        patterns.contains { Glob($0).matches(policy.rawValue) }
    }
}
