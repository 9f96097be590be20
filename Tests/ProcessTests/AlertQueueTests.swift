import BookendTestSupport
import Foundation
import Glibc
import Testing

/// What becomes of messages that a channel does not take: a mail server that refuses, one that is down while the collector is
/// killed, a command that hangs.
@Suite(.serialized, .timeLimit(.minutes(60))) struct AlertQueueTests {
    private static let atOnce = "alerts: {quiet: 0s, longest: 0s, growth: 1m, agent_offline_after: never}"

    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let folder = SafePlace.checkout + "/.build/queue-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }  // a temporary directory
        try await body(folder)
    }

    private func mailChannel(_ port: UInt16) -> String {
        """
        \(Self.atOnce)
        channels:
          - {name: ops, type: mail, server: "127.0.0.1:\(port)", encryption: none,
             from: bookend@example.org, to: [ops@example.org]}
        """
    }

    private func headers(_ mail: JSON) -> [String: String] { mail["headers"].object.compactMapValues(\.text) }

    private func messages(_ fleet: RealFleet, _ what: String, until isRight: ([JSON]) -> Bool) async throws -> [JSON] {
        let deadline = ContinuousClock.now + .seconds(90)
        while true {
            let list = try await fleet.json("alerts", "messages")["messages"].list
            if isRight(list) { return list }
            guard ContinuousClock.now < deadline else { throw Missed(description: "\(what): \(list)") }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    private func fail(_ scenario: Scenario) async throws {
        let end = try await scenario.fleet.bookend("backup", scenario.policy, "--agent", scenario.site.id, "--wait")
        #expect(end.status == 1, "\(end.output)\(end.errors)")
    }

    @Test func `a mail that is refused is kept, shown with the reason, and goes out when somebody asks`() async throws {
        try await withFolder { folder in
            let server = try await MailServer.start(.plain, in: folder)
            try await RealFleet.with("refused", agents: 1, collector: mailChannel(server.port)) { fleet in
                let scenario = try await Scenario(
                    fleet: fleet, site: fleet.layout.sites[0], backup: .command("exit 3"))
                let refuse = folder + "/refuse"
                try "550 no such user here".write(toFile: refuse, atomically: true, encoding: .utf8)
                try await fail(scenario)
                let kept = try await messages(fleet, "the refusal") { $0.first?["is_undeliverable"].bool == true }
                #expect(kept.count == 1 && kept[0]["reason"].text?.contains("550") == true, "\(kept)")
                #expect(kept[0]["title"].text == "CRITICAL: backup failed (\(scenario.policy)): a1")
                await fleet.daemon("collector").stop(SIGKILL)
                try await fleet.startCollector()
                let status = try await fleet.bookend("status")
                #expect(status.output.contains("1 message cannot be delivered over ops"), "\(status.output)")
                #expect(status.output.contains("550"), "\(status.output)")
                #expect(try await fleet.bookend("alerts", "discard", "4711").status != 0)
                #expect(try await fleet.bookend("alerts", "resend", "--channel", "nobody").status != 0)
                try FileManager.default.removeItem(atPath: refuse)
                let resent = try await fleet.bookend("alerts", "resend", "--channel", "ops")
                // It may have gone by itself meanwhile.
                #expect([0, 1, 4].contains(resent.status), "\(resent)")
                let mail = headers(try await server.mail(0))
                #expect(mail["Subject"] == "[Bookend] CRITICAL: backup failed (\(scenario.policy)): a1")
                _ = try await messages(fleet, "an empty queue") { $0.isEmpty }

                // Discarded: the next mail is the one that says that it is over.
                try "550 not today".write(toFile: refuse, atomically: true, encoding: .utf8)
                let other = try await Scenario(fleet: fleet, site: fleet.layout.sites[0], backup: .command("exit 3"))
                try await fail(other)
                let again = try await messages(fleet, "the refusal") { $0.first?["is_undeliverable"].bool == true }
                let id = try #require(again[0]["message_id"].int)
                let gone = try await fleet.bookend("alerts", "discard", "\(id)")
                #expect(gone.status == 0 && gone.output.contains("discarded \(id), ops: CRITICAL"), "\(gone)")
                try FileManager.default.removeItem(atPath: refuse)
                try await scenario.apply(backup: .command(""))
                #expect(
                    try await fleet.bookend("backup", scenario.policy, "--agent", "a1", "--wait").status == 0)
                #expect(headers(try await server.mail(1))["X-Bookend-Occasion"] == "resolved")
                #expect(server.count == 2)
            }
            await server.program.stop(SIGKILL)
        }
    }

    @Test func `a collector that is killed again and again while its mail server is down tells each thing once`()
        async throws
    {
        try await withFolder { folder in
            let port = try FreePorts.find(1)[0]
            try await RealFleet.with("mail-down", agents: 1, collector: mailChannel(port)) { fleet in
                var scenarios: [Scenario] = []
                for _ in 1...3 {
                    let scenario = try await Scenario(
                        fleet: fleet, site: fleet.layout.sites[0], backup: .command("exit 3"))
                    try await fail(scenario)
                    scenarios.append(scenario)
                    let count = scenarios.count
                    _ = try await messages(fleet, "what waits") { $0.count == count && $0[0]["tries"].int ?? 0 > 0 }
                    await fleet.daemon("collector").stop(SIGKILL)
                    try await fleet.startCollector()
                }
                try await scenarios[0].apply(backup: .command(""))
                _ = try await fleet.bookend("backup", scenarios[0].policy, "--agent", "a1", "--wait")
                _ = try await messages(fleet, "what waits") { $0.count == 4 }
                let status = try await fleet.bookend("status")
                #expect(status.output.contains("the channel ops is broken"), "\(status.output)")
                await fleet.daemon("collector").stop(SIGKILL)
                let server = try await MailServer.start(.plain, in: folder, port: port)
                try await fleet.startCollector()
                var mails: [[String: String]] = []
                for number in 0...3 { mails.append(headers(try await server.mail(number))) }
                _ = try await messages(fleet, "an empty queue") { $0.isEmpty }
                let subjects =
                    scenarios.map { "[Bookend] CRITICAL: backup failed (\($0.policy)): a1" }
                    + ["[Bookend] Resolved: backup failed (\(scenarios[0].policy)): a1"]
                // In the order in which it happened.
                #expect(mails.compactMap { $0["Subject"] } == subjects)
                #expect(Set(mails.compactMap { $0["Message-ID"] }).count == 4)
                #expect(server.count == 4)
                await server.program.stop(SIGKILL)
            }
        }
    }

    @Test func `one recipient who is refused for now gets the mail later, and the other gets it once`() async throws {
        try await withFolder { folder in
            let server = try await MailServer.start(.plain, in: folder)
            let channels = mailChannel(server.port).replacing("[ops@", with: "[boss@example.org, ops@")
            try await RealFleet.with("greylist", agents: 1, collector: channels) { fleet in
                let scenario = try await Scenario(
                    fleet: fleet, site: fleet.layout.sites[0], backup: .command("exit 3"))
                let refuse = folder + "/refuse-one"
                try "boss@example.org 450 greylisted".write(toFile: refuse, atomically: true, encoding: .utf8)
                try await fail(scenario)
                let first = try await server.mail(0)
                let kept = try await messages(fleet, "the refusal") { $0.first?["is_undeliverable"].bool == true }
                #expect(kept.count == 1 && kept[0]["reason"].text == "boss@example.org: 450 greylisted", "\(kept)")
                try FileManager.default.removeItem(atPath: refuse)
                _ = try await fleet.bookend("alerts", "resend", "--channel", "ops")
                let second = try await server.mail(1)
                #expect(first["to"].list.map(\.text) == ["ops@example.org"])
                #expect(second["to"].list.map(\.text) == ["boss@example.org"])
                #expect(headers(first) == headers(second))
                _ = try await messages(fleet, "an empty queue") { $0.isEmpty }
                #expect(server.count == 2)
            }
            await server.program.stop(SIGKILL)
        }
    }

    @Test func `a command that hangs is ended with all that it started, and told again`() async throws {
        try await withFolder { folder in
            try """
            #!/bin/sh
            echo $$ >> \(folder)/runs
            [ $(wc -l < \(folder)/runs) -gt 1 ] && exit 0
            trap '' TERM INT
            sleep 4711 &
            echo $! > \(folder)/child
            sleep 4712
            """.write(toFile: folder + "/page", atomically: true, encoding: .utf8)
            chmod(folder + "/page", 0o755)
            let channels = """
                \(Self.atOnce)
                channels:
                  - {name: pager, type: command, command: [\(folder)/page], timeout: 2s}
                """
            try await RealFleet.with("command-hangs", agents: 1, collector: channels) { fleet in
                let scenario = try await Scenario(
                    fleet: fleet, site: fleet.layout.sites[0], backup: .command("exit 3"))
                try await fail(scenario)
                _ = try await messages(fleet, "an empty queue") { list in
                    list.isEmpty && FileManager.default.fileExists(atPath: folder + "/child")
                }
                let runs = try String(contentsOfFile: folder + "/runs", encoding: .utf8).split(separator: "\n")
                #expect(runs.count == 2)
                let child = try String(contentsOfFile: folder + "/child", encoding: .utf8)
                for pid in runs.prefix(1).compactMap({ pid_t($0) }) + [child.dropLast()].compactMap({ pid_t($0) }) {
                    #expect(kill(pid, 0) != 0, "process \(pid) is left")
                }
            }
        }
    }
}
