import BookendAgent
import BookendModel
import Testing

@Suite(.timeLimit(.minutes(5))) struct DebtTests {
    /// A journal as an agent leaves it whose post-script was gone when it was to run.
    private func indebtedJournal() async throws -> MemoryJournal {
        let journal = MemoryJournal(agent: agentID)
        try await DirectorBench.with(journal, missing: [.postScript]) { bench in
            try await bench.director.accept(.sample(1))
            for _ in 0..<2 { try await bench.stages.next().end(.successful) }
            try await bench.until(1, is: .successful)
            try await bench.until { await bench.director.openDebtCount == 1 }
        }
        #expect(try journal.load().unfinishedJobs.isEmpty)
        let debt = try #require(try journal.openDebts().first)
        #expect(
            debt.attempt == 1 && debt.runs == 0 && debt.pre.status == .successful
                && debt.reason.contains("no post-script"))
        return journal
    }

    @Test func `a post-script that is gone stays owed, is tried at the next start, and is then paid`() async throws {
        let journal = try await indebtedJournal()
        let before = try journal.reports(of: 1).count
        try await DirectorBench.with(journal, missing: [.postScript]) { bench in
            // The same debt for the same reason is no news.
            try await bench.until { await bench.director.openDebtCount == 1 }
        }
        #expect(try journal.reports(of: 1).count == before && journal.openDebts().count == 1)
        try await DirectorBench.with(journal) { bench in
            let post = try await bench.stages.next()
            #expect(post.job == 1 && post.attempt == 1 && post.stage == .postScript && post.postRuns == 0)
            #expect(post.pre?.status == .successful && post.backup?.status == .successful)
            // What it would start is still stopped: nothing else begins before.
            try await bench.director.accept(.sample(2))
            try await bench.until(2, is: .queued)
            #expect(bench.stages.mostAtOnce == 1)
            post.end(.successful)
            for _ in Stage.allCases { try await bench.stages.next().end(.successful) }
            try await bench.until(2, is: .successful)
            #expect(await bench.director.openDebtCount == 0)
        }
        #expect(try journal.openDebts().isEmpty)
        #expect(
            try journal.reports(of: 1).last?.stage == .postScript && journal.reports(of: 1).last?.status == .successful)
        var job = JobAggregate(try #require(try journal.reports(1...1).first))
        for report in try journal.reports(2...100) where report.trigger.job == 1 { job.fold(report) }
        #expect(job.status == .successful && job.openDebts.isEmpty && job.attempts[0].postScript.status == .successful)
    }

    @Test func `an old debt waits for the post-script of the attempt that broke just now`() async throws {
        let journal = try await indebtedJournal()
        _ = try journal.accept(.sample(2), under: .sample(), at: .at(2))
        _ = try journal.record([.attemptStarted(1, owesPostScript: true)], of: ReportedTrigger(.sample(2)))
        try await DirectorBench.with(journal) { bench in
            let broken = try await bench.stages.next()
            #expect(broken.job == 2 && broken.stage == .postScript)
            for _ in 0..<100 { await Task.yield() }
            #expect(bench.stages.mostAtOnce == 1)
            broken.end(.successful)
            let old = try await bench.stages.next()
            #expect(old.job == 1 && old.stage == .postScript && bench.stages.mostAtOnce == 1)
            old.end(.successful)
            try await bench.until { await bench.director.openDebtCount == 0 }
        }
        #expect(try journal.openDebts().isEmpty)
    }

    @Test func `an operator pays a debt when its turn comes, and what cannot be run stays owed`() async throws {
        let journal = try await indebtedJournal()
        try await DirectorBench.with(journal, missing: [.postScript]) { bench in
            try await bench.until { await !bench.director.isPayingDebt(of: 1) }
            let failed = try await bench.director.payDebts(of: 1, attempt: nil)
            #expect(failed.map(\.isSettled) == [false] && failed.first?.status == .skipped)
            bench.stages.miss([])
            try await bench.director.accept(.sample(2))
            let pre = try await bench.stages.next()
            async let payment = bench.director.payDebts(of: 1, attempt: 1)
            try await bench.until { await bench.director.isPayingDebt(of: 1) }
            await #expect(throws: RemoteFailure.self) { try await bench.director.payDebts(of: 1, attempt: nil) }
            #expect(bench.stages.mostAtOnce == 1, "it waits for the attempt that runs")
            pre.end(.failed)
            for _ in 0..<2 { try await bench.stages.next().end(.successful) }
            let post = try await bench.stages.next()
            #expect(post.job == 1 && post.stage == .postScript)
            post.end(.failed)
            #expect(try await payment.map(\.isSettled) == [true], "it ran: its own failure is an end")
            await #expect(throws: RemoteFailure.self) { try await bench.director.payDebts(of: 1, attempt: nil) }
        }
        #expect(try journal.openDebts().isEmpty)
        #expect(try journal.reports(of: 1).last?.status == .failed)
    }

    @Test func `a forgiven debt is settled without a run, and says by whom`() async throws {
        let journal = try await indebtedJournal()
        try await DirectorBench.with(journal, missing: [.postScript]) { bench in
            try await bench.until { await !bench.director.isPayingDebt(of: 1) }
            await #expect(throws: RemoteFailure.self) {
                try await bench.director.forgiveDebts(of: 1, attempt: 2, by: "ada", because: "x")
            }
            let settled = try await bench.director.forgiveDebts(of: 1, attempt: nil, by: "ada", because: "by hand")
            #expect(
                settled == [
                    SettledDebt(attempt: 1, status: .skipped, reason: "forgiven by ada: by hand", isSettled: true)
                ])
            #expect(await bench.director.openDebtCount == 0)
        }
        #expect(
            try journal.openDebts().isEmpty && journal.reports(of: 1).last?.details.reason == "forgiven by ada: by hand"
        )
        let load = try journal.load()
        #expect(load.unfinishedJobs.isEmpty)
    }

    @Test func `a debt that is being forgiven is not paid meanwhile, nor forgiven twice`() async throws {
        let journal = try await indebtedJournal()
        try await DirectorBench.with(journal, missing: [.postScript]) { bench in
            try await bench.until { await !bench.director.isPayingDebt(of: 1) }
            bench.stages.miss([])
            bench.journal.failWrites("no space")
            async let settled = bench.director.forgiveDebts(of: 1, attempt: nil, by: "ada", because: "by hand")
            try await bench.until { await bench.director.isPayingDebt(of: 1) }
            bench.journal.failWrites(nil)
            await #expect(throws: RemoteFailure.self) { try await bench.director.payDebts(of: 1, attempt: nil) }
            await #expect(throws: RemoteFailure.self) {
                try await bench.director.forgiveDebts(of: 1, attempt: 1, by: "eve", because: "me too")
            }
            bench.clock.advance(by: .seconds(1))
            #expect(try await settled.map(\.isSettled) == [true])
            #expect(await !bench.director.isPayingDebt(of: 1) && bench.stages.mostAtOnce == 0)
        }
        #expect(try journal.reports(of: 1).filter { $0.details.reason.hasPrefix("forgiven by") }.count == 1)
    }

    @Test(arguments: [0, 1, 2])
    func `a post-script is told how often it was started before`(deaths: Int) async throws {
        let journal = MemoryJournal(agent: agentID)
        _ = try journal.accept(.sample(1), under: .sample(), at: .at(1_000))
        _ = try journal.record([.attemptStarted(1, owesPostScript: true)], of: ReportedTrigger(.sample(1)))
        for _ in 0..<deaths {
            let starting = JournalEntry.postScriptStarting(
                attempt: 1, pre: StageEnd(.successful), backup: StageEnd(.failed))
            _ = try journal.record([starting], of: ReportedTrigger(.sample(1)))
        }
        try await DirectorBench.with(journal) { bench in
            let post = try await bench.stages.next()
            #expect(post.stage == .postScript && post.postRuns == deaths)
            // A run that broke off is said once, however often it did.
            let ends = try journal.reports(of: 1).filter { $0.stage == .postScript && $0.status.isFinal }
            #expect(ends.map(\.status) == (deaths == 0 ? [] : [.interrupted]))
            post.end(.successful)
            try await bench.until(1, is: .interrupted)
        }
    }

    @Test(arguments: [false, true])
    func `a backup that the repository holds after a crash is not 25`(isThere: Bool) async throws {
        let journal = MemoryJournal(agent: agentID)
        let trigger = ReportedTrigger(.sample(1))
        _ = try journal.accept(.sample(1), under: .sample(), at: .at(1_000))
        _ = try journal.record([.attemptStarted(1, owesPostScript: true)], of: trigger)
        for (stage, status) in [(Stage.preScript, Status.running), (.preScript, .successful), (.backup, .running)] {
            let entry = JournalEntry.report(
                attempt: 1, stage: stage, status: status, at: .at(1_001), details: ReportDetails())
            _ = try journal.record([entry], of: trigger)
        }
        var end = StageEnd(.successfulWithErrors)
        end.details.snapshotID = "abc"
        try await DirectorBench.with(journal, found: isThere ? end : nil) { bench in
            let post = try await bench.stages.next()
            #expect(post.backup?.status == (isThere ? .successfulWithErrors : .interrupted))
            #expect(post.backup?.details.snapshotID == (isThere ? "abc" : nil))
            post.end(.successful)
            try await bench.until(1, is: isThere ? .successfulWithErrors : .interrupted)
        }
    }

    @Test func `a cancel that comes while the repository is asked after a crash counts`() async throws {
        let journal = MemoryJournal(agent: agentID)
        let trigger = ReportedTrigger(.sample(1))
        let policy = PolicyRevision.sample(scripts: nil)
        _ = try journal.accept(.sample(1), under: policy, at: .at(1_000))
        _ = try journal.record([.attemptStarted(1, owesPostScript: false)], of: trigger)
        for (stage, status) in [(Stage.preScript, Status.notEnabled), (.backup, .running)] {
            let entry = JournalEntry.report(
                attempt: 1, stage: stage, status: status, at: .at(1_001), details: ReportDetails())
            _ = try journal.record([entry], of: trigger)
        }
        var end = StageEnd(.successful)
        end.details.snapshotID = "abc"
        let lookup = StopOrder()
        try await DirectorBench.with(journal, policies: [policy], found: end, answering: lookup) { bench in
            try await bench.director.cancel(1)
            lookup.give()
            try await bench.until(1, is: .canceled)
            // The snapshot is known all the same.
            let backup = try journal.reports(of: 1).last { $0.stage == .backup }
            #expect(backup?.status == .successful && backup?.details.snapshotID == "abc")
        }
    }
}
