import Foundation
import Glibc
import Testing

/// Alerts from a job that fails on a real agent to a mail in a real mailbox, and to a web server that misbehaves.
@Suite(.serialized, .timeLimit(.minutes(60))) struct AlertTests {
    /// Told at once: tests do not wait for others to fail alike.
    private static let atOnce = "alerts: {quiet: 0s, longest: 0s, growth: 1m, agent_offline_after: never}"

    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let folder = SafePlace.checkout + "/.build/alerts-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }  // a temporary directory
        try "s3cret word\n".write(toFile: folder + "/password", atomically: true, encoding: .utf8)
        chmod(folder + "/password", 0o600)
        try await body(folder)
    }

    private func headers(_ mail: JSON) -> [String: String] { mail["headers"].object.compactMapValues(\.text) }

    private func fail(_ scenario: Scenario) async throws -> Int64 {
        let end = try await scenario.fleet.bookend(
            "backup", scenario.policy, "--agent", scenario.site.id, "--wait", "--output", "json")
        #expect(end.status == 1, "\(end.output)\(end.errors)")
        let job = try await scenario.fleet.json("jobs", "--policy", scenario.policy, "--limit", "1")
        return try #require(job["jobs"].list.first?["job_id"].int)
    }

    @Test func `a failure and its end are mails that a person can read, with and without TLS and login`() async throws {
        try await withFolder { folder in
            try await MailServer.makeCertificate(in: folder)
            let plain = try await MailServer.start(.plain, in: folder)
            let startTLS = try await MailServer.start(.starttls, in: folder)
            let tls = try await MailServer.start(.tls, in: folder)
            let login = "ca_file: \(folder)/cert.pem, user: bookend, password_file: \(folder)/password"
            let people = "from: bookend@example.org, to: [ops@example.org, boss@example.org]"
            let channels = """
                \(Self.atOnce)
                channels:
                  - {name: plain, type: mail, server: "127.0.0.1:\(plain.port)", encryption: none, \(people)}
                  - {name: starttls, type: mail, server: "127.0.0.1:\(startTLS.port)", \(login), \(people)}
                  - {name: tls, type: mail, server: "127.0.0.1:\(tls.port)", encryption: tls, \(login), \(people)}
                  - {name: nobody, type: mail, server: "127.0.0.1:1", encryption: none, \(people)}
                """
            try await RealFleet.with("mail", agents: 1, collector: channels) { fleet in
                let scenario = try await Scenario(
                    fleet: fleet, site: fleet.layout.sites[0], backup: .command("echo the disk is full; exit 3"))
                let job = try await fail(scenario)
                for (server, isSafe) in [(plain, false), (startTLS, true), (tls, true)] {
                    let mail = try await server.mail(0)
                    #expect(mail["tls"].bool == isSafe && mail["login"].bool == isSafe)
                    #expect(mail["to"].list.map(\.text) == ["ops@example.org", "boss@example.org"])
                    let headers = headers(mail)
                    #expect(headers["Subject"] == "[Bookend] CRITICAL: backup failed (\(scenario.policy)): a1")
                    #expect(headers["From"] == "Bookend <bookend@example.org>")
                    #expect((mail["longest"].int ?? 99) <= 78)
                    let lines = (mail["body"].text ?? "").split(separator: "\n").map(String.init)
                    #expect(lines[0] == "Backup failed, policy \(scenario.policy): a1.", "\(lines)")
                    #expect(lines.contains("  a1, job \(job)"), "\(lines)")
                    #expect(lines.contains { $0.hasPrefix("What to do: Why: bookend job JOB.") }, "\(lines)")
                    #expect(lines.last == "bookend alerts show 1", "\(lines)")
                }
                let list = try await fleet.json("alerts")
                let alert = try #require(list["alerts"].list.first)
                #expect(alert["kind"].text == "backup-failed" && alert["agents_open"].int == 1)
                // Each channel goes its own way: the broken one may come to its first try last.
                var status = try await fleet.bookend("status")
                let patience = ContinuousClock.now + .seconds(60)
                while !status.output.contains("the channel nobody is broken"), ContinuousClock.now < patience {
                    try await Task.sleep(for: .milliseconds(200))
                    status = try await fleet.bookend("status")
                }
                #expect(status.output.contains("1 alert, 1 critical; see: bookend alerts"), "\(status.output)")
                #expect(status.output.contains("the channel nobody is broken"), "\(status.output)")
                #expect(try await fleet.bookend("alerts", "ack", "1", "--note", "disk ordered").status == 0)

                try await scenario.apply(backup: .command(""))
                #expect(
                    try await fleet.bookend("backup", scenario.policy, "--agent", "a1", "--wait").status == 0)
                let (first, second) = (headers(try await plain.mail(0)), headers(try await plain.mail(1)))
                #expect(second["Subject"] == "[Bookend] Resolved: backup failed (\(scenario.policy)): a1")
                #expect(second["In-Reply-To"] == first["Message-ID"] && first["Message-ID"] != second["Message-ID"])
                #expect(second["References"]?.hasPrefix(first["References"] ?? "-") == true)
                #expect(try await fleet.json("alerts")["alerts"].list.isEmpty)
                let test = try await fleet.bookend("alerts", "test", "plain")
                #expect(test.status == 0, "\(test.output)\(test.errors)")
                #expect(headers(try await plain.mail(2))["X-Bookend-Occasion"] == "test")
                #expect(try await fleet.bookend("alerts", "test", "nobody", "--timeout", "2s").status == 1)
                // The collector tells the coordinator, which keeps the audit log.
                let deadline = ContinuousClock.now + .seconds(60)
                var audit = ""
                while !audit.contains("disk ordered"), ContinuousClock.now < deadline {
                    audit = try await fleet.bookend("audit", "--output", "json").output
                    try await Task.sleep(for: .milliseconds(200))
                }
                #expect(audit.contains("alert.acknowledge") && audit.contains("collector/main"), "\(audit)")
            }
            for server in [plain, startTLS, tls] { await server.program.stop(SIGKILL) }
        }
    }

    @Test func `a scheduled job that never has its turn in its window is missed, and people hear so`() async throws {
        let hook = try HookServer.start("")
        let channels = """
            \(Self.atOnce)
            channels: [{name: hook, type: webhook, url: "http://127.0.0.1:\(hook.port)/in"}]
            """
        try await RealFleet.with(
            "no-turn", agents: 2, extra: "autonomy: {grace: 2s, splay: 0s}", collector: channels
        ) { fleet in
            let program = fleet.layout.shared + "/backup.sh"
            try fleet.layout.write("#!/bin/sh\nexec sleep 600\n", to: program, mode: 0o755)
            let ids = fleet.layout.sites.map(\.id).joined(separator: ", ")
            let start = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 + 6).rounded()).formatted(.iso8601)
            let file = "\(fleet.layout.directory)/narrow.yaml"
            try fleet.layout.write(
                """
                policy: narrow
                agents: {ids: [\(ids)]}
                backup: {engine: command, program: \(program)}
                window: 15s
                limits: {per_policy: 1}
                schedules: [{at: "\(start)"}]

                """, to: file)
            let applied = try await fleet.bookend("policy", "apply", file)
            try #require(applied.status == 0, "\(applied)")
            // One is stopped by the window in the middle of its backup, the other never began.
            var told: [String: JSON] = [:]
            for number in 0...1 {
                let message = try JSON(parsing: try await hook.request(number)["body"].text ?? "")
                told[message["kind"].text ?? ""] = message
            }
            #expect(Set(told.keys) == ["backup-failed", "missed"], "\(told)")
            #expect(told["missed"]?["agents"].list.first?["status"].int == 2, "\(told)")
            let agents = told.values.compactMap { $0["agents"].list.first?["agent"].text }
            #expect(Set(agents) == ["a1", "a2"])
        }
        await hook.program.stop(SIGKILL)
    }

    @Test func `a collector that dies between a mail's acceptance and its record sends it again under the same name`()
        async throws
    {
        try await withFolder { folder in
            let server = try await MailServer.start(.plain, in: folder)
            let channels = """
                \(Self.atOnce)
                channels:
                  - {name: ops, type: mail, server: "127.0.0.1:\(server.port)", encryption: none,
                     from: bookend@example.org, to: [ops@example.org]}
                """
            try await RealFleet.with("mail-crash", agents: 1, collector: channels) { fleet in
                let scenario = try await Scenario(
                    fleet: fleet, site: fleet.layout.sites[0], backup: .command("exit 3"))
                try "".write(toFile: folder + "/hold", atomically: true, encoding: .utf8)
                _ = try await fail(scenario)
                let first = headers(try await server.mail(0))
                await fleet.daemon("collector").stop(SIGKILL)
                try FileManager.default.removeItem(atPath: folder + "/hold")
                try await fleet.startCollector()
                let second = headers(try await server.mail(1))
                #expect(first["Message-ID"] != nil && first == second)
                // And never again: the next mail is the one that says that it is over.
                try await scenario.apply(backup: .command(""))
                _ = try await fleet.bookend("backup", scenario.policy, "--agent", "a1", "--wait")
                #expect(headers(try await server.mail(2))["X-Bookend-Occasion"] == "resolved")
                #expect(server.count == 3)
            }
            await server.program.stop(SIGKILL)
        }
    }

    @Test func `a web server that hangs, answers 500 and closes gets the same message until it takes it`() async throws
    {
        try await withFolder { folder in
            let hook = try HookServer.start("hang 500 close 429")
            let checks = try HookServer.start("")
            let channels = """
                \(Self.atOnce)
                channels:
                  - {name: hook, type: webhook, url: "http://127.0.0.1:\(hook.port)/in", timeout: 2s,
                     secret_file: \(folder)/password}
                  - {name: checks, type: healthchecks, url: "http://127.0.0.1:\(checks.port)/{policy}/{agent}?create=1"}
                  - {name: note, type: command, command: [/bin/sh, -c, "cat > \(folder)/note; echo $BOOKEND_TITLE > \(folder)/title"]}
                """
            try await RealFleet.with("hook", agents: 1, collector: channels) { fleet in
                let scenario = try await Scenario(
                    fleet: fleet, site: fleet.layout.sites[0], backup: .command("exit 3"))
                _ = try await fail(scenario)
                var requests: [JSON] = []
                for number in 0...4 { requests.append(try await hook.request(number)) }
                #expect(requests.map { $0["step"].text } == ["hang", "500", "close", "429", "204"])
                let names = ["idempotency-key", "x-bookend-signature", "x-bookend-timestamp"]
                for name in names {
                    #expect(Set(requests.map { headers($0)[name] ?? "none" }).count == 1)
                }
                #expect(Set(requests.map { $0["body"].text ?? "" }).count == 1)
                let last = requests[4]
                let body = try #require(last["body"].text)
                let check = try await Program.run(
                    "/usr/bin/python3",
                    [
                        "-c",
                        "import hmac, sys; print('sha256=' + hmac.new(b's3cret word', sys.argv[1].encode(), 'sha256').hexdigest())",
                        "\(headers(last)["x-bookend-timestamp"] ?? "").\(body)",
                    ])
                #expect(check.output.contains(headers(last)["x-bookend-signature"] ?? "none"))
                let json = try JSON(parsing: body)
                #expect(json["occasion"].text == "raised" && json["agents"].list.first?["agent"].text == "a1")
                // Healthchecks: the start, then how it ended.
                #expect(try await checks.request(0)["path"].text == "/\(scenario.policy)/a1/start?create=1")
                #expect(try await checks.request(1)["path"].text == "/\(scenario.policy)/a1/1?create=1")
                let title = try String(contentsOfFile: folder + "/title", encoding: .utf8)
                #expect(title == "CRITICAL: backup failed (\(scenario.policy)): a1\n")
                let note = try String(contentsOfFile: folder + "/note", encoding: .utf8)
                #expect(try JSON(parsing: note)["kind"].text == "backup-failed")
                let status = try await fleet.bookend("status")
                #expect(!status.output.contains("is broken"), "\(status.output)")
            }
            for server in [hook, checks] { await server.program.stop(SIGKILL) }
        }
    }
}
