import Foundation
import Glibc
import Testing

/// Starts whose agent is away, or that overlap, on a real fleet.
@Suite(.timeLimit(.minutes(60))) struct ScheduleRuleTests {
    private static let quick = "autonomy: {grace: 1s, splay: 0s}"

    /// Applies a policy with starts after so many seconds; returns their jobs, in order.
    private func plan(_ scenario: Scenario, after delays: [Double], more: String) async throws -> [Int64] {
        let now = Date().timeIntervalSince1970.rounded()
        let items = delays.map { "{at: \"\(Date(timeIntervalSince1970: now + $0).formatted(.iso8601))\"}" }
        try await scenario.apply(more: "schedules: [\(items.joined(separator: ", "))]\n\(more)")
        let starts = try await scenario.fleet.json("schedule", "--policy", scenario.policy)["starts"].list
        let jobs = starts.compactMap { $0["first_agents"].list.first?["job_id"].int }
        try #require(jobs.count == delays.count)
        return jobs
    }

    @Test func `the latest start that passed while the agent was down is made up for`() async throws {
        try await RealFleet.with("catch-up", agents: 1, extra: Self.quick) { fleet in
            let scenario = try await Scenario(fleet: fleet, site: fleet.layout.sites[0])
            let jobs = try await plan(scenario, after: [4, 7], more: "window: 15s\ncatch_up: latest")
            await fleet.daemon(scenario.site.id).stop()
            try await Task.sleep(for: .seconds(24))  // Both windows must be over: there is nothing to await.
            try await fleet.start(scenario.site)
            for job in jobs { try await scenario.ended(job) }
            let first = try await fleet.json("job", "\(jobs[0])")
            #expect(first["status"]["status"].int == 2, "\(first)")
            try await scenario.expect(jobs[1], is: 0, Integers(0, 0, 0))
            let second = try await fleet.json("job", "\(jobs[1])")
            #expect(second["cause"].text == "catch-up")
            #expect(scenario.ledger.begins(jobs[0]) == [])
        }
    }

    @Test func `a start whose agent is offline fails at once, or is not expected, as the policy says`() async throws {
        try await RealFleet.with("offline-rule", agents: 2, extra: Self.quick) { fleet in
            let failing = try await Scenario(fleet: fleet, site: fleet.layout.sites[0])
            let skipping = try await Scenario(fleet: fleet, site: fleet.layout.sites[1])
            let failed = try await plan(failing, after: [5], more: "window: 4s\nwhen_agent_offline: fail")[0]
            let skipped = try await plan(skipping, after: [5], more: "window: 4s\nwhen_agent_offline: skip")[0]
            for site in fleet.layout.sites { await fleet.daemon(site.id).stop() }
            // The coordinator tells the collector a while after.
            let clock = ContinuousClock()
            let deadline = clock.now + .seconds(60)
            var status: Int64?
            while status != 31, clock.now < deadline {
                try await Task.sleep(for: .milliseconds(500))
                // Until the collector has heard of it, there is no such job.
                status = try? await fleet.json("job", "\(failed)")["status"]["status"].int
            }
            #expect(status == 31)
            let jobs = try await fleet.json("jobs", "--policy", skipping.policy)
            #expect(!jobs.all("status").compactMap(\.int).contains { $0 == 41 || $0 == 31 }, "\(jobs)")
            for site in fleet.layout.sites { try await fleet.start(site) }
            try await failing.ended(failed)
            #expect(try await fleet.json("job", "\(failed)")["status"]["status"].int == 31)
            #expect(failing.ledger.begins(failed) == [] && skipping.ledger.begins(skipped) == [])
        }
    }

    @Test func `a start that overlaps is skipped, or takes the place of the earlier one`() async throws {
        try await RealFleet.with("overlap", agents: 2, extra: Self.quick) { fleet in
            let skipping = try await Scenario(fleet: fleet, site: fleet.layout.sites[0], pre: "open gate")
            let replacing = try await Scenario(fleet: fleet, site: fleet.layout.sites[1], pre: "open gate")
            let skips = try await plan(skipping, after: [3, 6], more: "overlap: skip")
            let replaces = try await plan(replacing, after: [3, 6], more: "overlap: replace")
            try await skipping.ended(skips[1])
            let skipped = try await fleet.json("job", "\(skips[1])")
            #expect(skipped["status"]["status"].int == 2)
            #expect(skipped["reason"].text == "job \(skips[0]) of the policy is not over yet", "\(skipped)")
            try await replacing.reached(nil, 13, replaces[0])
            for scenario in [skipping, replacing] { try scenario.open("gate") }
            try await skipping.ended(skips[0])
            try await skipping.expect(skips[0], is: 0, Integers(0, 0, 0))
            for job in replaces { try await replacing.ended(job) }
            try await replacing.expect(replaces[0], is: 6, Integers(0, 6, 0))
            try await replacing.expect(replaces[1], is: 0, Integers(0, 0, 0))
        }
    }

    @Test func `a start that is canceled before its time never begins, whatever is started anew in between`()
        async throws
    {
        try await RealFleet.with("early-cancel", agents: 1, extra: Self.quick) { fleet in
            let scenario = try await Scenario(fleet: fleet, site: fleet.layout.sites[0])
            let jobs = try await plan(scenario, after: [20, 22], more: "window: 10m")
            let end = try await fleet.bookend("cancel", "\(jobs[0])")
            #expect(end.status == 0, "\(end.output)\(end.errors)")
            await fleet.daemon("coordinator").stop(SIGKILL)
            await fleet.daemon(scenario.site.id).stop(SIGKILL)
            try await fleet.startCoordinator()
            try await fleet.start(scenario.site)
            for job in jobs { try await scenario.ended(job) }
            #expect(try await fleet.json("job", "\(jobs[0])")["status"]["status"].int == 6)
            #expect(scenario.ledger.begins(jobs[0]) == [])
            try await scenario.expect(jobs[1], is: 0, Integers(0, 0, 0))
        }
    }

    @Test func `a start waits for the one before it, and for its agent to the end of its window`() async throws {
        try await RealFleet.with("queue", agents: 2, extra: Self.quick) { fleet in
            let first = try await Scenario(fleet: fleet, site: fleet.layout.sites[0], pre: "open gate")
            let second = try await Scenario(fleet: fleet, site: fleet.layout.sites[1])
            let behind = try await plan(first, after: [3, 6], more: "overlap: queue")
            let offline = try await plan(second, after: [6], more: "window: 10m\nwhen_agent_offline: queue")[0]
            await fleet.daemon(second.site.id).stop()
            try await first.reached("pre-script", 11, behind[0])
            try await first.reached(nil, 10, behind[1])
            #expect(first.ledger.begins(behind[1]) == [] && second.ledger.begins(offline) == [])
            try first.open("gate")
            for job in behind {
                try await first.ended(job)
                try await first.expect(job, is: 0, Integers(0, 0, 0))
            }
            try await fleet.start(second.site)
            try await second.ended(offline)
            try await second.expect(offline, is: 0, Integers(0, 0, 0))
        }
    }
}
