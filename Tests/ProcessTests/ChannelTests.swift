import Foundation
import Glibc
import Testing

/// Which channel is told of what, and in which words: from a job on a real agent to a web server and a mailbox.
@Suite(.serialized, .timeLimit(.minutes(60))) struct ChannelTests {
    private static let atOnce = "alerts: {quiet: 0s, longest: 0s, growth: 1m, agent_offline_after: never}"

    private func body(_ request: JSON) throws -> JSON { try JSON(parsing: request["body"].text ?? "") }

    /// Each request that a server got, as far as it concerns a policy.
    private func paths(_ hook: HookServer, _ policy: String) throws -> [String] {
        try hook.program.output.all.compactMap { try JSON(parsing: $0)["path"].text }.filter {
            $0.hasPrefix("/\(policy)/")
        }
    }

    @Test func `routes by kind, label and policy choose who is told, and a template says how`() async throws {
        let (chat, db, dumps, checks) = (
            try HookServer.start(""), try HookServer.start(""), try HookServer.start(""), try HookServer.start("")
        )
        let channels = """
            \(Self.atOnce)
            channels:
              - {name: chat, type: webhook, url: "http://127.0.0.1:\(chat.port)/",
                 template: '{"text": "*{{title}}*\\n{{text}}", "level": "{{severity}}"}'}
              - {name: db, type: webhook, url: "http://127.0.0.1:\(db.port)/"}
              - {name: dumps, type: webhook, url: "http://127.0.0.1:\(dumps.port)/"}
              - {name: checks, type: healthchecks, url: "http://127.0.0.1:\(checks.port)/{policy}/{agent}"}
            routes:
              - {channels: [chat], kinds: [backup-failed]}
              - {channels: [db], labels: {team: db}}
              - {channels: [dumps], policies: ["*3"]}
            """
        try await RealFleet.with("routes", agents: 2, collector: channels) { fleet in
            // Once the feed is there the collector may go.
            let plain = try await Scenario(fleet: fleet, site: fleet.layout.sites[0])
            try await plain.expect(try await plain.run(), is: 0, Integers(0, 0, 0))
            let keys = fleet.layout.directory + "/keys"
            let text = try String(contentsOfFile: keys, encoding: .utf8)
            try fleet.layout.write(text.replacing("agent/a2 ", with: "agent/a2 team=db "), to: keys)
            await fleet.daemon("collector").stop()
            try await fleet.startCollector()

            let web = try await Scenario(fleet: fleet, site: fleet.layout.sites[0], backup: .command("exit 3"))
            let dump = try await Scenario(
                fleet: fleet, site: fleet.layout.sites[1], backup: .restic(sources: ["/no/such/source"]))
            try #require([web.policy, dump.policy] == ["p2", "p3"])
            let (failed, partly) = (try await web.run(), try await dump.run())
            try await web.expect(failed, is: 1, Integers(0, 1, 0))
            try await dump.expect(partly, is: 5, Integers(0, 5, 0))

            let message = try body(try await chat.request(0))
            #expect(message["level"].text == "critical", "\(message)")
            let words = message["text"].text ?? ""
            #expect(words.hasPrefix("*CRITICAL: backup failed (p2): a1*\nBackup failed, policy p2: a1.\n"), "\(words)")
            for hook in [db, dumps] {
                let message = try body(try await hook.request(0))
                #expect(message["kind"].text == "backup-with-errors" && message["severity"].text == "warning")
                let agent = try #require(message["agents"].list.first)
                #expect(agent["agent"].text == "a2" && agent["job_id"].int == partly, "\(message)")
            }

            // A start that is skipped is no failure, nor is it one that a job has ended: nobody counts on it.
            let narrow = try await Scenario(
                fleet: fleet, site: fleet.layout.sites[0], pre: "open gate", more: "window: 2s")
            let first = try await narrow.order()
            try await narrow.reached("pre-script", 11, first)
            let skipped = try await narrow.order("--as-scheduled")
            try await narrow.ended(skipped)
            try await narrow.expect(skipped, is: 2)
            try narrow.open("gate")
            try await narrow.ended(first)
            try await web.apply(backup: .command(""))
            _ = try await web.run()
            _ = try await narrow.run()
            for number in 0...11 { _ = try await checks.request(number) }
            #expect(try paths(checks, "p2") == ["/p2/a1/start", "/p2/a1/1", "/p2/a1/start", "/p2/a1"])
            #expect(try paths(checks, "p3") == ["/p3/a2/start", "/p3/a2"])
            #expect(try paths(checks, "p4") == ["/p4/a1/start", "/p4/a1", "/p4/a1/start", "/p4/a1"])

            let over = try body(try await chat.request(1))
            #expect(over["text"].text?.hasPrefix("*Resolved: backup failed (p2): a1*\n") == true, "\(over)")
            try await resolve(dump, told: db)
            _ = try await dumps.request(2)
            #expect([chat, db, dumps].map(\.program.output.count) == [2, 3, 3])
        }
        for hook in [chat, db, dumps, checks] { await hook.program.stop(SIGKILL) }
    }

    /// An operator resolves the only alert of a policy by hand; its cause is seen again.
    private func resolve(_ scenario: Scenario, told hook: HookServer) async throws {
        let fleet = scenario.fleet
        let list = try await fleet.json("alerts", "--policy", scenario.policy)["alerts"].list
        let id = try #require(list.first?["alert_id"].int)
        let why = try await fleet.bookend("alerts", "resolve", "\(id)")
        #expect(why.status == 2 && why.errors.contains("--reason"), "\(why)")
        let end = try await fleet.bookend("alerts", "resolve", "\(id)", "--reason", "the source was moved")
        #expect(end.output == "alert \(id), backup with errors (\(scenario.policy)): resolved\n", "\(end)")
        let told = try body(try await hook.request(1))
        #expect(told["occasion"].text == "resolved" && told["resolved_by"].text?.hasPrefix("local/") == true, "\(told)")
        #expect(told["text"].text?.contains("resolved it by hand: the source was moved") == true, "\(told)")
        let again = try await fleet.bookend("alerts", "resolve", "\(id)", "--reason", "r")
        #expect(again.status != 0 && again.errors.contains("no such alert \(id)"), "\(again)")
        #expect(try await fleet.bookend("alerts", "show", "\(id)").output.contains(": the source was moved"))

        _ = try await scenario.run()
        let raised = try body(try await hook.request(2))
        #expect(raised["occasion"].text == "raised" && raised["alert_id"].int ?? 0 > id, "\(raised)")
        let deadline = ContinuousClock.now + .seconds(60)
        var audit = ""
        while !audit.contains("alert.resolve"), ContinuousClock.now < deadline {
            audit = try await fleet.bookend("audit", "--output", "json").output
            try await Task.sleep(for: .milliseconds(200))
        }
        #expect(audit.contains("alert.resolve") && audit.contains("the source was moved"), "\(audit)")
    }

    @Test func `a day later there are the daily report, a reminder, and who has no good backup in time`() async throws {
        let folder = SafePlace.checkout + "/.build/channels-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }  // a temporary directory
        let server = try await MailServer.start(.plain, in: folder)
        let hook = try HookServer.start("")
        let channels = """
            \(Self.atOnce)
            channels:
              - {name: ops, type: mail, server: "127.0.0.1:\(server.port)", encryption: none,
                 from: bookend@example.org, to: [ops@example.org], report: daily}
              - {name: hook, type: webhook, url: "http://127.0.0.1:\(hook.port)/"}
            routes:
              - {channels: [ops], kinds: [backup-failed]}
              - {channels: [hook], kinds: [objective-broken]}
            """
        try await RealFleet.with("daily", agents: 1, collector: channels) { fleet in
            let scenario = try await Scenario(
                fleet: fleet, site: fleet.layout.sites[0], backup: .command("exit 3"), more: "objective: 5h")
            let job = try await scenario.run()
            try await scenario.expect(job, is: 1, Integers(0, 1, 0))
            #expect(try await server.mail(0)["headers"]["X-Bookend-Occasion"].text == "raised")

            let time = try await FakeTime(below: fleet.layout.directory)
            try time.set(seconds: 30 * 3_600)
            fleet.launch("collector", by: time.launch)
            await fleet.daemon("collector").stop()
            try await fleet.startCollector()
            let pid = try await fleet.daemon("collector").pid
            defer { FakeTime.forget(pid) }

            let message = try body(try await hook.request(0))
            #expect(message["kind"].text == "objective-broken" && message["severity"].text == "critical")
            #expect(
                message["agents"].list.map { $0["reason"].text } == [
                    "there is no good backup; one is due every 5 h"
                ], "\(message)")
            let mails = [try await server.mail(1), try await server.mail(2)]
            let subjects = mails.map { $0["headers"]["Subject"].text ?? "" }
            #expect(subjects.contains("[Bookend] STILL: backup failed (\(scenario.policy)): a1"), "\(subjects)")
            let report = try #require(mails.first { $0["headers"]["Subject"].text?.contains("Backups: ") == true })
            #expect(
                report["headers"]["Subject"].text
                    == "[Bookend] Backups: 1 server without a good backup; 0 of 1 jobs succeeded, 1 failed")
            let lines = (report["body"].text ?? "").split(separator: "\n").map(String.init)
            #expect(lines.contains("Without a good backup in time:"), "\(lines)")
            #expect(lines.contains { $0.contains("a1, \(scenario.policy): never one, one is due every") }, "\(lines)")
            #expect(lines.allSatisfy { $0.count <= 72 }, "\(lines)")

            // A good one is the end of both.
            try await scenario.apply(backup: .command(""), more: "objective: 5h")
            _ = try await scenario.run()
            #expect(try body(try await hook.request(1))["occasion"].text == "resolved")
            #expect(try await server.mail(3)["headers"]["X-Bookend-Occasion"].text == "resolved")
            #expect(server.count == 4 && hook.program.output.count == 2)
        }
        for program in [server.program, hook.program] { await program.stop(SIGKILL) }
    }
}
