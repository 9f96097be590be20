import Foundation
import Glibc
import Testing

extension OneFleet {
    /// Retry, exclusion, an agent that is away or stops, and what scripts are told.
    @Suite struct EventTests {
        @Test func `every attempt runs both scripts again, and alerts come once, after the last`() async throws {
            try await Scenario.with(
                pre: "exit 2", backup: .command("[ \"$BOOKEND_ATTEMPT\" -eq 3 ]"),
                more: "retry: {attempts: 4, interval: 0s}"
            ) { scenario in
                let job = try await scenario.run()
                try await scenario.expect(job, is: 5, Integers(1, 1, 0), Integers(1, 1, 0), Integers(1, 0, 0))
                #expect(
                    scenario.ledger.begins(job)
                        == Array(repeating: ["pre", "backup", "post"], count: 3).flatMap(\.self))
                #expect(scenario.ledger.arguments("post", job, attempt: 2) == ["\(job)", "1", "1"])
                #expect(scenario.ledger.arguments("post", job, attempt: 3) == ["\(job)", "1", "0"])
                for attempt in 1...3 {
                    let told = scenario.ledger.environment("pre", job, attempt: attempt)
                    #expect(told["BOOKEND_ATTEMPT"] == "\(attempt)" && told["BOOKEND_MAX_ATTEMPTS"] == "4")
                }
                let alerting = scenario.fleet.feed(of: job).filter { !$0.alerts.isEmpty }
                #expect(alerting.count == 1 && alerting.first?.alerts == ["pre-script-failed"], "\(alerting)")
                #expect(alerting.first?.endsJob == true)
            }
        }

        @Test func `attempts with scripts never overlap on one agent`() async throws {
            try await Scenario.with(pre: "sleep 0.4") { one in
                let other = try await Scenario(fleet: one.fleet, site: one.site, pre: "sleep 0.4")
                let jobs = [try await one.order(), try await other.order(), try await one.order()]
                for job in jobs { try await one.ended(job) }
                let lines = (one.ledger.lines + other.ledger.lines).sorted { $0.nanoseconds < $1.nanoseconds }
                #expect(lines.count == 18)
                // Sorted by time, the lines of one job stand together.
                let changes = zip(lines, lines.dropFirst()).filter { $0.job != $1.job }.count
                #expect(changes == 2, "\(lines.map { "\($0.job) \($0.stage) \($0.event)" })")
            }
        }

        @Test func `attempts of different exclusive groups run at the same time`() async throws {
            try await Scenario.with(pre: "open gate", scripts: "exclusive: one") { one in
                let other = try await Scenario(
                    fleet: one.fleet, site: one.site, pre: "open gate", scripts: "exclusive: two")
                let first = try await one.order()
                let second = try await other.order()
                try await one.reached("pre-script", 11, first)
                try await one.reached("pre-script", 11, second)
                try one.open("gate")
                try await one.ended(first)
                try other.open("gate")
                try await one.ended(second)
                try await one.expect(first, is: 0, Integers(0, 0, 0))
                try await other.expect(second, is: 0, Integers(0, 0, 0))
            }
        }

