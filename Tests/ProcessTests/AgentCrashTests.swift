import BookendTestSupport
import Foundation
import Glibc
import Testing

/// The suites of this type share one fleet whose agents are killed.
@Suite(.sharedFleet("crash", agents: 8)) enum CrashFleet {}

extension CrashFleet {
    /// An agent that is killed in each stage of a job, and the one that starts after it.
    @Suite(.timeLimit(.minutes(60))) struct AgentCrashTests {
        private static let retry = "retry: {attempts: 2, interval: 0s}"

        /// Leaves every kind of child and never ends: a plain one, one that ignores signals, one that has a session of its own
        /// and ignores them too.
        private static let busy = """
            sleep 600 & echo $! >"$here/child"
            sh -c 'trap "" TERM INT; echo $$ >"$0"; while :; do sleep 1; done' "$here/stubborn" &
            setsid sh -c 'trap "" TERM INT; echo $$ >"$0"; while :; do sleep 1; done' "$here/away" &
            while [ ! -s "$here/stubborn" ] || [ ! -s "$here/away" ]; do sleep 0.05; done
            echo $$ >"$here/own"; : >"$here/busy"
            open never

            """

        /// Notes whoever of those still runs.
        private static let looksAround = """
            for name in child stubborn away own; do
                [ -s "$here/$name" ] && stat=$(cat "/proc/$(cat "$here/$name")/stat" 2>/dev/null) || continue
                case "$stat" in *") Z "*) ;; *) echo "$name" >>"$here/survivors" ;; esac
            done

            """

        private static func inFirstAttempt(_ body: String) -> String {
            "if [ \"$BOOKEND_ATTEMPT\" = 1 ]; then\n\(body)fi"
        }

        private func restart(_ scenario: Scenario) async throws {
            let status = await scenario.fleet.daemon(scenario.site.id).stop(SIGKILL)
            #expect(status == 128 + SIGKILL)
            try await scenario.fleet.start(scenario.site)
        }

        /// Awaits a file that a script makes.
        private func noted(_ name: String, _ scenario: Scenario) async throws {
            for _ in 0..<6_000 {
                if FileManager.default.fileExists(atPath: scenario.directory + "/" + name) { return }
                try await Task.sleep(for: .milliseconds(10))  // A file's coming can only be looked for.
            }
            throw Missed(description: "no script made \(name)")
        }

        /// Nothing of the dead agent's runs, or ran when the post-script did.
        private func expectNoLeftovers(_ scenario: Scenario, sourceLocation: SourceLocation = #_sourceLocation) {
            #expect(scenario.ledger.text("survivors") == "", sourceLocation: sourceLocation)
            for name in ["child", "stubborn", "away", "own"] {
                #expect(!scenario.ledger.isAlive(name), "\(name) lives", sourceLocation: sourceLocation)
            }
        }

        /// The stage was reported interrupted once, and no report of the fleet is on the feed twice.
        private func expectOnce(
            _ job: Int64, _ stage: String, attempt: Int64 = 1, _ fleet: RealFleet,
            sourceLocation: SourceLocation = #_sourceLocation
        ) {
            let broken = fleet.feed(of: job).filter { $0.attempt == attempt && $0.stage == stage && $0.status == 25 }
            #expect(broken.count == 1, "\(broken)", sourceLocation: sourceLocation)
            FeedCheck.expectExact(fleet.feed.all, sourceLocation: sourceLocation)
        }

        /// The supervisor of this attempt's stage on this server; other servers have jobs of the same id.
        private func supervisorEnds(_ record: String, _ scenario: Scenario) async throws {
            try await eventually("the end of the supervisor of \(record)") {
                !Processes.find(argument: scenario.site.state).contains { Processes.commandLine($0).contains(record) }
            }
        }

        // MARK: Before the pre-script

        @Test func `killed while a job waits behind another, the one is retried and the other runs once`() async throws
        {
            try await Scenario.with(
                pre: Self.inFirstAttempt(": >\"$here/busy\"\nopen never\n"), more: Self.retry
            ) { one in
                let two = try await Scenario(fleet: one.fleet, site: one.site)
                let first = try await one.order()
                try await noted("busy", one)
                let second = try await two.order()
                try await two.reached(nil, 10, second)
                try await restart(one)
                try await one.ended(first)
                try await two.ended(second)
                try await one.expect(first, is: 0, Integers(25, 25, 0), Integers(0, 0, 0))
                try await two.expect(second, is: 0, Integers(0, 0, 0))
                #expect(one.ledger.begins(first) == ["pre", "post", "pre", "backup", "post"])
                #expect(two.ledger.begins(second) == ["pre", "backup", "post"])
                let paid = try #require(one.ledger.lines(of: first).first { $0.stage == "post" && $0.event == "end" })
                let begun = try #require(two.ledger.lines(of: second).first)
                #expect(paid.nanoseconds < begun.nanoseconds, "the debt is paid before anything else begins")
                expectOnce(first, "pre-script", one.fleet)
            }
        }

        @Test
        func `killed between the record of a start and the start, the pre-script never runs and its post-script does`()
            async throws
        {
            try await Scenario.with(more: Self.retry) { scenario in
                try await HeldSupervisor.with(scenario) { supervisor in
                    try supervisor.hold(".1.pre-script")
                    let job = try await scenario.order("--queue-for", "1m")
                    try await supervisor.holds()
                    try await restart(scenario)
                    try await scenario.ended(job)
                    // Only now does the supervisor of the dead agent go on: it must see that it is too late.
                    supervisor.release()
                    try await supervisorEnds("\(job).1.pre-script", scenario)
                    try await scenario.expect(job, is: 0, Integers(25, 25, 0), Integers(0, 0, 0))
                    #expect(scenario.ledger.begins(job) == ["post", "pre", "backup", "post"])
                    #expect(scenario.ledger.arguments("post", job) == ["\(job)", "25", "25"])
                    #expect(scenario.ledger.environment("post", job)["BOOKEND_POST_RUN"] == "1")
                    expectOnce(job, "pre-script", scenario.fleet)
                }
            }
        }

        // MARK: During the pre-script

        @Test func `killed during the pre-script, its whole tree is ended, the post-script runs and a retry follows`()
            async throws
        {
            try await Scenario.with(
                pre: Self.inFirstAttempt(Self.busy), post: Self.looksAround, more: Self.retry
            ) { scenario in
                let job = try await scenario.order()
                try await noted("busy", scenario)
                try await restart(scenario)
                try await scenario.ended(job)
                try await scenario.expect(job, is: 0, Integers(25, 25, 0), Integers(0, 0, 0))
                #expect(scenario.ledger.begins(job) == ["pre", "post", "pre", "backup", "post"])
                #expect(scenario.ledger.ends(job) == ["post", "pre", "backup", "post"])
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "25", "25"])
                expectNoLeftovers(scenario)
                expectOnce(job, "pre-script", scenario.fleet)
            }
        }

        @Test func `killed again while it pays, it pays again, and says once that the first stage broke`() async throws
        {
            try await Scenario.with(
                pre: ": >\"$here/busy\"\nopen never",
                post: "if [ \"$BOOKEND_POST_RUN\" = 1 ]; then : >\"$here/paying\"; open never; fi"
            ) { scenario in
                let job = try await scenario.order()
                try await noted("busy", scenario)
                try await restart(scenario)
                try await noted("paying", scenario)
                try await restart(scenario)
                try await scenario.ended(job)
                // The policy allows one attempt: no retry.
                try await scenario.expect(job, is: 25, Integers(25, 25, 0))
                #expect(scenario.ledger.begins(job) == ["pre", "post", "post"])
                #expect(scenario.ledger.ends(job) == ["post"])
                #expect(scenario.ledger.environment("post", job)["BOOKEND_POST_RUN"] == "2")
                expectOnce(job, "pre-script", scenario.fleet)
                expectOnce(job, "backup", scenario.fleet)
            }
        }

        // MARK: Between the pre-script and the backup

        @Test
        func `killed before it has heard of the pre-script's end, the backup does not run and the post-script does`()
            async throws
        {
            try await Scenario.with(pre: "open gate", more: Self.retry) { scenario in
                let job = try await scenario.order()
                try await scenario.reached("pre-script", 11, job)
                let agent = scenario.fleet.daemon(scenario.site.id)
                try await agent.signal(SIGSTOP)
                try scenario.open("gate")
                while !scenario.ledger.ends(job).contains("pre") {
                    try await Task.sleep(for: .milliseconds(20))  // A file's change can only be looked for.
                }
                try await restart(scenario)
                try await scenario.ended(job)
                try await scenario.expect(job, is: 0, Integers(25, 25, 0), Integers(0, 0, 0))
                #expect(scenario.ledger.begins(job) == ["pre", "post", "pre", "backup", "post"])
                expectOnce(job, "pre-script", scenario.fleet)
            }
        }

        @Test(arguments: ["backup", "post-script"])
        func `killed between the pre-script and the start of a later stage, that stage never starts for the dead`(
            _ stage: String
        ) async throws {
            try await Scenario.with(more: Self.retry) { scenario in
                try await HeldSupervisor.with(scenario) { supervisor in
                    try supervisor.hold(".1.\(stage)")
                    let job = try await scenario.order("--queue-for", "1m")
                    try await supervisor.holds()
                    let agent = scenario.fleet.daemon(scenario.site.id)
                    #expect(await agent.stop(SIGKILL) == 128 + SIGKILL)
                    supervisor.release()
                    try await supervisorEnds("\(job).1.\(stage)", scenario)
                    try await scenario.fleet.start(scenario.site)
                    try await scenario.ended(job)
                    if stage == "backup" {
                        try await scenario.expect(job, is: 0, Integers(0, 25, 0), Integers(0, 0, 0))
                        #expect(scenario.ledger.begins(job) == ["pre", "post", "pre", "backup", "post"])
                        #expect(scenario.ledger.arguments("post", job) == ["\(job)", "0", "25"])
                        expectOnce(job, "backup", scenario.fleet)
                    } else {
                        try await scenario.expect(job, is: 0, Integers(0, 0, 0))
                        #expect(scenario.ledger.begins(job) == ["pre", "backup", "post"])
                        // The agent cannot know that the first never began.
                        #expect(scenario.ledger.environment("post", job)["BOOKEND_POST_RUN"] == "2")
                    }
                }
            }
        }

        // MARK: During the backup

        @Test
        func `killed during the backup, the engine's whole tree is ended, the post-script runs and a retry follows`()
            async throws
        {
            try await Scenario.with(
                post: Self.looksAround, backup: .command(Self.inFirstAttempt(Self.busy)), more: Self.retry
            ) { scenario in
                let job = try await scenario.order()
                try await noted("busy", scenario)
                try await restart(scenario)
                try await scenario.ended(job)
                try await scenario.expect(job, is: 0, Integers(0, 25, 0), Integers(0, 0, 0))
                #expect(scenario.ledger.begins(job) == ["pre", "backup", "post", "pre", "backup", "post"])
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "0", "25"])
                expectNoLeftovers(scenario)
                expectOnce(job, "backup", scenario.fleet)
            }
        }

        @Test
        func `killed while restic runs, restic is ended without a lock left, and the retry makes the one snapshot`()
            async throws
        {
            try await Scenario.with(backup: .restic()) { scenario in
                let warmUp = try await scenario.run()
                try await scenario.expect(warmUp, is: 0, Integers(0, 0, 0))
                let big = try BigSource(below: scenario.directory)
                try await scenario.apply(backup: .restic(sources: [big.path]), more: Self.retry)
                let job = try await scenario.order()
                try await scenario.reached("backup", 11, job)
                try await big.isLocked(scenario.site.repository)
                let engine = Processes.find(argument: big.path)
                #expect(engine.count >= 2, "restic and its supervisor")
                // What restic reads goes on, under another name; the next attempt finds an empty file.
                try big.moveAside()
                try await restart(scenario)
                #expect(engine.filter { Processes.commandLine($0).contains(big.path) } == [])
                try await scenario.ended(job)
                try await scenario.expect(job, is: 0, Integers(0, 25, 0), Integers(0, 0, 0))
                #expect(scenario.ledger.begins(job) == ["pre", "post", "pre", "post"])
                #expect(try await scenario.site.snapshots(of: job).count == 1)
                #expect(resticLocks(of: scenario.site.repository) == [])
                expectOnce(job, "backup", scenario.fleet)
            }
        }

        // MARK: During the post-script

        @Test func `killed during the post-script, its tree is ended and it runs once more, to its end`() async throws {
            let body = "if [ \"$BOOKEND_POST_RUN\" = 1 ]; then\n\(Self.busy)fi\n" + Self.looksAround
            try await Scenario.with(post: body, more: Self.retry) { scenario in
                let job = try await scenario.order()
                try await noted("busy", scenario)
                try await restart(scenario)
                try await scenario.ended(job)
                try await scenario.expect(job, is: 0, Integers(0, 0, 0))
                #expect(scenario.ledger.begins(job) == ["pre", "backup", "post", "post"])
                #expect(scenario.ledger.ends(job) == ["pre", "backup", "post"])
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "0", "0"])
                #expect(scenario.ledger.environment("post", job)["BOOKEND_POST_RUN"] == "2")
                let told = scenario.fleet.feed(of: job).filter { $0.stage == "post-script" }.map(\.status)
                #expect(told == [11, 25, 11, 0])
                expectNoLeftovers(scenario)
                FeedCheck.expectExact(scenario.fleet.feed.all)
            }
        }
    }
}
