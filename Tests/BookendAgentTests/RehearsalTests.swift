import BookendAgent
import BookendModel
import Testing

/// A rehearsal on its agent: both scripts, no engine, nothing that counts as a backup.
@Suite(.timeLimit(.minutes(5))) struct RehearsalTests {
    private func trigger(_ job: JobID, _ fault: StagedFault.Kind? = nil) -> Trigger {
        var trigger = Trigger.sample(job)
        (trigger.cause, trigger.fault) = (.rehearsal, fault.map { StagedFault($0) })
        return trigger
    }

    private let policies = [PolicyRevision.sample(retry: RetryPlan(attempts: 3, interval: .zero))]

    @Test func `both scripts run, no engine does, and it is no good backup`() async throws {
        try await DirectorBench.with(policies: policies) { bench in
            try await bench.director.accept(trigger(1))
            let pre = try await bench.stages.next()
            #expect(pre.stage == .preScript && !pre.stop.isGiven)
            pre.end(.successful)
            let post = try await bench.stages.next()
            #expect(post.stage == .postScript && post.backup?.status == .notEnabled)
            post.end(.successful)
            try await bench.until(1, is: .successful)
            #expect(
                try bench.statuses(of: 1) == [
                    "0 10", "1 11", "1 pre-script 11", "1 pre-script 0", "1 backup 3", "1 post-script 11",
                    "1 post-script 0", "1 0",
                ])
            #expect(try bench.journal.goodBackups().isEmpty)
        }
    }

    /// What the pre-script ends with when it is ended.
    @Test(arguments: [
        (StagedFault.Kind.timeout, Status.killedBySignal, Status.timedOut, Status.notEnabled),
        (.kill, .killedBySignal, .killedBySignal, .notEnabled),
        (.expire, .killedBySignal, .windowExpired, .windowExpired),
    ])
    func `its fault strikes at its time and ends the pre-script, and the post-script knows`(
        fault: StagedFault.Kind, end: Status, pre: Status, backup: Status
    ) async throws {
        try await DirectorBench.with(policies: policies) { bench in
            try await bench.director.accept(trigger(1, fault))
            let script = try await bench.stages.next()
            #expect(!script.stop.isGiven)
            try await strikes(bench) { script.stop.isGiven }
            script.end(end)
            let post = try await bench.stages.next()
            #expect(post.stage == .postScript && post.pre?.status == pre && post.backup?.status == backup)
            post.end(.successful)
            try await bench.until { await bench.director.activeJobs.isEmpty }
            // One attempt, although the policy allows three.
            #expect(try bench.statuses(of: 1).allSatisfy { !$0.hasPrefix("2 ") })
        }
    }

    @Test func `it cancels itself as an operator would, and the journal knows`() async throws {
        try await DirectorBench.with(policies: policies) { bench in
            try await bench.director.accept(trigger(1, .cancel))
            let script = try await bench.stages.next()
            try await strikes(bench) { try bench.journal.load().unfinishedJobs.first?.isCanceled == true }
            try await bench.until(1, is: .canceling)
            #expect(!script.stop.isGiven)
            script.end(.successful)
            let post = try await bench.stages.next()
            #expect(post.pre?.status == .successful && post.backup?.status == .canceled)
            post.end(.successful)
            try await bench.until(1, is: .canceled)
        }
    }

    /// Lets time pass until it has.
    private func strikes(_ bench: DirectorBench, _ condition: () throws -> Bool) async throws {
        try await bench.until {
            bench.clock.advance(by: .milliseconds(10))
            return try condition()
        }
    }

    @Test func `a start of the schedule neither waits for it as for an earlier job nor takes its place`() async throws {
        for rule in [OverlapRule.skip, .replace] {
            var revision = PolicyRevision.sample()
            revision.policy.overlap = rule
            try await DirectorBench.with(policies: [revision]) { bench in
                try await bench.director.accept(trigger(1))
                let pre = try await bench.stages.next()
                var scheduled = Trigger.sample(2)
                scheduled.cause = .schedule
                try await bench.director.accept(scheduled)
                try await bench.until(2, is: .queued)
                pre.end(.successful)
                try await bench.stages.next().end(.successful)
                try await bench.until(1, is: .successful)
                // With scripts they never overlap: the backup comes after it, and whole.
                for stage in Stage.allCases {
                    let call = try await bench.stages.next()
                    #expect(call.job == 2 && call.stage == stage)
                    call.end(.successful)
                }
                try await bench.until(2, is: .successful)
            }
        }
    }

    @Test func `one whose agent dies pays its debt, asks no repository, and is not begun again`() async throws {
        let journal = MemoryJournal(agent: agentID)
        let revision = policies[0]
        _ = try journal.accept(trigger(1, .kill), under: revision, at: .at(5))
        _ = try journal.record(
            [
                .attemptStarted(1, owesPostScript: true),
                .report(attempt: 1, stage: .preScript, status: .successful, at: .at(6), details: ReportDetails()),
            ], of: ReportedTrigger(trigger(1, .kill)))
        // A repository that had one would make the backup good.
        try await DirectorBench.with(journal, policies: policies, found: StageEnd(.successful)) { bench in
            let post = try await bench.stages.next()
            #expect(post.stage == .postScript && post.backup?.status == .interrupted)
            post.end(.successful)
            try await bench.until(1, is: .interrupted)
            #expect(try bench.journal.goodBackups().isEmpty)
        }
    }
}
