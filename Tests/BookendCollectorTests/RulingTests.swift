import BookendCollector
import BookendModel
import BookendTestSupport
import Testing

/// What the coordinator made of jobs of which no agent spoke: told to subscribers, each once.
@Suite struct RulingTests {
    enum Kind: String, CaseIterable { case memory, sqlite }

    private let now = UnixTime(milliseconds: 80_000)

    private func with(
        _ kind: Kind, _ body: (any ReportStore, () throws -> any ReportStore) throws -> Void
    ) throws {
        guard kind == .sqlite else {
            let store = InMemoryReportStore()
            return try body(store) { store }
        }
        let directory = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(directory) }
        let path = directory + "/collector.sqlite"
        try body(try SQLiteReportStore(path: path)) { try SQLiteReportStore(path: path) }
    }

    private func job(_ store: any ReportStore, _ number: Int64) throws -> JobAggregate {
        var filter = JobFilter()
        filter.jobs = [JobID(rawValue: number)]
        return try #require(try store.jobs(filter).first)
    }

    private func statuses(_ entries: [FeedEntry]) -> [Status?] { entries.map(\.inference?.status) }

    @Test(arguments: Kind.allCases)
    func `a job that ends on the coordinator's word is told once, with its reason, and is no report`(_ kind: Kind)
        throws
    {
        try with(kind) { store, reopen in
            let reply = roster(
                4, triggerRecord(1, "web-1", .offline), triggerRecord(2, "web-1", .conflict),
                triggerRecord(3, "web-1", .pending), triggerRecord(4, "web-1", .missed))
            let told = try store.store(reply, at: now)
            #expect(statuses(told) == [.agentOffline, .couldNotStart], "whose agent may yet speak is not judged here")
            #expect(told.allSatisfy { $0.inference?.at == now })
            for entry in told {
                let inference = try #require(entry.inference)
                let kept = try job(reopen(), inference.trigger.job.rawValue)
                #expect(kept.details.reason == inference.reason && !inference.reason.isEmpty)
                #expect(kept.cause == inference.trigger.cause && kept.agent == inference.agent)
            }
            #expect(try job(store, 1).details.reason.hasPrefix("its agent was offline"))
            // The coordinator tells everything again, as after its own return.
            #expect(try reopen().store(reply, at: now).isEmpty)
            let withdrawn = try reopen().store(roster(5, triggerRecord(3, "web-1", .withdrawn)), at: now)
            #expect(statuses(withdrawn) == [.skipped])
            #expect(try reopen().feed(from: nil, limit: 10)?.entries == told + withdrawn)
            let first = try #require(told.first)
            #expect(try reopen().feed(from: first.cursor, limit: 10)?.entries == told.dropFirst() + withdrawn)
            #expect(try reopen().fleet(asOf: now).reportsStored == 0)
        }
    }

    @Test(arguments: Kind.allCases)
    func `what was missed and is given up then is told twice: as missed, and as over`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            let record = triggerRecord(1, "web-1", .missed)
            #expect(try store.store(roster(1, record), at: now).isEmpty)
            #expect(try job(store, 1).details.reason.contains("before its deadline"))
            let silence = Inference(
                trigger: ReportedTrigger(record.trigger), agent: record.trigger.agent, status: .missed, at: now,
                reason: "silence")
            let missed = try store.infer([silence], at: now)
            #expect(statuses(missed) == [.missed] && missed.count == 1)
            let later = now + .seconds(9)
            let over = try store.store(roster(2, triggerRecord(1, "web-1", .offline)), at: later)
            #expect(statuses(over) == [.agentOffline])
            let kept = try job(reopen(), 1)
            #expect(kept.status == .agentOffline && kept.inferences.map(\.correctedAt) == [later])
        }
    }

    @Test(arguments: Kind.allCases)
    func `what a coordinator planned before it went back in time is not missed`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            let planned = triggerRecord(1, "web-1", .planned)
            _ = try store.store(
                roster(2, planned, triggerRecord(2, "web-1", .planned), triggerRecord(3, "web-1", .pending)), at: now)
            #expect(try reopen().highestJob().rawValue == 3, "the coordinator is to go above what it planned")
            let late = planned.trigger.notAfter + .seconds(1)
            func expected() throws -> [Int64] {
                try reopen().expectations(dueBefore: late, limit: 10).filter { $0.trigger.agent.rawValue == "web-1" }
                    .map(\.trigger.job.rawValue).sorted()
            }
            #expect(try expected() == [1, 2, 3])
            // It gave the id to another agent's job.
            _ = try store.store(roster(3, triggerRecord(1, "web-2", .pending)), at: now)
            #expect(try expected() == [2, 3])
            var other = roster(1)
            other.epoch = 7
            _ = try store.store(other, at: now)
            other.epoch = 8
            _ = try store.store(other, at: now)
            #expect(try expected() == [3], "what was ordered is missed if nobody speaks of it")
        }
    }

    @Test(arguments: Kind.allCases)
    func `who folds the feed has what the collector has`(_ kind: Kind) throws {
        for seed in 0..<40 as Range<UInt64> {
            try with(kind) { store, reopen in
                var random = SplitMix(state: seed)
                var maker = ReportMaker("web-1")
                let states: [TriggerRecord.State] = [
                    .planned, .pending, .delivered, .offline, .missed, .withdrawn, .conflict, .reclaimed,
                ]
                for step in 1...12 as ClosedRange<Int64> {
                    let time = now + .seconds(step)
                    let record = triggerRecord(
                        Int64.random(in: 1...2, using: &random), "web-1", states.randomElement(using: &random)!)
                    switch Int.random(in: 0..<6, using: &random) {
                    case 0:
                        let silence = Inference(
                            trigger: ReportedTrigger(record.trigger), agent: record.trigger.agent, status: .missed,
                            at: time, reason: "silence")
                        _ = try store.infer([silence], at: time)
                    case 1 where step > 6:
                        _ = try store.store([maker.report(job: record.trigger.job.rawValue, policy: "nightly", .failed)]
                        )
                    default: _ = try store.store(roster(step, record), at: time)
                    }
                }
                var folded: [JobID: JobAggregate] = [:]
                for entry in try #require(try reopen().feed(from: nil, limit: 100)).entries {
                    if let report = entry.report {
                        folded[report.trigger.job]?.fold(report)
                        folded[report.trigger.job] = folded[report.trigger.job] ?? JobAggregate(report)
                    } else if let inference = entry.inference {
                        let id = inference.trigger.job
                        let fits = folded[id]?.infer(inference) ?? true
                        #expect(fits, "seed \(seed): \(inference)")
                        folded[id] = folded[id] ?? JobAggregate(inference)
                    }
                }
                for job in try reopen().jobs(JobFilter()) where job.status.isFinal || job.lastOrigin != nil {
                    #expect(folded[job.job] == job, "seed \(seed)")
                }
            }
        }
    }
}
