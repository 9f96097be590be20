import BookendAgent
import BookendModel
import Testing

/// What becomes of a job while the journal cannot be written.
@Suite(.timeLimit(.minutes(5))) struct JobLedgerTests {
    @Test(arguments: Stage.allCases)
    func `reports that cannot be written are kept in order while the job goes on`(broken: Stage) async throws {
        try await DirectorBench.with { bench in
            try await bench.director.accept(.sample(1))
            for stage in Stage.allCases {
                let call = try await bench.stages.next()
                #expect(call.stage == stage)
                if stage == broken { bench.journal.failWrites("no space") }
                call.end(.successful)
            }
            try await bench.until { bench.clock.nextDeadline != nil }
            // A second job cannot start: nothing of it is acknowledged.
            await #expect(throws: AgentError.self) { try await bench.director.accept(.sample(2)) }
            for _ in 0..<20 {
                bench.clock.advance(by: .seconds(10))
                for _ in 0..<100 { await Task.yield() }
            }
            let kept = try bench.statuses(of: 1)
            #expect(kept.last != "1 0")
            bench.journal.failWrites(nil)
            bench.clock.advance(by: .seconds(30))
            try await bench.until(1, is: .successful)
            #expect(
                try bench.statuses(of: 1) == [
                    "0 10", "1 11", "1 pre-script 11", "1 pre-script 0", "1 backup 11", "1 backup 0",
                    "1 post-script 11", "1 post-script 0", "1 0",
                ])
            #expect(try bench.journal.load().unfinishedJobs.isEmpty)
        }
    }

    @Test func `no attempt starts that could not be recorded`() async throws {
        try await DirectorBench.with { bench in
            try await bench.director.accept(.sample(1))
            let first = try await bench.stages.next()
            try await bench.director.accept(.sample(2))
            try await bench.until(2, is: .queued)
            first.end(.successful)
            try await bench.stages.next().end(.successful)
            let post = try await bench.stages.next()
            bench.journal.failWrites("no space")
            post.end(.successful)
            try await bench.until { bench.clock.nextDeadline != nil }
            // The first job keeps its turn until its end is known to be recorded.
            bench.journal.failWrites(nil)
            bench.clock.advance(by: .seconds(1))
            try await bench.until(1, is: .successful)
            let call = try await bench.stages.next()
            #expect(call.job == 2)
            call.end(.failed)
            for _ in 0..<2 { try await bench.stages.next().end(.successful) }
            try await bench.until(2, is: .successfulWithErrors)
        }
    }

    @Test func `no attempt starts whose stages could not be found again, and the job says why`() async throws {
        try await DirectorBench.with { bench in
            bench.stages.refuseAttempts(because: "no room for a record")
            try await bench.director.accept(.sample(1))
            try await bench.until(1, is: .couldNotStart)
            let backup = try bench.journal.reports(of: 1).first { $0.stage == .backup }
            #expect(backup?.status == .couldNotStart && backup?.details.reason == "no room for a record")
            let load = try bench.journal.load()
            #expect(load.unfinishedJobs.isEmpty && bench.stages.mostAtOnce == 0)
            #expect(try bench.journal.openDebts().isEmpty)
            bench.stages.refuseAttempts(because: nil)
            try await bench.director.accept(.sample(2))
            for _ in Stage.allCases { try await bench.stages.next().end(.successful) }
            try await bench.until(2, is: .successful)
        }
    }

    @Test func `a retry whose start cannot be recorded is refused, and both are reported later`() async throws {
        let policy = PolicyRevision.sample(retry: RetryPlan(attempts: 2, interval: .seconds(60)))
        try await DirectorBench.with(policies: [policy]) { bench in
            try await bench.director.accept(.sample(1))
            for stage in Stage.allCases { try await bench.stages.next().end(stage == .backup ? .failed : .successful) }
            try await bench.until(1, is: .waitingForRetry)
            bench.journal.failWrites("no space")
            bench.clock.advance(by: .seconds(60))
            try await bench.until { bench.clock.nextDeadline.map { $0 < bench.clock.now.boot + .seconds(1) } ?? false }
            for _ in 0..<500 { await Task.yield() }
            bench.journal.failWrites(nil)
            bench.clock.advance(by: .seconds(1))
            try await bench.until(1, is: .couldNotStart)
            let statuses = try bench.statuses(of: 1)
            #expect(statuses.suffix(4) == ["1 12", "1 10", "2 backup 24", "2 24"], "\(statuses)")
        }
    }

    @Test func `a job that waits for its retry keeps its turn until its post-script is known to have run`() async throws
    {
        let policy = PolicyRevision.sample(retry: RetryPlan(attempts: 2, interval: .seconds(300)))
        try await DirectorBench.with(policies: [policy]) { bench in
            try await bench.director.accept(.sample(1))
            let first = try await bench.stages.next()
            try await bench.director.accept(.sample(2))
            try await bench.until(2, is: .queued)
            first.end(.successful)
            try await bench.stages.next().end(.failed)
            let post = try await bench.stages.next()
            bench.journal.failWrites("no space")
            post.end(.successful)
            try await bench.until { bench.clock.nextDeadline != nil }
            for _ in 0..<500 { await Task.yield() }
            bench.journal.failWrites(nil)
            bench.clock.advance(by: .seconds(1))
            try await bench.until(1, is: .waitingForRetry)
            try await bench.until { try bench.statuses(of: 2).count > 1 }
            // It was not tried, and refused, while the journal was full.
            #expect(try bench.statuses(of: 2)[1] == "1 11")
        }
    }

    @Test func `an agent that stops gives the journal ten seconds, and the next one says what is known`() async throws {
        let journal = MemoryJournal(agent: agentID)
        let clock = TestClock()
        try await DirectorBench.with(journal, clock: clock) { bench in
            try await bench.director.accept(.sample(1))
            try await bench.stages.next().end(.successful)
            let backup = try await bench.stages.next()
            journal.failWrites("no space")
            backup.end(.successful)
            try await bench.stages.next().end(.successful)
        }
        #expect(clock.now.boot >= BootTime(milliseconds: 1_010_000))
        journal.failWrites(nil)
        try await DirectorBench.with(journal, clock: clock) { bench in
            let post = try await bench.stages.next()
            #expect(post.stage == .postScript && post.pre?.status == .successful)
            post.end(.successful)
            try await bench.until(1, is: .interrupted)
            let all = try journal.reports(1...100)
            #expect(all.map(\.origin.sequence) == Array(1...UInt64(all.count)))
        }
    }
}
