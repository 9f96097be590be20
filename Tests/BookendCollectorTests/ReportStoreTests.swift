import BookendCollector
import BookendModel
import BookendTestSupport
import Foundation
import GRDB
import Testing

/// What every store must do, whatever it keeps reports in.
@Suite struct ReportStoreTests {
    enum Kind: String, CaseIterable { case memory, sqlite }

    /// A new store, and a way to open the same one again.
    private func with(
        _ kind: Kind, _ body: (any ReportStore, () throws -> any ReportStore) throws -> Void
    ) throws {
        switch kind {
        case .memory:
            let store = InMemoryReportStore()
            try body(store) { store }
        case .sqlite:
            let directory = try TemporaryDirectory.make()
            defer { TemporaryDirectory.remove(directory) }
            let path = directory + "/collector.sqlite"
            try body(try SQLiteReportStore(path: path)) { try SQLiteReportStore(path: path) }
        }
    }

    private func job(_ store: any ReportStore, _ number: Int64) throws -> JobAggregate? {
        var filter = JobFilter()
        filter.jobs = [JobID(rawValue: number)]
        return try store.jobs(filter).first
    }

    @Test(arguments: Kind.allCases)
    func `reports come back in the order of their cursors, and nothing is missed or seen twice`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            var maker = ReportMaker("web-1")
            let first = maker.job(1)
            let second = maker.job(2)
            let published = try store.store(first) + store.store(second)
            #expect(published.map(\.report) == first + second)

