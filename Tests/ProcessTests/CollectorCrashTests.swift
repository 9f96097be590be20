import Foundation
import Glibc
import Testing

/// A collector that is killed in each step of an intake, and an agent that is killed while its reports wait for it.
@Suite(.timeLimit(.minutes(60))) struct CollectorCrashTests {
    /// Three attempts of which each fails: many reports from one order.
    private static let attempts = 3

    /// Where the collector is when it is killed.
    private enum Step: CaseIterable {
        /// Reports wait in its socket.
        case receiving
        /// It waits for its database with reports in its hands.
        case storing
        /// Its database is being written.
        case committing
        /// Its subscribers have heard of a report.
        case publishing
    }

    /// A subscriber that keeps its cursor with what it has read, and is killed like any other program.
    private final class Subscriber {
        private let fleet: RealFleet
        private var watch: RunningProgram?
        private(set) var lines: [FeedLine] = []

        init(_ fleet: RealFleet) { self.fleet = fleet }

        func start() {
            let cursor = lines.last?.cursor.text ?? "start"
            watch = RunningProgram(
                "subscriber", "bookend", ["watch", "--output", "json", "--from", cursor],
                environment: fleet.environment)
        }

        func stop() async {
            await watch?.stop(SIGKILL)
            // The last line may have been cut off: whoever reads it so has not read it.
            lines += (watch?.output.all ?? []).compactMap { try? FeedLine($0) }
            watch = nil
        }

        /// Reads on until a job of each of these has ended.
        func read(_ jobs: Set<Int64>) async throws {
            let ended = Set(lines.filter(\.endsJob).map(\.job))
            var missing = jobs.subtracting(ended)
            guard !missing.isEmpty else { return }
            _ = try await watch?.output.first("the ends of jobs \(missing)") { line in
                // Not a whole line: not that one.
                if let line = try? FeedLine(line), line.endsJob { missing.remove(line.job) }
                return missing.isEmpty
            }
        }
    }

    private func scenario(_ fleet: RealFleet, _ site: AgentSite) async throws -> Scenario {
        try await Scenario(
            fleet: fleet, site: site, backup: .command("exit 1"),
            more: "retry: {attempts: \(Self.attempts), interval: 0s}")
    }

    /// Orders one job after another, each when the scripts of the one before have run, until it is enough.
    private func order(_ scenario: Scenario, into jobs: Board<Int64>, until enough: Board<Void>) async throws {
        while enough.count == 0 {
            let job = try await scenario.order()
            jobs.append(job)
            while scenario.ledger.ends(job).filter({ $0 == "post" }).count < Self.attempts, enough.count == 0 {
                try await Task.sleep(for: .milliseconds(20))  // A file's change can only be looked for.
            }
        }
    }

    /// Holds that the scripts, the aggregate and the feed tell the same of the jobs.
    private func expectCounted(_ jobs: [Int64], _ scenario: Scenario) async throws {
        let fleet = scenario.fleet
        let listed = try await fleet.json("jobs", "--limit", "1000")["jobs"].list.map(JobView.init)
        for job in jobs {
            let view = listed.first { $0.id == job }
            #expect(view?.status == 1 && view?.json["is_final"].bool == true, "job \(job): \(String(describing: view))")
            let attempts = Array(repeating: Integers(0, 1, 0), count: Self.attempts)
            #expect(view?.attempts.map(\.integers) == attempts, "job \(job)")
            let lines = fleet.feed(of: job)
            #expect(lines.filter(\.endsJob).map(\.status) == [1], "job \(job)")
            let ledger = scenario.ledger.lines(of: job).filter { $0.event == "begin" }
            for attempt in 1...Self.attempts {
                #expect(
                    ledger.filter { $0.attempt == attempt }.map(\.stage) == ["pre", "backup", "post"], "job \(job)")
                for (stage, status) in [("pre-script", 0), ("backup", 1), ("post-script", 0)] {
                    let ends = lines.filter {
                        $0.attempt == attempt && $0.stage == stage && $0.status == Int64(status)
                    }
                    #expect(ends.count == 1, "\(stage) of attempt \(attempt) of job \(job)")
                }
            }
            #expect(ledger.count == Self.attempts * 3, "job \(job)")
        }
    }

    private func kill(_ step: Step, _ fleet: RealFleet) async throws {
        let collector = fleet.daemon("collector")
        let database = fleet.layout.directory + "/collector/collector.sqlite"
        let position = fleet.feed.count
        switch step {
        case .receiving:
            try await collector.signal(SIGSTOP)
            try await Task.sleep(for: .milliseconds(400))  // Agents go on sending: nothing tells when they have.
        case .storing:
            try await Strike.withLocked(database) {
                try await Task.sleep(for: .milliseconds(400))  // The same.
                await collector.stop(SIGKILL)
            }
        case .committing:
            let struck = await Strike.killed(try await collector.pid, whenWritten: database + "-wal")
            #expect(struck, "no report came that could have been stored")
        case .publishing: _ = try await fleet.feed.next(after: position)
        }
        #expect(await collector.stop(SIGKILL) == 128 + SIGKILL)
    }

    @Test func `killed in every step of an intake, each report is counted once and a subscriber misses nothing`()
        async throws
    {
        try await RealFleet.with("intake-crash", agents: 3) { fleet in
            let subscriber = Subscriber(fleet)
            subscriber.start()
            var work: [(scenario: Scenario, jobs: Board<Int64>)] = []
            for site in fleet.layout.sites {
                work.append((try await scenario(fleet, site), Board("the jobs of \(site.id)")))
            }
            let enough = Board<Void>("enough")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (scenario, jobs) in work {
                    group.addTask { try await order(scenario, into: jobs, until: enough) }
                }
                defer { enough.append(()) }
                for step in Step.allCases + [.committing, .storing] {
                    // Something came in since it was killed last.
                    let position = fleet.feed.count
                    _ = try await fleet.feed.next(after: position)
                    try await kill(step, fleet)
                    await subscriber.stop()
                    try await fleet.startCollector()
                    subscriber.start()
                }
                enough.append(())
                try await group.waitForAll()
            }
            for (scenario, jobs) in work {
                #expect(jobs.count > 1)
                for job in jobs.all { try await scenario.ended(job) }
                try await expectCounted(jobs.all, scenario)
            }
            let jobs = Set(work.flatMap { $0.jobs.all })
            try await subscriber.read(jobs)
            await subscriber.stop()

            let anew = Subscriber(fleet)
            anew.start()
            try await anew.read(jobs)
            await anew.stop()
            FeedCheck.expectExact(anew.lines)
            let lived = fleet.feed.all.map(\.json)
            #expect(lived == anew.lines.map(\.json), "who stayed subscribed read the same")
            #expect(subscriber.lines.map(\.json) == lived, "who came back with its cursor read the same")
        }
    }

    @Test func `an agent that is killed while its reports wait, or while they are stored, sends each of them once`()
        async throws
    {
        try await RealFleet.with("flush-crash", agents: 1) { fleet in
            let collector = fleet.daemon("collector")
            let agent = fleet.layout.sites[0]
            let wal = fleet.layout.directory + "/collector/collector.sqlite-wal"
            let scenario = try await scenario(fleet, agent)
            var jobs: [Int64] = []
            for round in 1...3 {
                let heard = fleet.feed.count
                try await collector.signal(SIGSTOP)
                for _ in 0..<2 { jobs.append(try await scenario.order()) }
                for job in jobs.suffix(2) { try await fleet.daemon(agent.id).logged("job.id=\(job) status=") }
                #expect(fleet.feed.count == heard)
                #expect(await fleet.daemon(agent.id).stop(SIGKILL) == 128 + SIGKILL)
                try await fleet.start(agent)
                guard round > 1 else {
                    try await collector.signal(SIGCONT)
                    try await scenario.ended(jobs.last!)
                    continue
                }
                let pid = try await fleet.daemon(agent.id).pid
                async let struck = Strike.killed(pid, whenWritten: wal)
                try await Task.sleep(for: .milliseconds(50))  // The strike's own thread looks by then.
                try await collector.signal(SIGCONT)
                #expect(await struck, "no report was stored")
                #expect(await fleet.daemon(agent.id).stop(SIGKILL) == 128 + SIGKILL)
                try await fleet.start(agent)
                try await scenario.ended(jobs.last!)
            }
            for job in jobs { try await scenario.ended(job) }
            try await expectCounted(jobs, scenario)
            FeedCheck.expectExact(fleet.feed.all)
        }
    }
}
