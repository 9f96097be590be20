import Foundation
import Glibc
import Testing

/// Jobs of the schedule on a fleet whose coordinator, or agent, is killed.
@Suite(.timeLimit(.minutes(60))) struct AutonomyTests {
    private static let quick = "autonomy: {grace: 2s, splay: 1s}"

    private func scenario(_ fleet: RealFleet) async throws -> Scenario {
        try await Scenario(fleet: fleet, site: fleet.layout.sites[0], pre: "sleep 0.2")
    }

    /// Applies a schedule with one start; returns the job that is planned for it.
    private func plan(_ scenario: Scenario, in delay: Double, more: String = "") async throws -> Int64 {
        let start = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 + delay).rounded())
        let text = start.formatted(.iso8601)
        try await scenario.apply(more: "schedules: [{at: \"\(text)\"}]\n\(more)")
        let slots = try await scenario.fleet.json("policy", "show", scenario.policy)["slots"].list
        try #require(
            slots.count == 1 && slots[0]["scheduled_start_unix_ms"].int == Int64(start.timeIntervalSince1970) * 1_000)
        let shown = try await scenario.fleet.bookend("agents", scenario.site.id).output
        let job = try #require(slots[0]["job_id"].int)
        #expect(shown.contains("\(job)") && shown.contains(text.dropLast()), "\(shown)")
        #expect(try await scenario.fleet.bookend("policy", "show", scenario.policy).output.contains("job \(job)"))
        return job
    }

    private func cause(_ job: Int64, _ fleet: RealFleet) async throws -> String? {
        try await fleet.json("job", "\(job)")["cause"].text
    }

    @Test func `a schedule starts its job under the id that was shown before`() async throws {
        try await RealFleet.with("schedule", agents: 1) { fleet in
            let scenario = try await scenario(fleet)
            let job = try await plan(scenario, in: 3)
            try await scenario.ended(job)
            try await scenario.expect(job, is: 0, Integers(0, 0, 0))
            #expect(try await cause(job, fleet) == "schedule")
            #expect(try await fleet.json("policy", "show", scenario.policy)["slots"].list.isEmpty)
            let manual = try await scenario.run()
            #expect(manual == job + 1)
        }
    }

    @Test func `an agent whose coordinator is killed starts its job by itself, and never twice`() async throws {
        try await RealFleet.with("autonomy", agents: 1, extra: Self.quick) { fleet in
            let scenario = try await scenario(fleet)
            let job = try await plan(scenario, in: 6)
            #expect(await fleet.daemon("coordinator").stop(SIGKILL) == 137)
            try await scenario.ended(job)
            try await scenario.expect(job, is: 0, Integers(0, 0, 0))
            #expect(try await cause(job, fleet) == "autonomous")

            // Its start has come for the coordinator too, which knows of nothing.
            try await fleet.startCoordinator()
            try await fleet.comesOnline(scenario.site)
            let next = try await scenario.run()
            #expect(next > job)
            try await Task.sleep(for: .seconds(6))  // Longer than a redelivery takes: there is nothing to await.
            #expect(scenario.ledger.begins(job) == ["pre", "backup", "post"])
            #expect(fleet.feed(of: job).filter(\.endsJob).count == 1)
            #expect(!fleet.daemon("coordinator").errors.all.contains { $0.contains("never delivered") })
        }
    }

    @Test func `an agent that is killed and starts again does not start its job twice`() async throws {
        try await RealFleet.with("autonomy-killed", agents: 1, extra: Self.quick) { fleet in
            let scenario = try await scenario(fleet)
            let job = try await plan(scenario, in: 6)
            _ = await fleet.daemon("coordinator").stop(SIGKILL)
            _ = await fleet.daemon(scenario.site.id).stop(SIGKILL)
            try await fleet.start(scenario.site)
            try await scenario.reached("pre-script", 11, job)
            _ = await fleet.daemon(scenario.site.id).stop(SIGKILL)
            try await fleet.start(scenario.site)
            try await scenario.ended(job)
            // Whatever of it broke, it ran once.
            #expect(scenario.ledger.begins(job).filter { $0 == "pre" }.count == 1)
            #expect(fleet.feed(of: job).filter(\.endsJob).count == 1)
            try await fleet.startCoordinator()
        }
    }

    @Test func `a start that passes while everything is down is reported skipped, with its reason`() async throws {
        try await RealFleet.with("autonomy-skipped", agents: 1, extra: Self.quick) { fleet in
            let scenario = try await scenario(fleet)
            let job = try await plan(scenario, in: 4, more: "window: 3s")
            _ = await fleet.daemon("coordinator").stop(SIGKILL)
            _ = await fleet.daemon(scenario.site.id).stop(SIGKILL)
            try await Task.sleep(for: .seconds(9))  // Until the window is over.
            try await fleet.start(scenario.site)
            try await scenario.ended(job)
            let view = try await scenario.expect(job, is: 2)
            #expect(view.json["reason"].text == "its start passed while the agent was not running")
            #expect(scenario.ledger.begins(job).isEmpty)
            try await fleet.startCoordinator()
            try await fleet.comesOnline(scenario.site)
            _ = try await scenario.run()
            #expect(fleet.feed(of: job).filter(\.endsJob).count == 1)
        }
    }
}
