import BookendAgent
import BookendModel
import Testing

@Suite(.timeLimit(.minutes(5))) struct JobDirectorTests {
    private let whole = [
        "0 10", "1 11", "1 pre-script 11", "1 pre-script 0", "1 backup 11", "1 backup 0", "1 post-script 11",
        "1 post-script 0", "1 0",
    ]

    @Test func `a job reports each of its steps once and in order`() async throws {
        try await DirectorBench.with { bench in
            try await bench.director.accept(.sample(1))
            try await bench.director.accept(.sample(1))
            for stage in Stage.allCases {
                let call = try await bench.stages.next()
                #expect(call.stage == stage && call.job == 1 && call.attempt == 1)
                #expect(await bench.director.activeJobs.map(\.stage) == [stage])
                if stage == .postScript {
                    #expect(call.pre?.status == .successful && call.backup?.status == .successful)
                }
                call.end(.successful)
            }
            try await bench.until(1, is: .successful)
            #expect(try bench.statuses(of: 1) == whole)
            #expect(try bench.journal.load().unfinishedJobs.isEmpty)
            try await bench.until { await bench.director.activeJobs.isEmpty }
        }
    }

    // MARK: Cancel

    @Test(arguments: Stage.allCases)
    func `a cancel while a stage runs lets the post-script run and ends the job as canceled`(stage: Stage) async throws
    {
        try await DirectorBench.with { bench in
            try await bench.director.accept(.sample(1))
            for running in Stage.allCases where running != .backup || stage != .preScript {
                let call = try await bench.stages.next()
                #expect(call.stage == running)
                if running == stage {
                    for _ in 0..<5 { try await bench.director.cancel(1) }
                    try await bench.until(1, is: .canceling)
                    if stage == .backup { await call.stop.wait() }
                    #expect(call.stop.isGiven == (stage == .backup))
                }
                call.end(running == .backup && stage == .backup ? .interrupted : .successful)
            }
            try await bench.until(1, is: .canceled)
            let statuses = try bench.statuses(of: 1)
            #expect(statuses.filter { $0 == "1 13" }.count == 1 && statuses.last == "1 6")
            #expect(statuses.contains("1 backup \(stage == .postScript ? 0 : 6)"))
            #expect(statuses.contains("1 post-script 0"))
        }
    }

    @Test func `a job that is canceled while it is queued, or before its trigger comes, runs nothing`() async throws {
        try await DirectorBench.with { bench in
            try await bench.director.cancel(3)
            for job in [1, 2, 3] as [JobID] { try await bench.director.accept(.sample(job)) }
            let call = try await bench.stages.next()
            try await bench.director.cancel(2)
            try await bench.until(2, is: .canceled)
            try await bench.until(3, is: .canceled)
            call.end(.failed)
            for _ in 0..<2 { try await bench.stages.next().end(.successful) }
            try await bench.until(1, is: .successfulWithErrors)
            #expect(try bench.statuses(of: 2) == ["0 10", "0 6"])
            #expect(try bench.statuses(of: 3) == ["0 10", "0 6"])
        }
    }

    // MARK: Time

    @Test(arguments: Stage.allCases)
    func `the end of the window ends what runs, but never the post-script`(stage: Stage) async throws {
        try await DirectorBench.with { bench in
            try await bench.director.accept(.sample(1, windowEnd: .at(1_060)))
            for running in Stage.allCases where running != .backup || stage != .preScript {
                let call = try await bench.stages.next()
                if running == stage {
                    bench.clock.advance(by: .seconds(59))
                    for _ in 0..<100 { await Task.yield() }
                    #expect(!call.stop.isGiven)
                    bench.clock.advance(by: .seconds(1))
                    if stage != .postScript { await call.stop.wait() }
                }
                call.end(running == stage && stage != .postScript ? .interrupted : .successful)
            }
            try await bench.until(1, is: stage == .postScript ? .successful : .windowExpired)
            let statuses = try bench.statuses(of: 1)
            #expect(statuses.contains("1 post-script 0"))
            if stage == .preScript { #expect(statuses.contains("1 pre-script 22") && statuses.contains("1 backup 22")) }
            if stage == .backup { #expect(statuses.contains("1 backup 22")) }
        }
    }

    @Test func `a job whose window ends while it is queued is skipped`() async throws {
        try await DirectorBench.with { bench in
            try await bench.director.accept(.sample(1))
            let call = try await bench.stages.next()
            try await bench.director.accept(.sample(2, windowEnd: .at(1_010)))
            try await bench.until(2, is: .queued)
            bench.clock.advance(by: .seconds(10))
            try await bench.until(2, is: .skipped)
            call.end(.successful)
            for _ in 0..<2 { try await bench.stages.next().end(.successful) }
            try await bench.until(1, is: .successful)
            #expect(try bench.statuses(of: 2) == ["0 10", "0 2"])
        }
    }

    @Test func `a retry comes when its time is there, with both scripts`() async throws {
        let policy = PolicyRevision.sample(retry: RetryPlan(attempts: 2, interval: .seconds(300)))
        try await DirectorBench.with(policies: [policy]) { bench in
            try await bench.director.accept(.sample(1))
            for stage in Stage.allCases { try await bench.stages.next().end(stage == .backup ? .failed : .successful) }
            try await bench.until(1, is: .waitingForRetry)
            // It waits without its turn: another job goes on.
            try await bench.director.accept(.sample(2))
            for _ in Stage.allCases {
                let call = try await bench.stages.next()
                #expect(call.job == 2)
                call.end(.successful)
            }
            try await bench.until(2, is: .successful)
            bench.clock.advance(by: .seconds(299))
            for _ in 0..<100 { await Task.yield() }
            #expect(try bench.statuses(of: 1).last == "1 12")
            bench.clock.advance(by: .seconds(1))
            for stage in Stage.allCases {
                let call = try await bench.stages.next()
                #expect(call.job == 1 && call.attempt == 2 && call.stage == stage)
                call.end(.successful)
            }
            try await bench.until(1, is: .successful)
            #expect(
                try bench.statuses(of: 1).filter { !$0.contains("script") && !$0.contains("backup") }
                    == ["0 10", "1 11", "1 12", "1 10", "2 11", "2 0"])
        }
    }

    // MARK: Stopping

    @Test func `an agent that stops leaves what is queued or waits, and the next one takes it up`() async throws {
        let journal = MemoryJournal(agent: agentID)
        let clock = TestClock()
        let policies = [
            PolicyRevision.sample(),
            .sample(PolicyName(rawValue: "r"), retry: RetryPlan(attempts: 2, interval: .seconds(60))),
        ]
        try await DirectorBench.with(journal, clock: clock, policies: policies) { bench in
            try await bench.director.accept(.sample(1, policy: PolicyName(rawValue: "r")))
            for stage in Stage.allCases { try await bench.stages.next().end(stage == .backup ? .failed : .successful) }
            try await bench.until(1, is: .waitingForRetry)
            try await bench.director.accept(.sample(2))
            let call = try await bench.stages.next()
            try await bench.director.accept(.sample(3))
            try await bench.until(3, is: .queued)
            await bench.director.shutDown()
            // What runs comes to its end without a backup, and owes its post-script.
            call.end(.successful)
            let post = try await bench.stages.next()
            #expect(post.job == 2 && post.stage == .postScript && post.backup?.status == .interrupted)
            post.end(.successful)
            try await bench.until(2, is: .interrupted)
            try await bench.director.accept(.sample(4))
        }
        #expect(try journal.load().unfinishedJobs.map(\.trigger.job) == [1, 3, 4])
        let before = try journal.reports(of: 3).map(\.status)
        #expect(before == [.queued])
        try await DirectorBench.with(journal, clock: clock, policies: policies) { bench in
            for job in [3, 4] as [JobID] {
                for stage in Stage.allCases {
                    let call = try await bench.stages.next()
                    #expect(call.job == job && call.stage == stage)
                    call.end(.successful)
                }
                try await bench.until(job, is: .successful)
            }
            clock.advance(by: .seconds(60))
            for _ in Stage.allCases {
                let call = try await bench.stages.next()
                #expect(call.job == 1 && call.attempt == 2)
                call.end(.successful)
            }
            try await bench.until(1, is: .successful)
        }
        #expect(try journal.load().unfinishedJobs.isEmpty)
    }

    @Test func `an agent that stops during a backup stops it, runs the post-script, and then returns`() async throws {
        try await DirectorBench.with { bench in
            try await bench.director.accept(.sample(1))
            try await bench.stages.next().end(.successful)
            let backup = try await bench.stages.next()
            await bench.director.shutDown()
            await backup.stop.wait()
            backup.end(.interrupted)
            let post = try await bench.stages.next()
            #expect(post.stage == .postScript)
            post.end(.successful)
            try await bench.until(1, is: .interrupted)
        }
    }

    // MARK: Recovery

    /// A journal as an agent leaves it that dies in the middle of a pre-script.
    private func brokenJournal(_ job: JobID, in journal: MemoryJournal) throws {
        _ = try journal.accept(.sample(job), under: .sample(), at: .at(1_000))
        _ = try journal.record(
            [.attemptStarted(1, owesPostScript: true)], of: ReportedTrigger(.sample(job)))
    }

    @Test func `a debt is paid before anything else starts`() async throws {
        let journal = MemoryJournal(agent: agentID)
        // The broken job is not the first in the journal, and the one before it waits for its turn.
        _ = try journal.accept(.sample(1), under: .sample(), at: .at(1_000))
        try brokenJournal(2, in: journal)
        let other = PolicyRevision.sample(PolicyName(rawValue: "other"))
        try await DirectorBench.with(journal, policies: [.sample(), other]) { bench in
            try await bench.director.accept(.sample(3, policy: other.policy.name))
            let post = try await bench.stages.next()
            #expect(post.job == 2 && post.stage == .postScript)
            #expect(post.pre?.status == .interrupted && post.backup?.status == .interrupted)
            try await bench.until(1, is: .queued, count: 0)
            try await bench.until(3, is: .queued)
            for _ in 0..<1_000 { await Task.yield() }
            #expect(bench.stages.mostAtOnce == 1)
            post.end(.successful)
            for job in [1, 3] as [JobID] {
                for _ in Stage.allCases {
                    let call = try await bench.stages.next()
                    #expect(call.job == job)
                    call.end(.successful)
                }
            }
            try await bench.until(3, is: .successful)
            #expect(try bench.statuses(of: 2).last == "1 25" && bench.stages.mostAtOnce == 1)
        }
    }

    @Test func `a debt is paid even if the agent is told to stop at once`() async throws {
        let journal = MemoryJournal(agent: agentID)
        try brokenJournal(1, in: journal)
        try await DirectorBench.with(journal) { bench in
            await bench.director.shutDown()
            let post = try await bench.stages.next()
            #expect(post.stage == .postScript)
            post.end(.successful)
            try await bench.until(1, is: .interrupted)
        }
        #expect(try journal.load().unfinishedJobs.isEmpty)
    }

    @Test func `a trigger whose policy is gone ends as 24, also when that must be written later`() async throws {
        try await DirectorBench.with(policies: []) { bench in
            try await bench.director.accept(.sample(1))
            #expect(try bench.statuses(of: 1) == ["0 24"])
            #expect(try bench.journal.load().unfinishedJobs.isEmpty)
        }
    }

    // MARK: Many at once

    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func `many jobs report in order, each one end, numbers without gaps`(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let names = (0..<4).map { PolicyName(rawValue: "p\($0)") }
        let policies = names.map { name in
            PolicyRevision.sample(
                name, scripts: ScriptPlan(directory: "/scripts", exclusiveGroup: name.rawValue),
                retry: RetryPlan(attempts: 2, interval: .seconds(5)))
        }
        let jobs = (1...40).map { JobID(rawValue: $0) }
        let plan = jobs.map { ($0, names.randomElement(using: &random)!, Bool.random(using: &random)) }
        let outcomes: [Status] = [.successful, .failed, .timedOut, .successful, .killedBySignal]
        let rolls = (0..<1_000).map { _ in outcomes.randomElement(using: &random)! }
        try await DirectorBench.with(limit: 3, policies: policies) { bench in
            await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for (job, policy, isCanceled) in plan {
                        try await bench.director.accept(.sample(job, policy: policy))
                        if isCanceled { try await bench.director.cancel(job) }
                    }
                }
                group.addTask {
                    for roll in rolls {
                        let call = try await bench.stages.next()
                        if call.stop.isGiven { call.end(.interrupted) } else { call.end(roll) }
                    }
                }
                group.addTask {
                    for job in jobs {
                        try await bench.until {
                            bench.clock.advance(by: .milliseconds(10))
                            return try bench.journal.reports(of: job).last?.endsJob == true
                        }
                    }
                }
                // The stages go on waiting when every job has ended.
                while let result = await group.nextResult() {
                    _ = result
                    if (try? bench.journal.load().unfinishedJobs.isEmpty) == true { break }  // Memory does not fail.
                }
                group.cancelAll()
            }
            #expect(try bench.journal.load().unfinishedJobs.isEmpty)
            let all = try bench.journal.reports(1...10_000)
            #expect(all.map(\.origin.sequence) == Array(1...UInt64(all.count)))
            for job in jobs {
                let reports = all.filter { $0.trigger.job == job }
                #expect(reports.count(where: \.endsJob) == 1 && reports.last?.endsJob == true, "job \(job)")
                #expect(reports.map(\.attempt) == reports.map(\.attempt).sorted(), "job \(job)")
            }
            #expect(bench.stages.mostAtOnce <= 3)
        }
    }
}
