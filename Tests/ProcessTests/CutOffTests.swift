import Foundation
import Testing

/// Agents that run while they and their coordinator do not hear of each other. The collector hears of both.
@Suite(.timeLimit(.minutes(60))) struct CutOffTests {
    /// Cuts all agents off, and comes back when the coordinator has noticed.
    private func cut(_ cable: Cable, _ fleet: RealFleet) async throws {
        let position = fleet.daemon("coordinator").errors.all.count
        try cable.cut()
        for site in fleet.layout.sites { try await fleet.goesOffline(site, after: position) }
    }

    /// Makes the cable whole, and comes back when the coordinator hears of all.
    private func mend(_ cable: Cable, _ fleet: RealFleet) async throws {
        let position = fleet.daemon("coordinator").errors.all.count
        try cable.mend()
        for site in fleet.layout.sites { try await fleet.comesOnline(site, after: position) }
    }

    private func status(_ job: Int64, _ fleet: RealFleet) async throws -> Int64? {
        try await fleet.json("job", "\(job)")["status"]["status"].int
    }

    @Test func `windows end and retries come while agents are cut off, and a cancel waits for its agent`() async throws
    {
        try await RealFleet.with("cut-off", agents: 4) { fleet in
            try await Cable.with(fleet) { cable in
                let sites = fleet.layout.sites
                let expiring = try await Scenario(
                    fleet: fleet, site: sites[0], backup: .command("exec sleep 600"),
                    more: "window: 15s\nretry: {attempts: 3, interval: 0s}")
                let canceled = try await Scenario(fleet: fleet, site: sites[1], backup: .command("exec sleep 600"))
                let ending = try await Scenario(fleet: fleet, site: sites[2], backup: .command("open gate"))
                let failing = try await Scenario(
                    fleet: fleet, site: sites[3], backup: .command("[ $BOOKEND_ATTEMPT = 2 ]"),
                    more: "retry: {attempts: 2, interval: 6s}")
                let stops = try await canceled.order()
                let ends = try await ending.order()
                let expires = try await expiring.order("--as-scheduled")
                let again = try await failing.order()
                for (scenario, job) in [(canceled, stops), (ending, ends), (expiring, expires)] {
                    try await scenario.reached("backup", 11, job)
                }
                try await failing.reached(nil, 12, again)
                try await cut(cable, fleet)

                // Who cancels is told that it takes until the agent is back.
                for job in [stops, ends] {
                    let cancel = try await fleet.bookend("cancel", "\(job)")
                    #expect(cancel.status == 0, "\(cancel)")
                    #expect(
                        cancel.output.contains("its agent is offline, and is told to cancel it when it is back"),
                        "\(cancel)")
                }
                try ending.open("gate")
                try await ending.ended(ends)
                try await ending.expect(ends, is: 0, Integers(0, 0, 0))
                let late = try await fleet.bookend("cancel", "\(ends)")
                #expect(late.output.contains("is over: 0 successful; nothing to cancel"), "\(late)")

                try await failing.ended(again)
                try await failing.expect(again, is: 0, Integers(0, 1, 0), Integers(0, 0, 0))
                try await expiring.ended(expires)
                try await expiring.expect(expires, is: 22, Integers(0, 22, 0))
                #expect(expiring.ledger.arguments("post", expires) == ["\(expires)", "0", "22"])
                // It has not heard of its cancel.
                #expect(try await status(stops, fleet) == 11)
                let agents = try await fleet.json("agents")["agents"].list
                #expect(agents.count == 4 && agents.allSatisfy { $0["is_online"].bool == false }, "\(agents)")

                try await mend(cable, fleet)
                try await canceled.ended(stops)
                try await canceled.expect(stops, is: 6, Integers(0, 6, 0))
                #expect(canceled.ledger.arguments("post", stops) == ["\(stops)", "0", "6"])
                // What was over when the cancel came stays what it was, and the agent goes on.
                try await ending.expect(try await ending.run(), is: 0, Integers(0, 0, 0))
                try await ending.expect(ends, is: 0, Integers(0, 0, 0))
            }
        }
    }

    @Test func `who is cut off begins by itself what was paused or canceled meanwhile, and hears of it afterwards`()
        async throws
    {
        try await RealFleet.with("cut-off-start", agents: 2, extra: "autonomy: {grace: 1s, splay: 0s}") { fleet in
            try await Cable.with(fleet) { cable in
                let paused = try await Scenario(fleet: fleet, site: fleet.layout.sites[0])
                let canceled = try await Scenario(fleet: fleet, site: fleet.layout.sites[1])
                let now = Date().timeIntervalSince1970.rounded()
                let start = Date(timeIntervalSince1970: now + 14).formatted(.iso8601)
                var jobs: [Int64] = []
                for (scenario, body) in [(paused, ""), (canceled, "exec sleep 600")] {
                    try await scenario.apply(backup: .command(body), more: "schedules: [{at: \"\(start)\"}]")
                    let starts = try await fleet.json("schedule", "--policy", scenario.policy)["starts"].list
                    jobs.append(try #require(starts.first?["first_agents"].list.first?["job_id"].int))
                }
                try await cut(cable, fleet)
                let pause = try await fleet.bookend(
                    "policy", "pause", paused.policy, "--for", "1h", "--reason", "storage is moved")
                #expect(pause.status == 0, "\(pause)")
                let cancel = try await fleet.bookend("cancel", "\(jobs[1])")
                #expect(cancel.status == 0 && cancel.output.contains("offline"), "\(cancel)")

                try await paused.ended(jobs[0])
                try await paused.expect(jobs[0], is: 0, Integers(0, 0, 0))
                try await canceled.reached("backup", 11, jobs[1])
                for job in jobs { #expect(try await fleet.json("job", "\(job)")["cause"].text == "autonomous") }
                #expect(try await status(jobs[1], fleet) == 11)

                try await mend(cable, fleet)
                try await canceled.ended(jobs[1])
                try await canceled.expect(jobs[1], is: 6, Integers(0, 6, 0))
                // Nothing of it is started again by the coordinator.
                try await paused.expect(try await paused.run(), is: 0, Integers(0, 0, 0))
                #expect(paused.ledger.begins(jobs[0]) == ["pre", "backup", "post"])
            }
        }
    }
}
