import Foundation
import Glibc
import Testing

extension OneFleet {
    /// Scripts that misbehave, or are not what they should be: each ends in its own status.
    @Suite struct ScriptFaultTests {
        @Test func `20: a script that sleeps past its timeout, with children that ignore SIGTERM`() async throws {
            let child = "sh -c 'trap \"\" TERM; echo $$ >'$here'/child; while :; do sleep 1; done' &\n"
            try await Scenario.with(
                pre: child + "trap '' TERM; while :; do sleep 1; done", scripts: "pre_timeout: 1s"
            ) { scenario in
                let job = try await scenario.run()
                try await scenario.expect(job, is: 5, Integers(20, 0, 0))
                #expect(!scenario.ledger.text("child").isEmpty && !scenario.ledger.isAlive("child"))
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "20", "0"])
                // A second of its own, and ten from SIGTERM to SIGKILL.
                let begins = scenario.ledger.lines(of: job).filter { $0.event == "begin" }.map(\.nanoseconds)
                try #require(begins.count == 3)
                #expect(begins[1] - begins[0] >= 11_000_000_000)
            }
        }

        @Test func `20: a post-script has a timeout of its own`() async throws {
            try await Scenario.with(post: "exec sleep 600", scripts: "post_timeout: 1s") { scenario in
                let job = try await scenario.run()
                let view = try await scenario.expect(job, is: 5, Integers(0, 0, 20))
                #expect(view.alerts == ["post-script-failed"])
            }
        }

        @Test func `21: a script that is killed with kill -9`() async throws {
            try await Scenario.with(pre: "kill -9 $$") { scenario in
                let job = try await scenario.run()
                let view = try await scenario.expect(job, is: 5, Integers(21, 0, 0))
                #expect(view.last.preScript.json.all("signal").contains(.int(9)))
                #expect(scenario.ledger.begins(job) == ["pre", "backup", "post"])
            }
            try await Scenario.with(post: "kill -9 $$", backup: .command("kill -9 $$")) { scenario in
                let job = try await scenario.run()
                try await scenario.expect(job, is: 21, Integers(0, 21, 21))
            }
        }

        @Test func `27: what a pre-script leaves is named and ended, though it made a session and holds the output`()
            async
            throws
        {
            let body =
                "setsid sh -c 'echo $$ >'$here'/daemon; exec sleep 600' & until [ -s $here/daemon ]; do sleep 0.05; done"
            try await Scenario.with(pre: body) { scenario in
                let job = try await scenario.run()
                let view = try await scenario.expect(job, is: 5, Integers(27, 0, 0))
                let pid = scenario.ledger.text("daemon").trimmingCharacters(in: .whitespacesAndNewlines)
                #expect(!pid.isEmpty && !scenario.ledger.isAlive("daemon"))
                let named = view.last.preScript.json.all("left_processes").flatMap(\.list).compactMap(\.text)
                #expect(named.contains { $0.hasPrefix(pid + " ") }, "\(named)")
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "27", "0"])
            }
        }

        @Test func `27: what a post-script leaves is named and kept, and nothing hangs`() async throws {
            let body =
                "setsid sh -c 'echo $$ >'$here'/daemon; exec sleep 600' & until [ -s $here/daemon ]; do sleep 0.05; done"
            try await Scenario.with(post: body) { scenario in
                let job = try await scenario.run()
                try await scenario.expect(job, is: 5, Integers(0, 0, 27))
                #expect(scenario.ledger.isAlive("daemon"))
                end("daemon", scenario)
            }
        }

        @Test func `a policy may end or allow what scripts leave`() async throws {
            let body =
                "setsid sh -c 'echo $$ >'$here'/daemon; exec sleep 600' & until [ -s $here/daemon ]; do sleep 0.05; done"
            try await Scenario.with(pre: body, scripts: "left_processes: {pre: allow, post: end}") { scenario in
                let job = try await scenario.run()
                try await scenario.expect(job, is: 0, Integers(0, 0, 0))
                #expect(scenario.ledger.isAlive("daemon"))
                end("daemon", scenario)
            }
            try await Scenario.with(post: body, scripts: "left_processes: {post: end}") { scenario in
                let job = try await scenario.run()
                try await scenario.expect(job, is: 5, Integers(0, 0, 27))
                #expect(!scenario.ledger.text("daemon").isEmpty && !scenario.ledger.isAlive("daemon"))
            }
            try await Scenario.with(post: body, scripts: "left_processes: {post: allow}") { scenario in
                let job = try await scenario.run()
                try await scenario.expect(job, is: 0, Integers(0, 0, 0))
                #expect(scenario.ledger.isAlive("daemon"))
                end("daemon", scenario)
            }
        }

        private func end(_ name: String, _ scenario: Scenario) {
            let text = scenario.ledger.text(name).trimmingCharacters(in: .whitespacesAndNewlines)
            if let pid = pid_t(text) { kill(pid, SIGKILL) }
        }

        @Test func `a script that prints a gibibyte hangs nothing, and its output is bounded`() async throws {
            try await Scenario.with(pre: "head -c 1073741824 /dev/zero; echo the end", scripts: "pre_timeout: 5m") {
                scenario in
                let job = try await scenario.order()
                try await scenario.ended(job, patience: .seconds(240))
                try await scenario.expect(job, is: 0, Integers(0, 0, 0))
                let usage = try await Program.run("du", ["-sb", scenario.site.state])
                let bytes = usage.output.split(separator: "\t").first.flatMap { Int64($0) }
                #expect(bytes.map { $0 < 32 << 20 } == true, "\(usage.output)")
                let logs = try await scenario.fleet.bookend("logs", "\(job)", "--stage", "pre-script")
                #expect(logs.output.contains("the end") && logs.output.utf8.count < 8 << 20)
            }
        }

        @Test func `2: a script that is missing`() async throws {
            try await Scenario.with(pre: nil, post: nil) { scenario in
                try await scenario.expect(try await scenario.run(), is: 0, Integers(2, 0, 2))
            }
        }

        @Test func `23: a script that is not executable`() async throws {
            try await Scenario.with { scenario in
                chmod(scenario.directory + "/pre_script.sh", 0o644)
                let view = try await scenario.expect(try await scenario.run(), is: 5, Integers(23, 0, 2))
                #expect(view.last.preScript.reason.contains("is not executable"))
                #expect(scenario.ledger.lines.map(\.stage) == ["backup", "backup"])
            }
        }

        @Test func `23: a directory in a script's place`() async throws {
            try await Scenario.with(pre: nil) { scenario in
                mkdir(scenario.directory + "/pre_script.sh", 0o755)
                let view = try await scenario.expect(try await scenario.run(), is: 5, Integers(23, 0, 2))
                #expect(view.last.preScript.reason.contains("is not a regular file"))
            }
        }

        @Test func `23: a script outside of the directories that the agent allows`() async throws {
            try await Scenario.with { scenario in
                let other = scenario.site.directory + "/elsewhere"
                rename(scenario.directory, other)
                symlink(other, scenario.directory)
                let view = try await scenario.expect(try await scenario.run(), is: 5, Integers(23, 0, 2))
                #expect(view.last.preScript.reason.contains("outside of the directories"))
                unlink(scenario.directory)
                rename(other, scenario.directory)
            }
        }

        @Test func `24: a script whose interpreter is not there`() async throws {
            try await Scenario.with { scenario in
                try scenario.fleet.layout.write(
                    "#!/no/such/interpreter\n", to: scenario.directory + "/pre_script.sh", mode: 0o755)
                try await scenario.expect(try await scenario.run(), is: 5, Integers(24, 0, 2))
            }
        }

        @Test func `23: a debt that cannot be paid is an alert at once`() async throws {
            try await Scenario.with { scenario in
                chmod(scenario.directory + "/post_script.sh", 0o644)
                let job = try await scenario.run()
                let view = try await scenario.expect(job, is: 5, Integers(0, 0, 23))
                #expect(view.alerts.contains("debt-unpaid"))
            }
        }

        @Test func `both streams of a stage can be read`() async throws {
            try await Scenario.with(
                pre: "echo to-output; echo to-errors >&2", post: "echo after", backup: .command("echo between")
            ) { scenario in
                let job = try await scenario.run()
                let all = try await scenario.fleet.bookend("logs", "\(job)")
                #expect(all.status == 0)
                for word in ["to-output", "between", "after"] { #expect(all.output.contains(word), "\(all)") }
                #expect(all.errors.contains("to-errors") && !all.output.contains("to-errors"), "\(all)")
                let post = try await scenario.fleet.bookend("logs", "\(job)", "--stage", "post-script")
                #expect(post.output.contains("after") && !post.output.contains("to-output"))
            }
        }
    }
}
