import Foundation
import Glibc
import Testing

/// One daemon whose wall clock is set while jobs run and wait.
@Suite(.timeLimit(.minutes(60))) struct ClockTests {
    private enum Daemon: String, CaseIterable, Sendable {
        case agent = "a1"
        case coordinator, collector

        func restart(_ fleet: RealFleet) async throws {
            await fleet.daemon(rawValue).stop()
            switch self {
            case .agent: try await fleet.start(fleet.layout.sites[0])
            case .coordinator: try await fleet.startCoordinator()
            case .collector: try await fleet.startCollector()
            }
        }
    }

    /// Awaits that the rest of the fleet sees the clock where it was set to.
    private func isSeen(_ seconds: Int, of daemon: Daemon, _ fleet: RealFleet) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        var seen = Int64.min
        while ContinuousClock.now < deadline {
            switch daemon {
            case .collector:
                let time = try await fleet.json("status").all("as_of_unix_ms").first?.int ?? 0
                seen = time / 1_000 - Int64(Date().timeIntervalSince1970)
            case .agent, .coordinator:
                // The agent's less the coordinator's, as of the agent's last heartbeat.
                let skew = try await fleet.json("agents")["agents"].list.first?["clock_skew_ms"].int ?? 0
                seen = daemon == .agent ? skew / 1_000 : -skew / 1_000
            }
            if abs(seen - Int64(seconds)) < 60 { return try await isTold(of: daemon, fleet) }
            try await Task.sleep(for: .milliseconds(200))
        }
        throw Missed(description: "the clock of the \(daemon) was set by \(seconds) s, and \(seen) s is what is seen")
    }

    /// The agent is shown with a clock that is wrong; the collector's own plays no part in what is known of agents.
    private func isTold(of daemon: Daemon, _ fleet: RealFleet) async throws {
        let told = try await fleet.bookend("status").output.contains("a1: its clock is ")
        #expect(told == (daemon != .collector), "the clock of the \(daemon)")
    }

    /// Orders a backup while a clock is wrong; nil: it was refused, and the operator was told that it was.
    private func order(_ scenario: Scenario) async throws -> Int64? {
        let end = try await scenario.fleet.bookend(
            "backup", scenario.policy, "--queue-for", "1m", "--output", "json")
        guard end.status == 0 else {
            #expect(end.errors.contains("set the clocks right"), "\(end)")
            return nil
        }
        return try JSON(parsing: end.output).all("job_id").compactMap(\.int).first
    }

    /// One agent's jobs in each way to be under way.
    private struct Work {
        let scenarios: [Scenario]
        let jobs: [Int64]
        /// A start of the schedule, some seconds from now.
        let planned: Int64
    }

    private func begin(_ fleet: RealFleet, _ name: String) async throws -> Work {
        let site = fleet.layout.sites[0]
        let gate = "open \(name)"
        // Two of them at once, without regard for the others.
        let running = try await Scenario(
            fleet: fleet, site: site, pre: gate, scripts: "exclusive: \(name)", more: "window: 2m")
        let waiting = try await Scenario(
            fleet: fleet, site: site, backup: .command("[ \"$BOOKEND_ATTEMPT\" = 2 ]"),
            more: "retry: {attempts: 2, interval: 6s}")
        let slot = try await Scenario(fleet: fleet, site: site)
        let start = Date(timeIntervalSince1970: (Date().timeIntervalSince1970 + 8).rounded())
        try await slot.apply(more: "schedules: [{at: \"\(start.formatted(.iso8601))\"}]")
        let slots = try await fleet.json("policy", "show", slot.policy)["slots"].list
        let planned = try #require(slots.first?["job_id"].int)
        let first = try await running.order("--as-scheduled")
        try await running.reached("pre-script", 11, first)
        let second = try await running.order()
        try await running.reached(nil, 10, second)
        let third = try await waiting.order()
        try await waiting.reached(nil, 12, third)
        return Work(
            scenarios: [running, running, waiting, slot], jobs: [first, second, third, planned], planned: planned)
    }

    /// Holds that each job is final, ended once, and ran each stage at most once an attempt.
    private func expectOnce(_ work: Work, _ fleet: RealFleet) async throws {
        for (scenario, job) in zip(work.scenarios, work.jobs) {
            try await scenario.ended(job, patience: .seconds(60))
            let view = try await fleet.job(job)
            let why = Comment(rawValue: try await fleet.bookend("explain", "\(job)").output)
            #expect(view.json["is_final"].bool == true, why)
            #expect(fleet.feed(of: job).filter(\.endsJob).map(\.status) == [view.status], why)
            let begun = scenario.ledger.lines(of: job).filter { $0.event == "begin" }
            #expect(Set(begun.map { "\($0.stage) \($0.attempt)" }).count == begun.count, "job \(job): \(begun)")
        }
        let (running, waiting) = (work.scenarios[0], work.scenarios[2])
        try await running.expect(work.jobs[0], is: 0, Integers(0, 0, 0))
        try await running.expect(work.jobs[1], is: 0, Integers(0, 0, 0))
        try await waiting.expect(work.jobs[2], is: 0, Integers(0, 1, 0), Integers(0, 0, 0))
    }

    /// Holds that a job that was ordered under the wrong clock has one status, and ran at most once.
    private func expectStatus(_ scenario: Scenario, _ job: Int64, _ fleet: RealFleet) async throws {
        try await scenario.ended(job, patience: .seconds(60))
        let view = try await fleet.job(job)
        let begins = scenario.ledger.begins(job)
        switch view.status {
        case 0: #expect(begins == ["pre", "backup", "post"])
        // Past its deadline by the clock of one of the two: it is said, and it never ran.
        case 2: #expect(begins == [])
        default: Issue.record("job \(job) is \(view.status.map(\.statusText) ?? "nothing")")
        }
        #expect(fleet.feed(of: job).filter(\.endsJob).count == 1)
    }

    @Test(arguments: Daemon.allCases)
    private func `a clock that is set makes no job run twice, and none is without a status`(_ daemon: Daemon)
        async throws
    {
        try await RealFleet.with(
            "clock-\(daemon)", agents: 1, extra: "autonomy: {grace: 2s, splay: 1s}\nlimits: {jobs: 8}"
        ) { fleet in
            let time = try await FakeTime(below: fleet.layout.directory)
            fleet.launch(daemon.rawValue, by: time.launch)
            try await daemon.restart(fleet)
            let pid = try await fleet.daemon(daemon.rawValue).pid
            defer { FakeTime.forget(pid) }
            let site = fleet.layout.sites[0]
            let plain = try await Scenario(fleet: fleet, site: site)
            try await plain.expect(try await plain.run("--queue-for", "1m"), is: 0, Integers(0, 0, 0))

            for (name, offset) in [("back", -3_600), ("ahead", 86_400)] {
                let work = try await begin(fleet, name)
                try time.set(seconds: offset)
                try await isSeen(offset, of: daemon, fleet)
                if let during = try await order(plain) { try await expectStatus(plain, during, fleet) }
                try work.scenarios[0].open(name)
                try await expectOnce(work, fleet)
                try time.set(seconds: 0)
            }
            let after = try await plain.run("--queue-for", "1m")
            try await plain.expect(after, is: 0, Integers(0, 0, 0))
            FeedCheck.expectExact(fleet.feed.all)
        }
    }
}
