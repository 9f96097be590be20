import Foundation
import Glibc
import Testing

/// A coordinator that is killed in each step of a trigger.
@Suite(.timeLimit(.minutes(60))) struct CoordinatorCrashTests {
    private enum Step: CaseIterable {
        /// Its database is being written.
        case committing
        /// An operator has just had an answer.
        case answered
        /// Agents have not acknowledged what was published.
        case published
        /// The agent is dead too.
        case agentDown
        /// The jobs run.
        case running
    }

    /// Gives an order; returns its job, or nil when nobody said that there is one.
    private func order(_ scenario: Scenario) async throws -> Int64? {
        let end = try await scenario.fleet.bookend(
            "backup", scenario.policy, "--queue-for", "10m", "--output", "json")
        guard end.status < 2, let answer = try? JSON(parsing: end.output) else { return nil }  // No answer.
        return answer.all("job_id").compactMap(\.int).first
    }

    private func strike(_ step: Step, _ scenarios: [Scenario], _ fleet: RealFleet) async throws -> [(Scenario, Int64)] {
        let coordinator = fleet.daemon("coordinator")
        let pid = try await coordinator.pid
        let agents = scenarios.map { fleet.daemon($0.site.id) }
        if step == .published { for agent in agents { try await agent.signal(SIGSTOP) } }
        if step == .agentDown {
            for agent in agents { #expect(await agent.stop(SIGKILL) == 128 + SIGKILL) }
        }
        async let struck =
            step == .committing
            ? Strike.killed(pid, whenWritten: fleet.layout.directory + "/coordinator/coordinator.sqlite-wal") : true
        let answered = try await withThrowingTaskGroup(of: (Scenario, Int64?).self) { group in
            for scenario in scenarios + scenarios {
                group.addTask { (scenario, try await order(scenario)) }
            }
            var jobs: [(Scenario, Int64)] = []
            for try await (scenario, job) in group {
                guard let job else { continue }
                jobs.append((scenario, job))
                if step == .answered { kill(pid, SIGKILL) }
            }
            return jobs
        }
        #expect(await struck, "nothing was written")
        if step != .committing { #expect(!answered.isEmpty, "\(step)") }
        if step == .running, let (scenario, job) = answered.first {
            while scenario.ledger.begins(job).isEmpty {
                try await Task.sleep(for: .milliseconds(5))  // A file's change can only be looked for.
            }
        }
        #expect(await coordinator.stop(SIGKILL) == 128 + SIGKILL)
        if step == .published { for agent in agents { try await agent.signal(SIGCONT) } }
        try await fleet.startCoordinator()
        if step == .agentDown { for scenario in scenarios { try await fleet.start(scenario.site) } }
        return answered
    }

    @Test func `killed in every step of a trigger, what an operator was told of ends in one status`() async throws {
        try await RealFleet.with("trigger-crash", agents: 3) { fleet in
            var scenarios: [Scenario] = []
            for site in fleet.layout.sites { scenarios.append(try await Scenario(fleet: fleet, site: site)) }
            var answered: [(scenario: Scenario, job: Int64)] = []
            for step in Step.allCases {
                // Jobs that run when their agent is killed are another test's.
                if step == .agentDown { try await allHaveEnded(fleet) }
                answered += try await strike(step, scenarios, fleet).map { (scenario: $0.0, job: $0.1) }
            }
            for (scenario, job) in answered { try await scenario.ended(job) }
            try await allHaveEnded(fleet)
            #expect(Set(answered.map(\.job)).count == answered.count, "no number was given twice")
            for (scenario, job) in answered {
                try await scenario.expect(job, is: 0, Integers(0, 0, 0))
                #expect(scenario.ledger.begins(job) == ["pre", "backup", "post"])
            }
            // Whatever else there is, of which nobody was told, ran once as well.
            for scenario in scenarios {
                let begun = scenario.ledger.lines.filter { $0.event == "begin" }
                #expect(Set(begun.map { "\($0.job) \($0.attempt) \($0.stage)" }).count == begun.count)
                for job in Set(begun.compactMap { Int64($0.job) }) { try await scenario.ended(job) }
            }
            FeedCheck.expectExact(fleet.feed.all)
            let ends = fleet.feed.all.filter(\.endsJob).map(\.job)
            #expect(Set(ends).count == ends.count)
            #expect(try await jobs(fleet).count >= answered.count)
        }
    }

    private func jobs(_ fleet: RealFleet) async throws -> [JSON] {
        try await fleet.json("jobs", "--limit", "200")["jobs"].list
    }

    /// Awaits that every trigger that was ever recorded, for whose ears it may have been, has ended.
    private func allHaveEnded(_ fleet: RealFleet) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        // The collector asks for new triggers each second.
        try await Task.sleep(for: .seconds(2))
        while true {
            let open = try await jobs(fleet).filter { $0["is_final"].bool != true }
            if open.isEmpty { return }
            guard ContinuousClock.now < deadline else { throw Missed(description: "jobs never ended: \(open)") }
            try await Task.sleep(for: .milliseconds(200))
        }
    }
}
