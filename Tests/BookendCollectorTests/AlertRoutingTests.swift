import BookendFiles
import BookendModel
import BookendTransport
import Testing

@testable import BookendCollector

/// Which messages go to which channels.
struct AlertRoutingTests {
    private static let labels = [
        AgentID(rawValue: "web-1"): ["team": "web"], AgentID(rawValue: "web-2"): ["team": "web"],
        AgentID(rawValue: "db-1"): ["team": "db"],
    ]

    private func at(_ seconds: Int64) -> UnixTime { UnixTime(milliseconds: 1_000 * seconds) }

    private func mail(_ name: String) -> ChannelConfiguration {
        ChannelConfiguration(
            name: name,
            kind: .mail(ChannelConfiguration.Mail(server: "mail:25", from: "b@example.org", to: ["o@example.org"])))
    }

    private func route(_ channel: String, policies: [String] = [], labels: [String: String] = [:]) -> RouteConfiguration
    {
        var route = RouteConfiguration(channels: [channel])
        (route.policies, route.labels) = (policies, labels)
        return route
    }

    private var teams: AlertRouting {
        AlertRouting(
            channels: [mail("web"), mail("db"), mail("boss")],
            routes: [
                route("web", labels: ["team": "web"]), route("db", labels: ["team": "db"]),
                route("boss", policies: ["pay*"]),
            ], epoch: 7)
    }

    /// `CHANNEL OCCASION: AGENTS`
    private func words(_ messages: [OutgoingMessage]) -> [String] {
        messages.compactMap { message in
            guard case .notice(let notice) = message.body else { return nil }
            let agents = notice.alert.ordered.map(\.agent.rawValue).joined(separator: " ")
            return "\(message.channel) \(notice.occasion.rawValue): \(agents)"
        }
    }

    private func tell(
        _ book: inout AlertBook, _ routing: AlertRouting, at now: UnixTime,
        labels: [AgentID: [String: String]] = AlertRoutingTests.labels
    ) -> [OutgoingMessage] {
        let changes = book.takeChanges(at: now, labels: labels, audience: routing.audience)
        let changed = Set(changes.alerts.map(\.cause))
        return routing.messages(
            changes.notices, active: book.activeAlerts.filter { changed.contains($0.cause) }, labels: labels, at: now)
    }

    private func raise(_ book: inout AlertBook, _ agents: String..., policy: String = "nightly", at now: UnixTime) {
        for agent in agents {
            book.raise(.backupFailed, PolicyName(rawValue: policy), AgentID(rawValue: agent), reason: "r", at: now)
        }
    }

    private func mend(_ book: inout AlertBook, _ agent: String, at now: UnixTime) {
        book.mend(.backupFailed, PolicyName(rawValue: "nightly"), AgentID(rawValue: agent), at: now)
    }

