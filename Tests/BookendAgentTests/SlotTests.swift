import BookendAgent
import BookendModel
import Testing

/// What an agent does by itself with the slots that it carries.
@Suite(.timeLimit(.minutes(5))) struct SlotTests {
    private let epoch: UInt64 = 1

    /// Starts ten minutes after the test's clock does; there is no window.
    private func slot(_ job: JobID, start: Int64 = 1_600) -> Trigger {
        Trigger(
            job: job, agent: agentID, policy: policyName, revision: 1, cause: .schedule, scheduledStart: .at(start),
            notAfter: .at(start + 3_600))
    }

    private func end(_ bench: DirectorBench) async throws {
        for _ in Stage.allCases { try await bench.stages.next().end(.successful) }
    }

    private func cause(_ job: JobID, _ bench: DirectorBench) throws -> [TriggerCause] {
        try Array(Set(bench.journal.reports(of: job).map(\.trigger.cause)))
    }

    @Test func `a slot whose trigger does not come is started after its grace and its splay`() async throws {
        try await DirectorBench.with { bench in
            try await bench.director.replacePolicies([.sample()], generation: 1, slots: [slot(7)], epoch: epoch)
            let start = SlotBook([slot(7)]).startTime(of: slot(7))
            #expect(start >= .at(1_660) && start <= .at(1_720))
            while bench.clock.now.wall < start {
                #expect(try bench.journal.reports(of: 7).isEmpty)
                bench.clock.advance(by: .seconds(1))
                for _ in 0..<20 { await Task.yield() }
            }
            try await end(bench)
            try await bench.until(7, is: .successful)
            #expect(try cause(7, bench) == [.autonomous])
            // The coordinator is back, and its trigger comes after all.
            #expect(try await bench.director.accept(slot(7)))
            #expect(try bench.journal.reports(of: 7).filter(\.endsJob).count == 1)
            #expect(try bench.journal.load().slots.isEmpty)
        }
    }

    @Test func `a slot whose trigger comes is not started again`() async throws {
        try await DirectorBench.with { bench in
            try await bench.director.changeSlots([slot(7)], withdrawn: [])
            bench.clock.advance(by: .seconds(600))
            #expect(try await bench.director.accept(slot(7)))
            try await end(bench)
            try await bench.until(7, is: .successful)
            try await bench.director.changeSlots([slot(7)], withdrawn: [])
            bench.clock.advance(by: .seconds(7_200))
            for _ in 0..<100 { await Task.yield() }
            #expect(try bench.journal.reports(of: 7).filter(\.endsJob).count == 1)
            #expect(try cause(7, bench) == [.schedule])
        }
    }

    @Test func `a withdrawn slot is not started, nor one whose policy is gone`() async throws {
        try await DirectorBench.with { bench in
            try await bench.director.changeSlots([slot(7), slot(8)], withdrawn: [])
            try await bench.director.changeSlots([], withdrawn: [7])
            try await bench.director.changePolicy(PolicyChange(generation: 1, name: policyName, revision: nil))
            bench.clock.advance(by: .seconds(7_200))
            for _ in 0..<100 { await Task.yield() }
            #expect(try bench.journal.knownJobs(limit: 9).jobs.isEmpty)
        }
    }

    @Test func `a slot that passed while the agent was down is reported skipped, with its reason`() async throws {
        let journal = MemoryJournal(agent: agentID)
        let clock = TestClock()
        try await DirectorBench.with(journal, clock: clock) { bench in
            try await bench.director.changeSlots([slot(7), slot(8, start: 5_000)], withdrawn: [])
        }
        clock.advance(by: .seconds(4_300))
        try await DirectorBench.with(journal, clock: clock) { bench in
            try await bench.until(7, is: .skipped)
            try await end(bench)
            try await bench.until(8, is: .successful)
            let end = try bench.journal.reports(of: 7).last
            #expect(end?.details.reason == "its start passed while the agent was not running")
            #expect(try bench.statuses(of: 7) == ["0 10", "0 2"] || bench.statuses(of: 7) == ["0 2"])
        }
    }

    @Test func `a trigger whose id the journal has for another order is not accepted`() async throws {
        try await DirectorBench.with { bench in
            #expect(try await bench.director.accept(.sample(7)))
            #expect(try await bench.director.accept(.sample(7)))
            #expect(try await !bench.director.accept(slot(7)))
            try await end(bench)
            try await bench.until(7, is: .successful)
            #expect(try cause(7, bench) == [.manual])
        }
    }

    @Test func `a start that is held back waits for its coordinator, and for none that is gone, also over a restart`()
        async throws
    {
        let journal = MemoryJournal(agent: agentID)
        let clock = TestClock()
        var held = slot(7)
        held.isHeld = true
        let book = SlotBook([slot(7)])
        let wait = book.startTime(of: slot(7)) - slot(7).scheduledStart
        try await DirectorBench.with(journal, clock: clock) { [held] bench in
            try await bench.director.changeSlots([slot(7)], withdrawn: [])
            bench.clock.advance(by: .seconds(600))
            try await bench.director.changeSlots([held], withdrawn: [])
            // It is heard, again and again.
            for _ in 0..<60 {
                await bench.director.coordinatorGoes(at: bench.clock.now.boot + .seconds(45))
                bench.clock.advance(by: .seconds(15))
                for _ in 0..<20 { await Task.yield() }
            }
            #expect(try bench.journal.knownJobs(limit: 9).jobs.isEmpty)
            #expect(try bench.journal.load().slots == [held])
        }
        let restart = clock.now.boot
        try await DirectorBench.with(journal, clock: clock) { bench in
            while bench.clock.now.boot < restart + wait {
                #expect(try bench.journal.knownJobs(limit: 9).jobs.isEmpty)
                bench.clock.advance(by: .seconds(1))
                for _ in 0..<20 { await Task.yield() }
            }
            try await end(bench)
            try await bench.until(7, is: .successful)
            #expect(try cause(7, bench) == [.autonomous])
        }
    }

    @Test func `one start of the schedule is begun once, under whatever id, and by itself neither`() async throws {
        try await DirectorBench.with { bench in
            #expect(try await bench.director.accept(slot(7)))
            try await end(bench)
            try await bench.until(7, is: .successful)
            // A coordinator that was restored gives it another id.
            #expect(try await !bench.director.accept(slot(9)))
            try await bench.director.changeSlots([slot(9)], withdrawn: [])
            bench.clock.advance(by: .seconds(7_200))
            try await bench.until { try bench.journal.load().slots.isEmpty }
            #expect(try bench.journal.knownJobs(limit: 9).jobs == [KnownJob(slot(7))])
        }
    }

    @Test func `a slot waits until the journal can be written`() async throws {
        try await DirectorBench.with { bench in
            try await bench.director.changeSlots([slot(7)], withdrawn: [])
            bench.journal.failWrites("the disk is full")
            bench.clock.advance(by: .seconds(720))
            for _ in 0..<100 { await Task.yield() }
            // It is not tried again and again: each try is a line in the log.
            let next = try #require(bench.clock.nextDeadline)
            #expect(next - bench.clock.now.boot >= .seconds(1))
            bench.journal.failWrites(nil)
            for _ in 0..<60 {
                bench.clock.advance(by: .seconds(1))
                for _ in 0..<20 { await Task.yield() }
            }
            try await end(bench)
            try await bench.until(7, is: .successful)
        }
    }
}
