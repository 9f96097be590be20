import Glibc
import Testing

extension OneFleet {
    /// An agent that is told to stop, at once or once its jobs have ended.
    @Suite struct StopTests {
        @Test func `told to stop during the pre-script: it ends, the backup is interrupted, the post-script runs`()
            async throws
        {
            try await Scenario.with(pre: "open gate") { scenario in
                let job = try await scenario.order()
                try await scenario.reached("pre-script", 11, job)
                let agent = scenario.fleet.daemon(scenario.site.id)
                try await agent.signal(SIGTERM)
                try scenario.open("gate")
                #expect(await agent.ended() == 0)
                #expect(scenario.ledger.ends(job) == ["pre", "post"])
                #expect(scenario.ledger.arguments("post", job) == ["\(job)", "0", "25"])
                try await scenario.ended(job)
                try await scenario.expect(job, is: 25, Integers(0, 25, 0))
                try await scenario.fleet.start(scenario.site)
            }
        }

        @Test func `told to stop during the post-script: it runs to its end, and what waits is for the next agent`()
            async throws
        {
            try await Scenario.with(post: "open gate") { scenario in
                let job = try await scenario.order()
                try await scenario.reached("post-script", 11, job)
                let queued = try await scenario.order()
                try await scenario.reached(nil, 10, queued)
                let agent = scenario.fleet.daemon(scenario.site.id)
                try await agent.signal(SIGTERM)
                try scenario.open("gate")
                #expect(await agent.ended() == 0)
                #expect(scenario.ledger.begins(queued) == [])
                try await scenario.fleet.start(scenario.site)
                try await scenario.ended(queued)
                try await scenario.expect(job, is: 0, Integers(0, 0, 0))
                try await scenario.expect(queued, is: 0, Integers(0, 0, 0))
            }
        }

        @Test func `told to drain: what runs ends as it would, what waits is for the next agent, and it says so`()
            async throws
        {
            try await Scenario.with(backup: .command("open gate")) { scenario in
                let fleet = scenario.fleet
                let job = try await scenario.order()
                try await scenario.reached("backup", 11, job)
                let queued = try await scenario.order()
                try await scenario.reached(nil, 10, queued)
                let agent = fleet.daemon(scenario.site.id)
                let drain = RunningProgram(
                    "drain", "bookend-agent", ["drain", "--config", scenario.site.configuration])
                try await agent.logged("agent drains")
                let again = try await Program.run(
                    "bookend-agent", ["drain", "--no-wait", "--config", scenario.site.configuration])
                #expect(again.status == 0 && again.output.contains("once its running jobs have ended"), "\(again)")
                try scenario.open("gate")
                #expect(await drain.ended() == 0)
                #expect(drain.output.all == ["the agent has stopped"])
                #expect(await agent.ended() == 3)
                try await scenario.ended(job)
                try await scenario.expect(job, is: 0, Integers(0, 0, 0))
                #expect(scenario.ledger.begins(queued) == [])

                let nobody = try await Program.run(
                    "bookend-agent", ["drain", "--config", scenario.site.configuration])
                #expect(nobody.status == 1 && nobody.errors.contains("no agent uses this state directory"), "\(nobody)")
                try await fleet.start(scenario.site)
                try await scenario.ended(queued)
                try await scenario.expect(queued, is: 0, Integers(0, 0, 0))
            }
        }
    }
}