            var cursor: FeedCursor?
            var seen: [FeedEntry] = []
            while true {
                let (entries, head) = try #require(try reopen().feed(from: cursor, limit: 3))
                if entries.isEmpty { break }
                seen += entries
                cursor = entries.last?.cursor
                #expect(head == published.last?.cursor)
            }
            #expect(seen == published)
        }
    }

    @Test(arguments: Kind.allCases)
    func `positions, jobs and the feed survive reopening`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            var maker = ReportMaker("web-1")
            let reports = maker.job(1)
            _ = try store.store(maker.accepted(reports), at: UnixTime(milliseconds: 1))
            let again = try reopen()
            #expect(
                try again.positions() == [
                    Intake.Source(agent: maker.agent, incarnation: 7): Intake.Position(
                        through: 7, digest: maker.digests[7])
                ])
            #expect(try job(again, 1)?.status == .successful)
            #expect(try job(again, 1)?.attempts.first?.backup.status == .successful)
            #expect(try again.feed(from: nil, limit: 100)?.entries.count == 7)
        }
    }

    @Test(arguments: Kind.allCases)
    func `a cursor of another store or of none is a gap`(_ kind: Kind) throws {
        try with(kind) { store, _ in
            var maker = ReportMaker("web-1")
            _ = try store.store(maker.job(1))
            for text in ["", "x", "-", "0-1", "zzzzzzz-3", "99999", "-5", String(repeating: "9", count: 200)] {
                #expect(try store.feed(from: FeedCursor(rawValue: text), limit: 1) == nil, "cursor '\(text)'")
            }
        }
    }

    @Test(arguments: Kind.allCases)
    func `a cursor that is older than what is kept is a gap, and a kept one is none`(_ kind: Kind) throws {
        try with(kind) { store, _ in
            var maker = ReportMaker("web-1")
            // Report n is made at 10,000 + n, and stored with the last of its job.
            let entries = try (1...10).flatMap { try store.store(maker.job($0)) }
            let isMore = try store.prune(
                reportsBefore: UnixTime(milliseconds: 10_021), jobsBefore: UnixTime(milliseconds: 0), limit: 1_000)
            #expect(!isMore)
            #expect(try store.feed(from: entries[5].cursor, limit: 1) == nil)
            #expect(try store.feed(from: entries[12].cursor, limit: 1) == nil)
            #expect(try store.feed(from: entries[13].cursor, limit: 1)?.entries.first == entries[14])
            #expect(try store.feed(from: nil, limit: 1_000)?.entries.count == 56)
            #expect(try job(store, 1)?.status == .successful, "jobs are kept longer than reports")
        }
    }

    @Test(arguments: Kind.allCases)
    func `an agent whose clock is wrong by years takes nobody's reports away`(_ kind: Kind) throws {
        try with(kind) { store, _ in
            var (right, wrong) = (ReportMaker("web-1"), ReportMaker("web-2"))
            let now = UnixTime(milliseconds: 1_000_000)
            _ = try store.store(right.job(1), at: now)
            _ = try store.store([wrong.report(job: 2, .running, at: 1)], at: now)
            _ = try store.prune(
                reportsBefore: UnixTime(milliseconds: 999_999), jobsBefore: UnixTime(milliseconds: 0), limit: 1_000)
            #expect(try store.feed(from: nil, limit: 100)?.entries.count == 8)
        }
    }

    @Test(arguments: Kind.allCases)
    func `a time in which the collector's clock was behind removes nothing before it`(_ kind: Kind) throws {
        try with(kind) { store, _ in
            var maker = ReportMaker("web-1")
            _ = try store.store(maker.job(1), at: UnixTime(milliseconds: 1_000_000))
            _ = try store.store(maker.job(2), at: UnixTime(milliseconds: 5))
            _ = try store.prune(
                reportsBefore: UnixTime(milliseconds: 999_999), jobsBefore: UnixTime(milliseconds: 0), limit: 1_000)
            #expect(try store.feed(from: nil, limit: 100)?.entries.count == 14)
        }
    }

    @Test(arguments: Kind.allCases)
    func `a rehearsal is listed among the jobs, and is in no count and no age of a backup`(_ kind: Kind) throws {
        try with(kind) { store, reopened in
            var maker = ReportMaker("web-1")
            func rehearsal(_ job: Int64, policy: String) -> [Report] {
                maker.job(job, policy: policy, backup: .successful).map { report in
                    var report = report
                    report.trigger.cause = .rehearsal
                    return report
                }
            }
            let ages = try #require(store as? any AlertStore)
            let never = UnixTime(milliseconds: 0)
            _ = try store.store(rehearsal(1, policy: "nightly") + rehearsal(2, policy: "never"))
            #expect(try store.fleet(asOf: never).jobs == [:] && store.fleet(asOf: never).agents.isEmpty)
            #expect(try ages.backupAges(jobsSince: never) == [])
            _ = try store.store(maker.job(3, backup: .failed) + rehearsal(4, policy: "nightly"))
            let fleet = try reopened().fleet(asOf: never)
            #expect(fleet.jobs == [.failed: 1] && fleet.policies.map(\.policy.rawValue) == ["nightly"])
            #expect(fleet.agents.map(\.lastJob?.rawValue) == [3] && fleet.agents[0].lastGoodBackupAt == nil)
            // Neither good nor first: the job of the schedule came after a rehearsal.
            let known = try ages.backupAges(jobsSince: never)
            #expect(known.map(\.goodAt) == [nil] && known.map(\.firstAt.milliseconds) == [1_003])
            #expect(try ages.backupAges(jobsSince: UnixTime(milliseconds: 1_004)) == [])
            #expect(try store.jobs(JobFilter()).map(\.job.rawValue) == [4, 3, 2, 1])
            #expect(try store.jobs(JobFilter()).map(\.cause) == [.rehearsal, .manual, .rehearsal, .rehearsal])
            while try store.prune(reportsBefore: never, jobsBefore: UnixTime(milliseconds: 1_003), limit: 1) {}
            #expect(try store.fleet(asOf: never).jobs == [.failed: 1])
        }
    }

    @Test(arguments: Kind.allCases)
    func `jobs that are removed leave the counts, also one that never ended, in small steps`(_ kind: Kind) throws {
        try with(kind) { store, _ in
            var (web, database) = (ReportMaker("web-1"), ReportMaker("db-1"))
            // Job n is scheduled for 1,000 + n.
            _ = try store.store((1...4).flatMap { web.job($0) } + web.job(9))
            _ = try store.store(database.job(5, policy: "dumps"))
            try store.store(roster(1, triggerRecord(6, "web-1", .missed)))
            let never = UnixTime(milliseconds: 0)
            var steps = 1
            while try store.prune(reportsBefore: never, jobsBefore: UnixTime(milliseconds: 1_007), limit: 2) {
                steps += 1
            }
            #expect(steps == 4)
            #expect(try store.jobs(JobFilter()).map(\.job.rawValue) == [9])
            let fleet = try store.fleet(asOf: never)
            #expect(fleet.jobs == [.successful: 1])
            #expect(fleet.agents.map(\.agent) == [web.agent], "who has no job left is not listed")
            #expect(fleet.policies.map(\.jobs) == [[.successful: 1]])
        }
    }

    @Test(arguments: Kind.allCases)
    func `the head never goes back, also when everything is removed`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            var maker = ReportMaker("web-1")
            let head = try #require(try store.store(maker.job(1)).last?.cursor)
            _ = try store.prune(
                reportsBefore: UnixTime(milliseconds: .max), jobsBefore: UnixTime(milliseconds: .max), limit: 1_000)
            #expect(try reopen().feed(from: head, limit: 1)?.head == head)
            let next = try #require(try reopen().store(maker.job(2)).first)
            #expect(try reopen().feed(from: head, limit: 1)?.entries == [next])
        }
    }

    @Test(arguments: Kind.allCases)
    func `what is ordered or planned is expected until its agent says a word of it`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            func due(_ time: Int64 = 90_001, limit: Int = 10) throws -> [Int64] {
                try reopen().expectations(dueBefore: UnixTime(milliseconds: time), limit: limit)
                    .map(\.trigger.job.rawValue)
            }
            try store.store(
                roster(
                    5, triggerRecord(1, "web-1", .planned), triggerRecord(2, "web-1", .pending),
                    triggerRecord(3, "web-1", .delivered), triggerRecord(4, "web-1", .offline)))
            #expect(try due() == [1, 2, 3] && due(90_000).isEmpty && due(limit: 2) == [1, 2])
            let first = try #require(try store.expectations(dueBefore: UnixTime(milliseconds: 90_001), limit: 1).first)
            #expect(first == triggerRecord(1, "web-1", .planned))
            #expect(try store.jobs(JobFilter()).map(\.job.rawValue) == [4, 3, 2], "a slot is no job yet")
            var maker = ReportMaker("web-1")
            _ = try store.store([maker.report(job: 3, policy: "nightly", attempt: 0, .queued)])
            try store.store(roster(6, triggerRecord(1, "web-1", .withdrawn), triggerRecord(3, "web-1", .delivered)))
            #expect(try due() == [2])
            try store.store(roster(7, triggerRecord(2, "web-1", .missed)))
            #expect(
                try store.expectations(dueBefore: UnixTime(milliseconds: 90_001), limit: 9).map(\.state) == [.missed])
        }
    }

    @Test(arguments: Kind.allCases)
    func `what is inferred stands in the feed and in the job's history, and a late report puts it right`(
        _ kind: Kind
    ) throws {
        try with(kind) { store, reopen in
            var maker = ReportMaker("web-1")
            let reports = maker.job(1)
            let first = try store.store(Array(reports.prefix(3)))
            try store.store(roster(5, triggerRecord(2, "web-1", .planned), triggerRecord(3, "web-1", .pending)))
            func inference(_ job: Int64, _ status: Status) -> Inference {
                Inference(
                    trigger: ReportedTrigger(triggerRecord(job, "web-1", .pending).trigger),
                    agent: AgentID(rawValue: "web-1"), status: status, at: UnixTime(milliseconds: 50_000),
                    reason: "silence")
            }
            let all = [
                inference(1, .agentLost), inference(2, .missed), inference(3, .missed), inference(3, .agentLost),
            ]
            let entries = try store.infer(all, at: UnixTime(milliseconds: 50_000))
            #expect(entries.compactMap(\.inference) == Array(all.prefix(3)), "one that does not fit is passed over")
            #expect(try store.infer(all, at: UnixTime(milliseconds: 50_001)).isEmpty, "each is told once")
            #expect(try store.expectations(dueBefore: UnixTime(milliseconds: 90_001), limit: 9).isEmpty)
            #expect(try reopen().jobs(JobFilter()).map(\.status) == [.missed, .missed, .agentLost])
            let inferred = try store.fleet(asOf: UnixTime(milliseconds: 3))
            #expect(inferred.reportsStored == 3 && StatusCounts(inferred.jobs).outcomes == 0)
            #expect(StatusCounts(inferred.jobs).inferred == 3 && StatusCounts(inferred.jobs).failures == 0)
            // The coordinator tells of one again.
            try store.store(roster(6, triggerRecord(3, "web-1", .delivered)))
            #expect(try job(store, 3)?.status == .missed)
            #expect(try store.expectations(dueBefore: UnixTime(milliseconds: 90_001), limit: 9).isEmpty)

            let rest = try store.store(Array(reports.dropFirst(3)))
            let late = try store.store([maker.report(job: 3, .skipped)])
            let history = try #require(try job(reopen(), 1))
            #expect(history.status == .successful && history.inferences.map(\.status) == [.agentLost])
            #expect(history.inferences[0].before == .running && history.inferences[0].correctedAt == reports[3].at)
            #expect(try job(store, 3)?.status == .skipped && job(store, 3)?.inferences[0].correctedAt != nil)
            let feed = try #require(try reopen().feed(from: nil, limit: 100))
            #expect(feed.entries == first + entries + rest + late && feed.head == late.last?.cursor)
            let behind = try #require(try reopen().feed(from: entries[1].cursor, limit: 100))
            #expect(behind.entries == [entries[2]] + rest + late)
        }
    }

    private func peer(_ number: Int, _ state: Peer.State = .admitted, generation: Int64, after: Int? = nil) -> Peer {
        func key(_ number: Int) -> PublicKey {
            PublicKey(checking: String(repeating: "0", count: 38) + "\(10 + number)")!
        }
        return Peer(
            identity: PeerIdentity(role: .agent, name: "web-\(after ?? number)"), key: key(number), state: state,
            origin: after.map { .rotation(of: key($0)) } ?? .token(TokenID(rawValue: 1)), generation: generation)
    }

    private func page(_ epoch: UInt64, _ peers: [Peer], through: Int64) -> RosterReply {
        RosterReply(
            through: 1, triggers: [], isComplete: true, agents: [], epoch: epoch, peers: peers, peersThrough: through)
    }

    @Test(arguments: Kind.allCases)
    func `peers of an earlier epoch stay until the coordinator has told of the last one`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            func names() throws -> [String] { try reopen().peers().peers.map { "\($0.identity.name) \($0.state)" } }
            let first = (1...4).map { peer($0, generation: Int64($0)) }
            try store.store(page(7, first + [peer(5, .revoked, generation: 5)], through: 5))
            try store.store(page(7, [], through: 5))
            #expect(try store.peers().through == 5)

            // It went back in time: it knows of the second and the third, and has revoked the third.
            try store.store(page(8, [peer(2, generation: 2)], through: 2))
            let all = ["web-1 admitted", "web-2 admitted", "web-3 admitted", "web-4 admitted", "web-5 revoked"]
            #expect(try names() == all && store.peers().through == 2)
            try reopen().store(page(8, [peer(3, .revoked, generation: 3)], through: 3))
            #expect(try names() == all.map { $0 == "web-3 admitted" ? "web-3 revoked" : $0 })
            try reopen().store(page(8, [], through: 3))
            #expect(try names() == ["web-2 admitted", "web-3 revoked", "web-5 revoked"] && store.peers().through == 3)
            // From then on a page without a peer is nothing else.
            try store.store(page(8, [peer(6, generation: 6)], through: 6))
            try store.store(page(8, [], through: 6))
            #expect(try names().count == 4)

            // One that tells of nobody.
            try store.store(page(9, [], through: 0))
            #expect(try names() == ["web-3 revoked", "web-5 revoked"] && store.peers().through == 0)
        }
    }

    @Test(arguments: Kind.allCases)
    func `a next key that gave way to another one before it was used is forgotten`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            try store.store(page(7, [peer(1, generation: 1), peer(2, generation: 2, after: 1)], through: 2))
            #expect(try reopen().peers().peers.count == 2)
            try store.store(page(7, [peer(3, generation: 3, after: 1)], through: 3))
            #expect(try reopen().peers().peers.map(\.generation) == [1, 3])
            // Also when it was missed how, and the other one is used and retired meanwhile.
            try store.store(page(7, [peer(4, generation: 4, after: 1)], through: 4))
            try store.store(
                page(7, [peer(1, .revoked, generation: 5), peer(4, .revoked, generation: 6, after: 1)], through: 6))
            #expect(try reopen().peers().peers.map(\.generation) == [5, 6])
            // What an earlier epoch told of is no reason to forget what this one tells of.
            try store.store(page(7, [peer(5, generation: 8, after: 6), peer(6, generation: 7)], through: 8))
            try store.store(page(8, [peer(6, generation: 1), peer(7, generation: 2, after: 6)], through: 2))
            try store.store(page(8, [], through: 2))
            #expect(try reopen().peers().peers.map(\.generation) == [5, 6, 1, 2])
        }
    }

    @Test(arguments: Kind.allCases)
    func `what a roster says stands until the agent speaks of the job`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            try store.store(roster(5, triggerRecord(1, "web-1", .pending), triggerRecord(2, "web-1", .offline)))
            #expect(try job(store, 1)?.status == .queued)
            #expect(try job(store, 2)?.status == .agentOffline)
            try store.store(roster(6, triggerRecord(1, "web-1", .missed)))
            #expect(try job(store, 1)?.status == .missed)
            #expect(try reopen().rosterPosition().through == 6)

            var maker = ReportMaker("web-1")
            _ = try store.store(maker.job(1))
            #expect(try job(store, 1)?.status == .successful, "the agent's own report corrects what was inferred")
            try store.store(roster(7, triggerRecord(1, "web-1", .missed)))
            #expect(try job(store, 1)?.status == .successful, "and nothing that is inferred later overrules it")
        }
    }

    @Test(arguments: Kind.allCases)
    func `a job is its agent's policy's wherever it is counted and found, whatever the roster said`(_ kind: Kind) throws
    {
        try with(kind) { store, _ in
            try store.store(roster(1, triggerRecord(1, "web-1", .pending), triggerRecord(2, "web-1", .pending)))
            var maker = ReportMaker("web-1")
            // The coordinator went back in time, and gave the ids again.
            _ = try store.store([maker.report(job: 1, policy: "dumps", .queued)])
            _ = try store.store(maker.job(2, policy: "dumps"))
            for (policy, jobs) in [("nightly", []), ("dumps", [2, 1])] as [(String, [Int64])] {
                var filter = JobFilter()
                filter.policy = PolicyName(rawValue: policy)
                #expect(try store.jobs(filter).map(\.job.rawValue) == jobs)
            }
            let policies = try store.fleet(asOf: UnixTime(milliseconds: 5)).policies.filter { !$0.jobs.isEmpty }
            #expect(policies.map(\.policy.rawValue) == ["dumps"])
            #expect(policies.map(\.jobs) == [[.queued: 1, .successful: 1]])
        }
    }

    @Test(arguments: Kind.allCases)
    func `an inferred status is not final, and counts under its own number`(_ kind: Kind) throws {
        try with(kind) { store, _ in
            try store.store(roster(1, triggerRecord(1, "web-1", .missed)))
            var active = JobFilter()
            active.activeOnly = true
            #expect(try store.jobs(active).map(\.job.rawValue) == [1])
            #expect(try store.fleet(asOf: UnixTime(milliseconds: 5)).jobs == [.missed: 1])
        }
    }

    @Test(arguments: Kind.allCases)
    func `a report of another agent about the same job stays apart`(_ kind: Kind) throws {
        try with(kind) { store, _ in
            var (right, wrong) = (ReportMaker("web-1"), ReportMaker("web-2"))
            _ = try store.store(right.job(1))
            _ = try store.store(wrong.job(1, backup: .failed))
            var filter = JobFilter()
            filter.jobs = [JobID(rawValue: 1)]
            #expect(try store.jobs(filter).map(\.status) == [.successful, .failed])
        }
    }

    @Test(arguments: Kind.allCases)
    func `filters and pages pick what they say`(_ kind: Kind) throws {
        try with(kind) { store, _ in
            var (web, database) = (ReportMaker("web-1"), ReportMaker("db-1"))
            _ = try store.store((1...5).flatMap { web.job($0) })
            _ = try store.store((6...9).flatMap { database.job($0, policy: "dumps", backup: .timedOut) })
            _ = try store.store([database.report(job: 10, policy: "dumps", .running)])
            func numbers(_ change: (inout JobFilter) -> Void) throws -> [Int64] {
                var filter = JobFilter()
                change(&filter)
                return try store.jobs(filter).map(\.job.rawValue)
            }
            #expect(try numbers { _ in } == Array((1...10).reversed()))
            #expect(try numbers { $0.limit = 2 } == [10, 9])
            #expect(try numbers { $0.before = JobID(rawValue: 3) } == [2, 1])
            #expect(try numbers { $0.agent = web.agent } == [5, 4, 3, 2, 1])
            #expect(try numbers { $0.policy = PolicyName(rawValue: "dumps") } == [10, 9, 8, 7, 6])
            #expect(try numbers { $0.status = .timedOut } == [9, 8, 7, 6])
            #expect(try numbers { $0.activeOnly = true } == [10])
            #expect(try numbers { $0.since = UnixTime(milliseconds: 1_008) } == [10, 9, 8])
            #expect(
                try numbers {
                    $0.jobs = [JobID(rawValue: 4), JobID(rawValue: 99)]
                    $0.agent = web.agent
                } == [4])
        }
    }

    /// Random histories of several agents, in random groups: the SQLite store and the plain one say the same.
    @Test func `both stores agree on every answer, whatever the history`() throws {
        for seed in 1...12 {
            var random = SplitMix(state: UInt64(seed))
            try with(.sqlite) { sqlite, reopen in
                let plain = InMemoryReportStore()
                var makers = ["web-1", "web-2", "db-1"].map { ReportMaker($0) }
                let statuses: [Status] = Status.table.map(\.status) + [Status(rawValue: 99)]
                for round in 0..<30 {
                    var group: [Report] = []
                    for _ in 0..<Int.random(in: 1...8, using: &random) {
                        let maker = Int.random(in: 0..<makers.count, using: &random)
                        group.append(
                            makers[maker].report(
                                job: Int64.random(in: 1...12, using: &random),
                                policy: ["a", "b"].randomElement(using: &random)!,
                                attempt: Int.random(in: 1...3, using: &random),
                                stage: ([nil] + Stage.allCases).randomElement(using: &random)!,
                                statuses.randomElement(using: &random)!))
                    }
                    // A job's policy never changes: it is the job's own from its first report on.
                    group = group.map { report in
                        var report = report
                        report.trigger.policy = PolicyName(rawValue: report.trigger.job.rawValue % 2 == 0 ? "a" : "b")
                        return report
                    }
                    #expect(try sqlite.store(group).map(\.report) == plain.store(group).map(\.report))
                    if round % 7 == 0 {
                        let states: [TriggerRecord.State] = [.pending, .delivered, .offline, .missed]
                        let reply = roster(
                            Int64(round),
                            triggerRecord(
                                Int64.random(in: 1...20, using: &random), "web-1", states.randomElement(using: &random)!
                            ))
                        try sqlite.store(reply)
                        try plain.store(reply)
                    }
                }
                let again = try reopen()
                let now = UnixTime(milliseconds: 77)
                #expect(try again.jobs(JobFilter()) == plain.jobs(JobFilter()), "seed \(seed)")
                #expect(try again.fleet(asOf: now) == plain.fleet(asOf: now), "seed \(seed)")
                #expect(try again.positions() == plain.positions(), "seed \(seed)")
            }
        }
    }

    @Test(arguments: Kind.allCases)
    func `a report that comes again in another stream moves its position, and that is all`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            var maker = ReportMaker("web-1")
            let first = maker.job(1)
            let entries = try store.store(maker.accepted(first), at: UnixTime(milliseconds: 1))
            #expect(entries.count == 7)
            let more = maker.job(2)
            let again = maker.renumbered(first.suffix(3) + more, incarnation: 8, base: 4)
            let new = try reopen().store(again, at: UnixTime(milliseconds: 2))
            #expect(new.map(\.report?.trigger.job.rawValue) == Array(repeating: 2, count: 7))
            #expect(
                try reopen().positions()[Intake.Source(agent: maker.agent, incarnation: 8)]
                    == Intake.Position(through: 10, digest: maker.digests[14]))
            #expect(try reopen().feed(from: nil, limit: 100)?.entries == entries + new)
            #expect(try reopen().fleet(asOf: UnixTime(milliseconds: 3)).jobs == [.successful: 2])
            #expect(try reopen().fleet(asOf: UnixTime(milliseconds: 3)).reportsStored == 14)
        }
    }

    @Test(arguments: Kind.allCases)
    func `a start that is withdrawn after it was shown is skipped, unless its agent says otherwise`(_ kind: Kind) throws
    {
        try with(kind) { store, reopen in
            let now = UnixTime(milliseconds: 77)
            try store.store(
                roster(
                    3, triggerRecord(1, "web-1", .pending), triggerRecord(2, "web-1", .pending),
                    triggerRecord(3, "web-1", .planned)))
            #expect(try store.fleet(asOf: now).jobs == [.queued: 2])
            try store.store(
                roster(
                    6, triggerRecord(1, "web-1", .withdrawn), triggerRecord(2, "web-1", .withdrawn),
                    triggerRecord(3, "web-1", .withdrawn)))
            let skipped = try #require(try job(reopen(), 1))
            #expect(skipped.status == .skipped && skipped.details.reason.hasPrefix("withdrawn before it began"))
            #expect(skipped.standing == .ended)
            #expect(try job(store, 3) == nil, "nobody was told of it")
            #expect(try reopen().fleet(asOf: now).jobs == [.skipped: 2])
            var active = JobFilter()
            active.activeOnly = true
            #expect(try store.jobs(active).isEmpty)
            #expect(try store.expectations(dueBefore: UnixTime(milliseconds: .max), limit: 9).isEmpty)
            // Cut off, its agent had begun one alone.
            var maker = ReportMaker("web-1")
            _ = try store.store([maker.report(job: 2, stage: .preScript, .running)])
            #expect(try job(store, 2)?.status == .running && job(store, 2)?.details.reason == "")
            _ = try store.store([maker.report(job: 2, .successful)])
            try store.store(roster(7, triggerRecord(2, "web-1", .withdrawn)))
            #expect(try job(reopen(), 2)?.status == .successful)
            #expect(try reopen().fleet(asOf: now).jobs == [.skipped: 1, .successful: 1])
        }
    }

    @Test(arguments: Kind.allCases)
    func `another agent's report is another one, whatever its digest`(_ kind: Kind) throws {
        try with(kind) { store, _ in
            var (web, database) = (ReportMaker("web-1"), ReportMaker("db-1"))
            let (first, second) = (web.job(1), database.job(1))
            #expect(web.digests == database.digests)
            let accepted = web.accepted(first) + database.accepted(second)
            let entries = try store.store(accepted, at: UnixTime(milliseconds: 1))
            #expect(entries.count == 14)
        }
    }

    @Test(arguments: Kind.allCases)
    func `after the epoch was renewed every earlier cursor is a gap`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            var maker = ReportMaker("web-1")
            let entries = try store.store(maker.job(1))
            let epoch = try store.epoch()
            #expect(try store.renewEpoch() != epoch)
            #expect(try reopen().epoch() == store.epoch() && store.epoch() != epoch)
            for entry in entries { #expect(try reopen().feed(from: entry.cursor, limit: 1) == nil) }
            let feed = try #require(try reopen().feed(from: nil, limit: 100))
            #expect(feed.entries.map(\.report) == entries.map(\.report) && feed.head == feed.entries.last?.cursor)
            #expect(try reopen().store(maker.job(2)).count == 7)
        }
    }

    @Test(arguments: Kind.allCases)
    func `each run numbers its cursors above any that were lost, and every kept one stays`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            #expect(try store.feed(from: store.feed(from: nil, limit: 1)?.head, limit: 1)?.entries == [])
            var maker = ReportMaker("web-1")
            let before = try store.store(maker.job(1))
            for _ in 1...2 { try reopen().passOverCursors() }
            let head = try #require(try reopen().feed(from: nil, limit: 1)?.head)
            #expect(head == before.last?.cursor, "where nothing stands is no place")
            let after = try reopen().store(maker.job(2))
            let all = before + after
            for (number, entry) in all.enumerated() {
                let rest = try #require(try reopen().feed(from: entry.cursor, limit: 100))
                #expect(rest.entries == Array(all.dropFirst(number + 1)) && rest.head == all.last?.cursor)
            }
            // As a subscriber took them that were lost: behind the last one, and by the run that was passed over.
            let parts = head.rawValue.split(separator: "-")
            for lost in try [1, 5, 1 << 19].map({ try #require(Int64(parts[1])) + $0 }) {
                #expect(try reopen().feed(from: FeedCursor(rawValue: "\(parts[0])-\(lost)"), limit: 1) == nil)
            }
            #expect(try reopen().fleet(asOf: UnixTime(milliseconds: 0)).reportsStored == 14)
            _ = try reopen().prune(
                reportsBefore: UnixTime(milliseconds: 1_000_000), jobsBefore: UnixTime(milliseconds: 0), limit: 1_000)
            #expect(try reopen().feed(from: head, limit: 1) == nil)
            #expect(try reopen().feed(from: after.last?.cursor, limit: 1)?.head == after.last?.cursor)
        }
    }

    @Test(arguments: Kind.allCases)
    func `streams unheard of for long are forgotten, but not an agent's last one`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            func at(_ time: Int64) -> UnixTime { UnixTime(milliseconds: time) }
            let maker = ReportMaker("web-1")
            func source(_ incarnation: UInt64) -> Intake.Source {
                Intake.Source(agent: maker.agent, incarnation: incarnation)
            }
            for incarnation in 1...4 as ClosedRange<UInt64> {
                var maker = maker
                maker.incarnation = incarnation
                let reports = maker.job(Int64(incarnation))
                _ = try store.store(maker.accepted(reports), at: at(Int64(incarnation) * 10))
            }
            var other = ReportMaker("db-1")
            let reports = other.job(9)
            _ = try store.store(other.accepted(reports), at: at(5))
            // The first one still speaks, without a report.
            #expect(try reopen().pruneStreams(heard: [source(1)], now: at(100), unheardSince: at(25)) == [source(2)])
            #expect(try reopen().positions().count == 4)
            let late = try reopen().pruneStreams(heard: [], now: at(300), unheardSince: at(200))
            #expect(Set(late) == [source(3), source(4)])
            #expect(Set(try reopen().positions().keys.map(\.agent.rawValue)) == ["web-1", "db-1"])
        }
    }

    @Test(arguments: ["collector-1"])
    func `a database of an earlier version is brought up to date and loses nothing`(_ name: String) throws {
        let fixture = try #require(
            Bundle.module.url(forResource: name, withExtension: "sqlite", subdirectory: "Databases"))
        let directory = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(directory) }
        let path = directory + "/collector.sqlite"
        try FileManager.default.copyItem(atPath: fixture.path, toPath: path)
        let web = Intake.Source(agent: AgentID(rawValue: "web-1"), incarnation: 7)
        for _ in 1...2 {
            let store = try SQLiteReportStore(path: path)
            #expect(
                try store.positions() == [
                    web: Intake.Position(through: 15),
                    Intake.Source(agent: AgentID(rawValue: "db-1"), incarnation: 7): Intake.Position(through: 7),
                ])
            #expect(try store.rosterPosition().through == 5 && store.feed(from: nil, limit: 100)?.entries.count == 22)
            #expect(try store.jobs(JobFilter()).map(\.job.rawValue) == [9, 4, 3, 2, 1])
            // What was stored before alerts were judged is not told any more.
            #expect(try store.unjudged(limit: 100).entries.isEmpty && store.alertState().judgedThrough == 22)
            #expect(
                try store.fleet(asOf: UnixTime(milliseconds: 1)).jobs
                    == [.successful: 2, .failed: 1, .running: 1, .queued: 1])
            #expect(
                try store.pruneStreams(
                    heard: [], now: UnixTime(milliseconds: 2), unheardSince: UnixTime(milliseconds: 1)) == [])
        }
        // The agent goes on where it was, and says from which digest.
        var maker = ReportMaker("web-1")
        maker.sequence = 15
        let report = maker.report(job: 4, .successful)
        var intake = Intake(stored: try SQLiteReportStore(path: path).positions())
        let verdict = intake.take(
            IntakeBatch(incarnation: 7, after: ReportDigest(rawValue: 5), reports: [report]), from: maker.agent)
        #expect(try SQLiteReportStore(path: path).store(verdict.new, at: UnixTime(milliseconds: 9)).count == 1)
        #expect(try SQLiteReportStore(path: path).positions()[web]?.digest == verdict.new.first?.digest)
    }

    @Test func `a file that is no database is named in the error`() throws {
        try TemporaryDirectory.with { directory in
            let path = directory + "/collector.sqlite"
            try Data(repeating: 0x41, count: 8_192).write(to: URL(filePath: path))
            let error = #expect(throws: CollectorError.self) { try SQLiteReportStore(path: path) }
            #expect(error?.message.contains(path) == true)
        }
    }

    @Test func `a value of the wrong kind in the database is an error, not a crash`() throws {
        let directory = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(directory) }
        let path = directory + "/collector.sqlite"
        let store = try SQLiteReportStore(path: path)
        try DatabaseQueue(path: path).write { database in
            try database.execute(sql: "INSERT INTO positions (agent, incarnation, through) VALUES ('web-1', 'x', 'y')")
            try database.execute(sql: "INSERT INTO tallies VALUES ('web-1', 'nightly', 1, 'many')")
        }
        #expect(throws: CollectorError.self) { try store.positions() }
        #expect(throws: CollectorError.self) { try store.fleet(asOf: UnixTime(milliseconds: 0)) }
    }

    @Test func `a database of a newer version is refused, and the error says what to run`() throws {
        let directory = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(directory) }
        let path = directory + "/collector.sqlite"
        _ = try SQLiteReportStore(path: path)
        try DatabaseQueue(path: path).write { database in
            try database.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('of-tomorrow')")
        }
        let error = #expect(throws: CollectorError.self) { try SQLiteReportStore(path: path) }
        #expect(error?.message.contains("newer bookend-collector") == true)
    }
}