    @Test func `policies and labels choose among channels`() {
        var book = AlertBook(rules: AlertRules())
        raise(&book, "web-1", "db-1", at: at(0))
        raise(&book, "db-1", policy: "payroll", at: at(0))
        #expect(
            words(tell(&book, teams, at: at(300))) == [
                "web raised: web-1", "db raised: db-1", "db raised: db-1", "boss raised: db-1",
            ])
    }

    @Test func `a team is told when the last of its own is mended, and is not reminded of others`() {
        var book = AlertBook(rules: AlertRules())
        raise(&book, "web-1", "web-2", "db-1", at: at(0))
        #expect(words(tell(&book, teams, at: at(300))) == ["web raised: web-1 web-2", "db raised: db-1"])
        mend(&book, "web-1", at: at(400))
        #expect(words(tell(&book, teams, at: at(400))) == [])
        mend(&book, "web-2", at: at(500))
        let over = tell(&book, teams, at: at(500))
        #expect(words(over) == ["web resolved: web-1 web-2"])
        // Once.
        #expect(words(tell(&book, teams, at: at(502))) == [])
        #expect(words(tell(&book, teams, at: at(90_000))) == ["db reminder: db-1"])
        raise(&book, "web-2", at: at(110_000))
        #expect(words(tell(&book, teams, at: at(110_300))) == ["web grown: web-1 web-2"])
        mend(&book, "web-2", at: at(110_400))
        let again = tell(&book, teams, at: at(110_400))
        #expect(words(again) == ["web resolved: web-1 web-2"])
        mend(&book, "db-1", at: at(110_500))
        #expect(words(tell(&book, teams, at: at(110_500))) == ["db resolved: db-1"])
        // Each has a name of its own, and all are one thread.
        #expect(Set((over + again).map(\.key)).count == 2)
        guard case .notice(let notice) = over[0].body else { return }
        let text = String(
            decoding: MailText(notice: notice, key: over[0].key, from: "b@example.org", to: ["o@example.org"]).bytes,
            as: UTF8.self)
        #expect(text.contains("In-Reply-To: <7-alert-1-1@example.org>"), "\(text)")
    }

    @Test func `without labels there is one end, for all`() {
        var book = AlertBook(rules: AlertRules())
        let plain = AlertRouting(channels: [mail("ops")], routes: [], epoch: 7)
        raise(&book, "web-1", "db-1", at: at(0))
        #expect(words(tell(&book, plain, at: at(300))) == ["ops raised: db-1 web-1"])
        mend(&book, "web-1", at: at(400))
        #expect(words(tell(&book, plain, at: at(400))) == [])
        mend(&book, "db-1", at: at(500))
        #expect(words(tell(&book, plain, at: at(500))) == ["ops resolved: db-1 web-1"])
    }

    @Test func `the labels of an agent that was revoked still lead to who was told of it`() throws {
        let store = InMemoryReportStore()
        var reply = RosterReply(through: 1, triggers: [], isComplete: true, agents: [])
        let key = try CurveKeyPair.generate().publicKey
        reply.peers = [
            Peer(
                identity: try #require(PeerIdentity("agent/web-1")), key: try #require(PublicKey(checking: key.text)),
                labels: ["team": "web"], state: .revoked, origin: .keyFile, generation: 3, changedAt: at(1))
        ]
        try store.store(reply)
        let known = try AgentLabels(ring: KeyRing()).known(store)
        #expect(known == [AgentID(rawValue: "web-1"): ["team": "web"]])
        var book = AlertBook(rules: AlertRules())
        raise(&book, "web-1", at: at(0))
        _ = tell(&book, teams, at: at(300))
        mend(&book, "web-1", at: at(400))
        #expect(words(tell(&book, teams, at: at(400), labels: known)) == ["web resolved: web-1"])
    }

    @Test func `a service that counts on signs of life is told of backups, and of no rehearsal`() {
        let routing = AlertRouting(
            channels: [
                ChannelConfiguration(
                    name: "checks", kind: .healthchecks(ChannelConfiguration.Healthchecks(url: "http://h/{agent}")))
            ], routes: [], epoch: 7)
        var maker = ReportMaker("web-1")
        func pings(_ reports: [Report]) -> [String] {
            routing.pings(reports.map { UnjudgedEntry(body: .report($0)) }, labels: [:], at: at(1)).map { message in
                guard case .ping(let ping) = message.body else { return "" }
                return "\(ping.job) \(ping.status.rawValue)"
            }
        }
        #expect(pings(maker.job(1)) == ["1 11", "1 0"])
        #expect(pings(maker.job(2, backup: .failed)) == ["2 11", "2 1"])
        #expect(pings([maker.report(job: 3, .running), maker.report(job: 3, .canceled)]) == ["3 11", "3 6"])
        // It never began.
        #expect(pings([maker.report(job: 4, attempt: 0, .queued), maker.report(job: 4, attempt: 0, .canceled)]) == [])
        #expect(pings([maker.report(job: 5, attempt: 0, .skipped)]) == [])
        let rehearsal = maker.job(6).map { report in
            var report = report
            report.trigger.cause = .rehearsal
            return report
        }
        #expect(pings(rehearsal) == [])
    }
}