        @Test func `triggers of one policy queue and never coalesce`() async throws {
            try await Scenario.with { scenario in
                var jobs: [Int64] = []
                for _ in 0..<5 { jobs.append(try await scenario.order()) }
                for job in jobs { try await scenario.ended(job) }
                #expect(Set(jobs).count == 5)
                for job in jobs { #expect(scenario.ledger.begins(job) == ["pre", "backup", "post"]) }
                let order = scenario.ledger.lines.filter { $0.stage == "pre" && $0.event == "begin" }.map(\.job)
                #expect(order == jobs.map(String.init))
            }
        }

        @Test func `Backup now fails at once for an agent that is offline, unless it may queue`() async throws {
            try await Scenario.with { scenario in
                let fleet = scenario.fleet
                let coordinator = fleet.daemon("coordinator")
                await fleet.daemon(scenario.site.id).stop()
                let mark = coordinator.errors.all.lastIndex { $0.contains("agent is online agent=\(scenario.site.id)") }
                try await fleet.goesOffline(scenario.site, after: mark ?? 0)

                let refused = try await scenario.order()
                // At once: what was accepted is known to whoever asks.
                let view = try await fleet.job(refused)
                #expect(view.status == 31 && view.attempts.isEmpty)
                let waited = try await fleet.bookend("backup", scenario.policy, "--wait")
                #expect(waited.status == 1, "\(waited)")
                let queued = try await scenario.order("--queue-for", "10m")
                #expect(queued > refused)
                try await fleet.start(scenario.site)
                try await scenario.ended(queued)
                try await scenario.expect(queued, is: 0, Integers(0, 0, 0))
                #expect(scenario.ledger.begins(queued) == ["pre", "backup", "post"])

                #expect(try await fleet.bookend("job", "\(refused)").output.contains("31 agent-offline"))
                #expect(scenario.ledger.begins(refused) == [])
            }
        }

        @Test func `an agent that is told to stop ends its backup, runs the post-script, reports, and exits`()
            async throws
        {
            try await Scenario.with(
                backup: .command("echo $$ >$here/engine; exec sleep 600"), more: "retry: {attempts: 2, interval: 1s}"
            ) { scenario in
                let job = try await scenario.order()
                try await scenario.reached("backup", 11, job)
                let status = await scenario.fleet.daemon(scenario.site.id).stop()
                #expect(status == 0)
                #expect(scenario.ledger.begins(job).last == "post" && scenario.ledger.ends(job).last == "post")
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "0", "25"])
                #expect(!scenario.ledger.isAlive("engine"))
                try await scenario.reached("post-script", 0, job, attempt: 1)

                // The job is in the journal: the agent that comes back makes the next attempt.
                try await scenario.apply(backup: .command(""), more: "retry: {attempts: 2, interval: 1s}")
                try await scenario.fleet.start(scenario.site)
                try await scenario.ended(job)
                try await scenario.expect(job, is: 0, Integers(0, 25, 0), Integers(0, 0, 0))
                #expect(scenario.ledger.begins(job).filter { $0 == "post" }.count == 2)
            }
        }

        @Test func `scripts get a clean environment that says what is known`() async throws {
            let body =
                "readlink /proc/self/fd/0 >$here/input; ps -o sid= -p $$ >$here/session; echo $$ >$here/own; umask >$here/umask"
            try await Scenario.with(pre: body, backup: .restic()) { scenario in
                let job = try await scenario.run()
                let view = try await scenario.expect(job, is: 0, Integers(0, 0, 0))
                let pre = scenario.ledger.environment("pre", job)
                let common = [
                    "BOOKEND_JOB_ID": "\(job)", "BOOKEND_POLICY": scenario.policy, "BOOKEND_POLICY_REVISION": "1",
                    "BOOKEND_AGENT": scenario.site.id, "BOOKEND_ATTEMPT": "1", "BOOKEND_MAX_ATTEMPTS": "1",
                    "BOOKEND_TRIGGER": "manual",
                ]
                for (key, value) in common { #expect(pre[key] == value, "\(key)") }
                #expect(pre["BOOKEND_STAGE"] == "pre-script" && pre["BOOKEND_PRE_STATUS"] == nil)
                // What a shell sets by itself is not the agent's.
                let known = ["PATH", "HOME", "LANG", "PWD", "OLDPWD", "SHLVL", "_"]
                #expect(pre.keys.filter { !$0.hasPrefix("BOOKEND_") && !known.contains($0) } == [])
                #expect(!pre.values.contains { $0.contains("secret") || $0.contains(scenario.site.password) })

                let post = scenario.ledger.environment("post", job)
                let snapshot = try #require(try await scenario.site.snapshots(of: job).first)
                for (key, value) in common { #expect(post[key] == value, "\(key)") }
                #expect(post["BOOKEND_STAGE"] == "post-script" && post["BOOKEND_PRE_STATUS"] == "0")
                #expect(post["BOOKEND_PRE_STATUS_NAME"] == "successful" && post["BOOKEND_PRE_EXIT_CODE"] == "0")
                #expect(post["BOOKEND_BACKUP_STATUS"] == "0" && post["BOOKEND_BACKUP_STATUS_NAME"] == "successful")
                let id = try #require(post["BOOKEND_SNAPSHOT_ID"])
                #expect(!id.isEmpty && snapshot["id"].text?.hasPrefix(id) == true)
                #expect(post["BOOKEND_BYTES_ADDED"].flatMap { Int64($0) } != nil && post["BOOKEND_POST_RUN"] == "1")
                #expect(view.json.all("snapshot_id").contains(.text(id)))

                #expect(scenario.ledger.text("input") == "/dev/null\n")
                let own = scenario.ledger.text("own").trimmingCharacters(in: .whitespacesAndNewlines)
                #expect(scenario.ledger.text("session").trimmingCharacters(in: .whitespacesAndNewlines) == own)
            }
        }

        @Test func `the post-script is given the integers of the policy's profile`() async throws {
            let failing = Scenario.Engine.command("exit 1")
            try await Scenario.with(
                pre: "sleep 600 & wait", backup: failing, scripts: "pre_timeout: 1s, status_profile: basic"
            ) { scenario in
                let job = try await scenario.run()
                try await scenario.expect(job, is: 1, Integers(20, 1, 0))
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "1", "1"])
                #expect(scenario.ledger.environment("post", job)["BOOKEND_PRE_STATUS"] == "20")
            }
            try await Scenario.with(
                pre: "sleep 600 & wait", backup: failing, scripts: "pre_timeout: 1s, status_profile: legacy"
            ) { scenario in
                let job = try await scenario.run()
                try await scenario.expect(job, is: 1, Integers(20, 1, 0))
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "120", "101"])
            }
            try await Scenario.with(scripts: "status_profile: native") { scenario in
                let job = try await scenario.run()
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "0", "0"])
            }
        }
    }
}
