import BookendAgent
import BookendModel
import Testing

/// What an agent makes of starts that are late or overlap, as the policy says.
@Suite(.timeLimit(.minutes(5))) struct ScheduleRuleTests {
    private static func policy(
        catchUp: CatchUpRule = .none, offline: OfflineRule = .queue, overlap: OverlapRule = .queue
    ) -> PolicyRevision {
        var revision = PolicyRevision.sample()
        (revision.policy.catchUp, revision.policy.whenAgentOffline, revision.policy.overlap) = (
            catchUp, offline, overlap
        )
        return revision
    }

    /// A start with a window of 100 seconds.
    private func slot(_ job: JobID, start: Int64, notAfter: Int64? = nil) -> Trigger {
        Trigger(
            job: job, agent: agentID, policy: policyName, revision: 1, cause: .schedule, scheduledStart: .at(start),
            notAfter: .at(notAfter ?? start + 100), windowEnd: .at(start + 100))
    }

    private func end(_ bench: DirectorBench) async throws {
        for _ in Stage.allCases { try await bench.stages.next().end(.successful) }
    }

    @Test func `of the starts that passed while the agent was down the latest is made up for`() async throws {
        let journal = MemoryJournal(agent: agentID)
        let clock = TestClock()
        let slots = [
            slot(7, start: 2_000, notAfter: 3_000), slot(8, start: 3_000, notAfter: 9_000),
            slot(9, start: 9_000, notAfter: 10_000),
        ]
        try await DirectorBench.with(journal, clock: clock, policies: [Self.policy(catchUp: .latest)]) { bench in
            try await bench.director.changeSlots(slots, withdrawn: [])
        }
        clock.advance(by: .seconds(4_000))
        try await DirectorBench.with(journal, clock: clock, policies: [Self.policy(catchUp: .latest)]) { bench in
            let restarted = bench.clock.now.wall
            try await bench.until(7, is: .skipped)
            try await end(bench)
            try await bench.until(8, is: .successful)
            #expect(try bench.journal.reports(of: 8).allSatisfy { $0.trigger.cause == .catchUp })
            let made = try #require(try bench.journal.trigger(of: 8))
            // A window of its own, as long as the one that passed.
            #expect(made.windowEnd.map { $0 >= restarted + .seconds(100) } == true)
            #expect(try bench.journal.knownJobs(limit: 9).jobs.map(\.job) == [7, 8])
            // The coordinator's own trigger for the same start is no second job.
            #expect(try await bench.director.accept(slots[1]))
            #expect(try bench.journal.reports(of: 8).filter(\.endsJob).count == 1)
        }
    }

    @Test func `a trigger that comes in its window is not made up for`() async throws {
        try await DirectorBench.with(policies: [Self.policy(catchUp: .latest)]) { bench in
            bench.clock.advance(by: .seconds(50))
            try await bench.director.accept(slot(7, start: 1_000, notAfter: 9_000))
            try await end(bench)
            try await bench.until(7, is: .successful)
            #expect(try bench.journal.trigger(of: 7)?.cause == .schedule)
            #expect(try bench.journal.trigger(of: 7)?.windowEnd == .at(1_100))
        }
    }

    @Test func `without catch-up a late start is skipped, and a failure where the policy says so`() async throws {
        for rule in OfflineRule.allCases {
            try await DirectorBench.with(policies: [Self.policy(offline: rule)]) { bench in
                bench.clock.advance(by: .seconds(200))
                try await bench.director.accept(slot(7, start: 1_000))
                try await bench.until(7, is: rule == .fail ? .agentOffline : .skipped)
                #expect(try bench.journal.reports(of: 7).filter(\.endsJob).count == 1)
            }
        }
    }

    @Test func `a start that overlaps is skipped, and the one after that is not`() async throws {
        try await DirectorBench.with(policies: [Self.policy(overlap: .skip)]) { bench in
            try await bench.director.accept(slot(1, start: 1_000))
            let call = try await bench.stages.next()
            try await bench.director.accept(slot(2, start: 1_010))
            try await bench.until(2, is: .skipped)
            #expect(try bench.journal.reports(of: 2).last?.details.reason == "job 1 of the policy is not over yet")
            // Backup now queues.
            try await bench.director.accept(.sample(3))
            try await bench.until(3, is: .queued)
            call.end(.successful)
            for _ in 0..<2 { try await bench.stages.next().end(.successful) }
            try await bench.until(1, is: .successful)
            try await end(bench)
            try await bench.until(3, is: .successful)
            try await bench.director.accept(slot(4, start: 1_020))
            try await end(bench)
            try await bench.until(4, is: .successful)
        }
    }

    @Test func `a start takes the place of an earlier one`() async throws {
        try await DirectorBench.with(policies: [Self.policy(overlap: .replace)]) { bench in
            try await bench.director.accept(slot(1, start: 1_000))
            try await bench.stages.next().end(.successful)
            let backup = try await bench.stages.next()
            try await bench.director.accept(slot(2, start: 1_010))
            await backup.stop.wait()
            backup.end(.interrupted)
            try await bench.stages.next().end(.successful)
            try await bench.until(1, is: .canceled)
            #expect(try bench.journal.reports(of: 1).last?.details.reason == "replaced by job 2")
            try await end(bench)
            try await bench.until(2, is: .successful)
        }
    }

    @Test func `starts that are late together do not overlap with each other`() async throws {
        try await DirectorBench.with(policies: [Self.policy(catchUp: .latest, overlap: .skip)]) { bench in
            bench.clock.advance(by: .seconds(500))
            try await bench.director.accept(slot(1, start: 1_000, notAfter: 1_200))
            try await bench.director.accept(slot(2, start: 1_200, notAfter: 9_000))
            try await bench.until(1, is: .skipped)
            try await end(bench)
            try await bench.until(2, is: .successful)
        }
    }

    @Test(arguments: [(JobID(1), JobID(2)), (7, 2)])
    func `a new agent lets no start overlap either, whatever their ids`(first: JobID, second: JobID) async throws {
        let journal = MemoryJournal(agent: agentID)
        let clock = TestClock()
        let policies = [Self.policy(overlap: .skip)]
        _ = try journal.accept(slot(first, start: 1_000), under: policies[0], at: .at(1_000))
        _ = try journal.accept(slot(second, start: 1_010), under: policies[0], at: .at(1_010))
        try await DirectorBench.with(journal, clock: clock, policies: policies) { bench in
            try await bench.until(second, is: .skipped)
            try await end(bench)
            try await bench.until(first, is: .successful)
        }
    }
}
