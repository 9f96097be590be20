import BookendAgent
import BookendModel
import BookendTestSupport
import Foundation
import GRDB
import Glibc
import Testing

/// What every journal keeps, whatever it is made of.
enum JournalKind: String, CaseIterable, Sendable {
    case memory, sqlite

    /// Runs the body with a way to open the same journal again, as an agent that starts again does.
    func with(_ body: (_ reopen: () throws -> any Journal) throws -> Void) throws {
        switch self {
        case .memory:
            let journal = MemoryJournal(agent: agentID)
            try body { journal }
        case .sqlite:
            try TemporaryDirectory.with { directory in
                try body { try SQLiteJournal(path: directory + "/journal.sqlite", agent: agentID) }
            }
        }
    }
}

func report(_ status: Status, at seconds: Int64 = 10) -> JournalEntry {
    .report(attempt: 1, stage: .backup, status: status, at: .at(seconds), details: ReportDetails())
}

@Suite struct JournalContractTests {
    private let one = ReportedTrigger(.sample(1))

    @Test(arguments: JournalKind.allCases)
    func `a trigger is accepted once, with the policy of that time`(kind: JournalKind) throws {
        try kind.with { reopen in
            let journal = try reopen()
            let job = try #require(try journal.accept(.sample(1), under: .sample(), at: .at(5)))
            #expect(
                job.trigger == .sample(1) && job.policy == .sample() && job.acceptedAt == .at(5) && !job.isCanceled
                    && job.isFirstBackup && job.attempts == 0 && !job.owesPostScript)
            #expect(try journal.accept(.sample(1), under: nil, at: .at(6)) == nil)
            #expect(try journal.accept(.sample(9, windowEnd: .at(77)), under: nil, at: .at(7)) != nil)
            let contents = try reopen().load()
            #expect(contents.unfinishedJobs.map(\.trigger) == [.sample(1), .sample(9, windowEnd: .at(77))])
            #expect(contents.unfinishedJobs.map(\.policy) == [.sample(), nil] && contents.highestJob == 9)
            _ = try journal.record([.finished], of: one)
            #expect(try journal.accept(.sample(1), under: nil, at: .at(8)) == nil)
            #expect(try reopen().load().unfinishedJobs.map(\.trigger.job) == [9])
        }
    }

    @Test(arguments: JournalKind.allCases)
    func `a rehearsal is still one, with its fault, after it is opened again`(kind: JournalKind) throws {
        try kind.with { reopen in
            var trigger = Trigger.sample(1)
            (trigger.cause, trigger.fault) = (.rehearsal, StagedFault(.cancel, after: .milliseconds(1_500)))
            let accepted = try reopen().accept(trigger, under: .sample(), at: .at(5))
            let contents = try reopen().load()
            #expect(accepted?.trigger == trigger && contents.unfinishedJobs.map(\.trigger) == [trigger])
        }
    }

    @Test(arguments: JournalKind.allCases)
    func `reports are numbered without gaps, also after it is opened again`(kind: JournalKind) throws {
        try kind.with { reopen in
            var journal = try reopen()
            let incarnation = try journal.load().incarnation
            #expect(try journal.load().highestReport == 0)
            for round in 1...20 as ClosedRange<UInt64> {
                let trigger = ReportedTrigger(.sample(JobID(rawValue: Int64(round % 3 + 1))))
                #expect(try journal.record([report(.running), report(.successful)], of: trigger) == round * 2)
                #expect(try journal.record([.finished], of: trigger) == round * 2)
                journal = try reopen()
            }
            let all = try journal.reports(1...1_000)
            #expect(all.map(\.origin.sequence) == Array(1...40))
            #expect(all.allSatisfy { $0.origin.incarnation == incarnation && $0.origin.agent == agentID })
            #expect(try journal.reports(39...39).map(\.status) == [.running])
            #expect(try journal.reports(of: 2).map(\.origin.sequence).first == 1)
            #expect(try journal.load().highestReport == 40 && journal.load().incarnation == incarnation)
        }
    }

    @Test(arguments: JournalKind.allCases)
    func `a cancel that comes before its trigger is remembered`(kind: JournalKind) throws {
        try kind.with { reopen in
            try reopen().recordCancel(of: 1, at: .at(1))
            try reopen().recordCancel(of: 1, at: .at(2))
            #expect(try reopen().accept(.sample(1), under: .sample(), at: .at(3))?.isCanceled == true)
            #expect(try reopen().accept(.sample(2), under: .sample(), at: .at(3))?.isCanceled == false)
            try reopen().recordCancel(of: 2, at: .at(4))
            #expect(try reopen().load().unfinishedJobs.map(\.isCanceled) == [true, true])
        }
    }

    @Test(arguments: JournalKind.allCases)
    func `a debt is there from the start of the attempt until it is settled`(kind: JournalKind) throws {
        try kind.with { reopen in
            _ = try reopen().accept(.sample(1), under: .sample(), at: .at(1))
            func state() throws -> [Int] {
                try reopen().load().unfinishedJobs.map { $0.attempts * 10 + ($0.owesPostScript ? 1 : 0) }
            }
            _ = try reopen().record([.attemptStarted(1, owesPostScript: true)], of: one)
            #expect(try state() == [11])
            let backup = StageEnd(.successful)
            let starting = JournalEntry.postScriptStarting(attempt: 1, pre: StageEnd(.failed), backup: backup)
            _ = try reopen().record([starting], of: one)
            #expect(try reopen().load().unfinishedJobs.map(\.postRuns) == [1] && reopen().openDebts().isEmpty)
            _ = try reopen().record([.debtSettled(attempt: 1, .unpaid(reason: "gone"))], of: one)
            #expect(try state() == [11])
            let debt = try #require(try reopen().openDebts().first)
            #expect(debt.attempt == 1 && debt.runs == 0 && debt.reason == "gone" && debt.job.trigger == .sample(1))
            #expect(debt.pre.status == .failed && debt.backup.status == .successful)
            _ = try reopen().record([.debtSettled(attempt: 1, .paid)], of: one)
            #expect(try state() == [10] && reopen().openDebts().isEmpty)
            _ = try reopen().record([.attemptStarted(2, owesPostScript: true)], of: one)
            _ = try reopen().record(
                [.debtSettled(attempt: 2, .neverOwed), .goodBackup(policyName, at: .at(9))], of: one)
            #expect(try state() == [20] && reopen().load().unfinishedJobs[0].isFirstBackup == false)
            _ = try reopen().record([.goodBackup(policyName, at: .at(12))], of: one)
            #expect(try reopen().goodBackups() == [policyName: .at(12)])
        }
    }

    @Test(arguments: JournalKind.allCases)
    func `policies are replaced and changed with their generation`(kind: JournalKind) throws {
        try kind.with { reopen in
            let (p, q) = (PolicyRevision.sample(), PolicyRevision.sample(PolicyName(rawValue: "q")))
            try reopen().replacePolicies([p], generation: 3, slots: [], epoch: 1)
            try reopen().changePolicy(PolicyChange(generation: 4, name: q.policy.name, revision: q))
            #expect(try reopen().load().policies == [p, q] && reopen().load().generation == 4)
            try reopen().changePolicy(PolicyChange(generation: 5, name: policyName, revision: nil))
            #expect(try reopen().load().policies == [q] && reopen().load().generation == 5)
            try reopen().replacePolicies([], generation: 6, slots: [], epoch: 1)
            #expect(try reopen().load().policies == [] && reopen().load().generation == 6)
        }
    }

    @Test(arguments: JournalKind.allCases)
    func `what a collector has not acknowledged is kept, and the newest number too`(kind: JournalKind) throws {
        try kind.with { reopen in
            let journal = try reopen()
            _ = try journal.accept(.sample(1), under: nil, at: .at(1))
            _ = try journal.accept(.sample(2), under: nil, at: .at(1))
            for second in 1...10 { _ = try journal.record([report(.running, at: Int64(second))], of: one) }
            _ = try journal.record([.finished], of: one)
            try journal.recordCancel(of: 2, at: .at(1))
            let incarnation = try journal.load().incarnation
            try journal.record(ReportStream(incarnation: incarnation, acknowledged: 4), for: "x")
            #expect(try journal.prune(before: .at(100), collectors: ["x", "never heard"]) == 0)
            #expect(try journal.reports(1...100).count == 10)
            #expect(try journal.prune(before: .at(3), collectors: ["x"]) == 2)
            #expect(try journal.reports(1...100).map(\.origin.sequence) == Array(3...10))
            #expect(try journal.prune(before: .at(100), collectors: ["x"]) == 4)
            #expect(try journal.reports(1...100).map(\.origin.sequence) == Array(5...10))
            #expect(try journal.load().unfinishedJobs.map(\.isCanceled) == [true], "its cancel is part of a job")
            let stream = ReportStream(incarnation: 8, base: 2, acknowledged: 10, epoch: 4)
            try journal.record(stream, for: "x")
            #expect(try journal.prune(before: .at(100), collectors: ["x"]) == 9)
            #expect(try reopen().reports(1...100).map(\.origin.sequence) == [10])
            #expect(try reopen().load().highestReport == 10 && reopen().load().streams == ["x": stream])
            #expect(try reopen().record([report(.failed)], of: one) == 11)
            // A finished job that is forgotten is new again: its trigger's deadline keeps it from running.
            #expect(try reopen().accept(.sample(1), under: nil, at: .at(200)) != nil)
            #expect(try reopen().accept(.sample(2), under: nil, at: .at(200)) == nil)
        }
    }

    @Test(arguments: JournalKind.allCases)
    func `a job that owes its post-script is kept for as long as it does`(kind: JournalKind) throws {
        try kind.with { reopen in
            let journal = try reopen()
            _ = try journal.accept(.sample(1), under: .sample(), at: .at(1))
            _ = try journal.record(
                [
                    .attemptStarted(1, owesPostScript: true), .debtSettled(attempt: 1, .unpaid(reason: "gone")),
                    .finished,
                ],
                of: one)
            _ = try journal.prune(before: .at(1_000), collectors: [])
            #expect(try reopen().openDebts().map(\.job.policy) == [.sample()])
            #expect(try reopen().load().unfinishedJobs.isEmpty)
            _ = try reopen().record([.debtSettled(attempt: 1, .forgiven)], of: one)
            _ = try journal.prune(before: .at(1_000), collectors: [])
            #expect(try reopen().openDebts().isEmpty)
            #expect(try reopen().accept(.sample(1), under: nil, at: .at(9)) != nil, "it was pruned")
        }
    }

    @Test(arguments: JournalKind.allCases)
    func `a digest names each report, the newest of those that were removed, and none beyond`(kind: JournalKind) throws
    {
        try kind.with { reopen in
            let journal = try reopen()
            let incarnation = try journal.load().incarnation
            let start = ReportDigest(rawValue: incarnation)
            #expect(try journal.digest(of: 0) == start && journal.digest(of: 1) == nil)
            for second in 1...6 { _ = try journal.record([report(.running, at: Int64(second))], of: one) }
            var digests = [start]
            for report in try journal.reports(1...6) { digests.append(digests.last!.followed(by: report)) }
            #expect(try (0...6).map { try reopen().digest(of: $0) } == digests)
            try journal.record(ReportStream(incarnation: incarnation, acknowledged: 6), for: "x")
            #expect(try journal.prune(before: .at(4), collectors: ["x"]) == 3)
            let kept = digests[3...].map(Optional.some)
            #expect(try (0...7).map { try reopen().digest(of: $0) } == [nil, nil, nil] + kept + [nil])
            #expect(try reopen().load().prunedReport == 3)
            #expect(try journal.prune(before: .at(100), collectors: ["x"]) == 5)
            _ = try reopen().record([report(.failed, at: 9)], of: one)
            let last = try #require(try journal.reports(7...7).first)
            #expect(try reopen().digest(of: 7) == digests[6].followed(by: last))
        }
    }

    @Test(arguments: JournalKind.allCases)
    func `reports of a clock that was set back are not removed from the middle`(kind: JournalKind) throws {
        try kind.with { reopen in
            let journal = try reopen()
            for second in [1, 9, 2, 3, 9, 9] as [Int64] {
                _ = try journal.record([report(.running, at: second)], of: one)
            }
            try journal.record(ReportStream(incarnation: 1, acknowledged: 6), for: "x")
            #expect(try journal.prune(before: .at(5), collectors: ["x"]) == 1)
            #expect(try reopen().reports(1...9).map(\.origin.sequence) == Array(2...6))
        }
    }

    @Test func `a write that fails in memory keeps nothing of itself`() throws {
        let journal = MemoryJournal(agent: agentID)
        journal.failWrites("no space")
        #expect(throws: AgentError.self) { try journal.accept(.sample(1), under: nil, at: .at(1)) }
        #expect(throws: AgentError.self) { try journal.record([report(.failed)], of: one) }
        journal.failWrites(nil)
        #expect(try journal.load().unfinishedJobs.isEmpty && journal.load().highestReport == 0)
    }
}

/// What only a file can do wrong.
@Suite struct SQLiteJournalTests {
    /// A file system of its own, so small that it is soon full. Only root can have it.
    private func withSmallDisk(_ body: (String) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "disk-\(UUID().uuidString)"
        mkdir(path, 0o700)
        defer { rmdir(path) }
        try #require(mount("tmpfs", path, "tmpfs", 0, "size=640k") == 0)
        defer { umount2(path, 2) }
        try body(path)
    }

    @Test(.enabled(if: geteuid() == 0))
    func `a full disk is an error, loses nothing, and goes on where it stopped once there is space`() throws {
        try withSmallDisk { path in
            let journal = try SQLiteJournal(path: path + "/journal.sqlite", agent: agentID)
            _ = try journal.accept(.sample(1), under: .sample(), at: .at(1))
            #expect(FileManager.default.createFile(atPath: path + "/ballast", contents: Data(count: 200 << 10)))
            var recorded: UInt64 = 0
            var failure: AgentError?
            while failure == nil, recorded < 10_000 {
                do throws(AgentError) {
                    recorded = try journal.record([report(.running), report(.failed)], of: ReportedTrigger(.sample(1)))
                } catch {
                    failure = error
                }
            }
            #expect(failure?.code == .journal && failure?.message.contains(path) == true, "\(failure as Any)")
            #expect(try journal.reports(1...100_000).count == Int(recorded))
            unlink(path + "/ballast")
            #expect(try journal.record([report(.failed)], of: ReportedTrigger(.sample(1))) == recorded + 1)
            let again = try SQLiteJournal(path: path + "/journal.sqlite", agent: agentID)
            #expect(try again.reports(1...100_000).map(\.origin.sequence) == Array(1...recorded + 1))
            #expect(try again.load().unfinishedJobs.count == 1)
        }
    }

    @Test(.enabled(if: geteuid() == 0))
    func `on a full disk nothing begins, and what runs is recorded to its end in the reserve`() throws {
        try withSmallDisk { path in
            let (one, two) = (ReportedTrigger(.sample(1)), ReportedTrigger(.sample(2)))
            let journal = try SQLiteJournal(path: path + "/journal.sqlite", agent: agentID, reserve: 128 << 10)
            for job in [1, 2] as [JobID] { _ = try journal.accept(.sample(job), under: .sample(), at: .at(1)) }
            _ = try journal.record([.attemptStarted(1, owesPostScript: true)], of: one)
            // Everything that is left, to the last page.
            var ballast = Int32(0)
            for size in [65_536, 4_096, 1] {
                let chunk = [UInt8](repeating: 1, count: size)
                ballast = open(path + "/ballast", O_WRONLY | O_CREAT | O_APPEND, 0o600)
                while write(ballast, chunk, size) == size {}
                close(ballast)
            }
            // The first pages of the write-ahead log may be there already; they are soon used up.
            var recorded: UInt64 = 0
            for _ in 0..<5 {
                recorded = try journal.record([report(.running), report(.failed)], of: one)
            }
            #expect(access(path + "/journal.sqlite-reserve", F_OK) != 0, "it was given back")
            #expect(journal.problem()?.contains("is full") == true, "\(journal.problem() as Any)")
            #expect(try journal.record([.debtSettled(attempt: 1, .paid), .finished], of: one) == recorded)
            #expect(throws: AgentError.self) {
                try journal.record([.attemptStarted(1, owesPostScript: true)], of: two)
            }
            #expect(throws: AgentError.self) { try journal.accept(.sample(3), under: .sample(), at: .at(2)) }
            let again = try SQLiteJournal(path: path + "/journal.sqlite", agent: agentID, reserve: 128 << 10)
            #expect(try again.reports(1...1_000).count == 10 && again.load().unfinishedJobs.map(\.trigger.job) == [2])
            unlink(path + "/ballast")
            #expect(try again.record([.attemptStarted(1, owesPostScript: true)], of: two) == recorded)
            #expect(access(path + "/journal.sqlite-reserve", F_OK) == 0, "it is held again")
            #expect(again.problem() == nil)
        }
    }

    @Test(.enabled(if: geteuid() == 0))
    func `a disk that cannot be written is an error that names the file`() throws {
        try withSmallDisk { path in
            try #require(mount("tmpfs", path, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), nil) == 0)
            let error = #expect(throws: AgentError.self) {
                try SQLiteJournal(path: path + "/journal.sqlite", agent: agentID)
            }
            #expect(error?.message.contains(path + "/journal.sqlite") == true)
        }
    }

    @Test func `a journal of a newer version is refused, and the error says what to run`() throws {
        let directory = NSTemporaryDirectory() + "newer-\(UUID().uuidString)"
        mkdir(directory, 0o700)
        defer { try? FileManager.default.removeItem(atPath: directory) }  // A test's rubbish, no more.
        let path = directory + "/journal.sqlite"
        _ = try SQLiteJournal(path: path, agent: agentID)
        try DatabaseQueue(path: path).write { database in
            try database.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('of-tomorrow')")
        }
        let error = #expect(throws: AgentError.self) { try SQLiteJournal(path: path, agent: agentID) }
        #expect(error?.message.contains("a newer bookend-agent") == true, "\(error as Any)")
    }

    @Test(arguments: ["journal-1"])
    func `a journal of an earlier version is brought up to date and loses nothing`(name: String) throws {
        let fixture = try #require(
            Bundle.module.url(forResource: name, withExtension: "sqlite", subdirectory: "Databases"))
        let directory = NSTemporaryDirectory() + "upgrade-\(UUID().uuidString)"
        mkdir(directory, 0o700)
        defer { try? FileManager.default.removeItem(atPath: directory) }  // A test's rubbish, no more.
        let path = directory + "/journal.sqlite"
        try FileManager.default.copyItem(atPath: fixture.path, toPath: path)
        for _ in 1...2 {
            let journal = try SQLiteJournal(path: path, agent: agentID)
            let contents = try journal.load()
            #expect(contents.policies == [.sample()] && contents.generation == 4)
            #expect(contents.unfinishedJobs.map(\.trigger) == [.sample(2), .sample(3)])
            #expect(contents.unfinishedJobs.map(\.owesPostScript) == [true, false])
            #expect(contents.unfinishedJobs.map(\.isCanceled) == [false, true] && contents.highestJob == 3)
            #expect(contents.highestReport == 9 && contents.prunedReport == 3)
            #expect(
                contents.streams == [
                    "main": ReportStream(incarnation: contents.incarnation, acknowledged: 6),
                    "second": ReportStream(incarnation: contents.incarnation, acknowledged: 4),
                ])
            var digest = try #require(try journal.digest(of: 3))
            for report in try journal.reports(1...9) {
                digest = digest.followed(by: report)
                #expect(try journal.digest(of: report.origin.sequence) == digest)
            }
        }
        let journal = try SQLiteJournal(path: path, agent: agentID)
        #expect(try journal.record([report(.failed)], of: ReportedTrigger(.sample(2))) == 10)
        #expect(try journal.reports(1...99).map(\.origin.sequence) == Array(4...10))
    }

    @Test func `a file that is no journal is an error that names the file`() throws {
        let path = NSTemporaryDirectory() + "corrupt-\(UUID().uuidString)"
        defer { unlink(path) }
        try Data(repeating: 0x42, count: 8_192).write(to: URL(fileURLWithPath: path))
        let error = #expect(throws: AgentError.self) { try SQLiteJournal(path: path, agent: agentID) }
        #expect(error?.code == .journal && error?.message.contains(path) == true)
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)).count == 8_192, "it is left as it was")
    }

    @Test(arguments: JournalKind.allCases)
    func `a report is bounded before it is recorded`(kind: JournalKind) throws {
        try kind.with { reopen in
            var details = ReportDetails()
            details.reason = String(repeating: "x", count: 5_000)
            let entry = JournalEntry.report(attempt: 1, stage: .backup, status: .failed, at: .at(1), details: details)
            _ = try reopen().record([entry], of: ReportedTrigger(.sample(1)))
            #expect(try reopen().reports(1...1).first?.details == details.bounded)
        }
    }

    @Test func `a value of the wrong kind in a journal is an error, not a crash`() throws {
        let directory = NSTemporaryDirectory() + "strange-\(UUID().uuidString)"
        mkdir(directory, 0o700)
        defer { try? FileManager.default.removeItem(atPath: directory) }  // A test's rubbish, no more.
        let path = directory + "/journal.sqlite"
        do {
            let journal = try SQLiteJournal(path: path, agent: agentID)
            _ = try journal.accept(.sample(1), under: .sample(), at: .at(1))
        }
        try DatabaseQueue(path: path).write { try $0.execute(sql: "UPDATE jobs SET scheduled_start = 'soon'") }
        let journal = try SQLiteJournal(path: path, agent: agentID)
        #expect(throws: AgentError.self) { try journal.load() }
    }

    @Test func `a journal that is damaged in the middle is an error, not a crash`() throws {
        let directory = NSTemporaryDirectory() + "damaged-\(UUID().uuidString)"
        mkdir(directory, 0o700)
        defer { try? FileManager.default.removeItem(atPath: directory) }  // A test's rubbish, no more.
        let path = directory + "/journal.sqlite"
        do {
            let journal = try SQLiteJournal(path: path, agent: agentID)
            for job in 1...200 as ClosedRange<Int64> {
                _ = try journal.accept(.sample(JobID(rawValue: job)), under: .sample(), at: .at(1))
            }
        }
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        var random = SeededGenerator(seed: 4)
        for _ in 0..<100 {
            var bytes = whole
            for _ in 0..<200 {
                bytes[Int.random(in: 100..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            try bytes.write(to: URL(fileURLWithPath: path))
            unlink(path + "-wal")
            unlink(path + "-shm")
            do throws(AgentError) {
                let journal = try SQLiteJournal(path: path, agent: agentID)
                _ = try journal.load()
                _ = try journal.record([report(.failed)], of: ReportedTrigger(.sample(1)))
            } catch {
                #expect(error.code == .journal && error.message.contains("journal"))
            }
        }
    }

    private func slot(_ job: JobID, _ policy: PolicyName = policyName, start: Int64 = 2_000) -> Trigger {
        Trigger(
            job: job, agent: agentID, policy: policy, revision: 1, cause: .schedule, scheduledStart: .at(start),
            notAfter: .at(start + 3_600), windowEnd: job == 2 ? .at(start + 3_600) : nil)
    }

    @Test(arguments: JournalKind.allCases)
    func `slots are kept until their job begins, their policy goes, or they are withdrawn`(kind: JournalKind) throws {
        try kind.with { reopen in
            func slots() throws -> [JobID] { try reopen().load().slots.map(\.job) }
            let other = PolicyName(rawValue: "q")
            try reopen().replacePolicies(
                [], generation: 1, slots: [slot(1), slot(2), slot(3, other), slot(4)], epoch: .max)
            #expect(try reopen().load().slots[0...1] == [slot(1), slot(2)])
            #expect(try reopen().load().coordinatorEpoch == .max)
            try reopen().changeSlots([slot(5, start: 3_000), slot(4, start: 9_000)], withdrawn: [1])
            #expect(try slots() == [2, 3, 4, 5] && reopen().load().slots[2].scheduledStart == .at(9_000))
            var begun = slot(2)
            begun.cause = .autonomous
            #expect(try reopen().accept(begun, under: .sample(), at: .at(2_060))?.trigger == begun)
            #expect(try slots() == [3, 4, 5])
            // The coordinator does not know yet that it began.
            try reopen().replacePolicies([], generation: 2, slots: [slot(2), slot(3, other), slot(5)], epoch: 7)
            #expect(try slots() == [3, 5])
            try reopen().changeSlots([slot(2)], withdrawn: [])
            try reopen().changePolicy(PolicyChange(generation: 3, name: other, revision: nil))
            #expect(try slots() == [5])
        }
    }

    @Test(arguments: JournalKind.allCases)
    func `a slot stays held back until it is told otherwise`(kind: JournalKind) throws {
        try kind.with { reopen in
            var held = slot(4)
            held.isHeld = true
            try reopen().replacePolicies([], generation: 1, slots: [slot(1), held], epoch: 1)
            #expect(try reopen().load().slots == [slot(1), held])
            try reopen().changeSlots([slot(4)], withdrawn: [])
            #expect(try reopen().load().slots == [slot(1), slot(4)])
            try reopen().changeSlots([held], withdrawn: [])
            #expect(try reopen().load().slots == [slot(1), held])
        }
    }

    @Test(arguments: JournalKind.allCases)
    func `a start of the schedule is taken once, under whatever id`(kind: JournalKind) throws {
        try kind.with { reopen in
            var alone = slot(3)
            alone.cause = .autonomous
            #expect(try reopen().accept(alone, under: .sample(), at: .at(2_060)) != nil)
            try reopen().changeSlots([slot(5), slot(6, start: 9_000)], withdrawn: [])
            #expect(try reopen().accept(slot(5), under: .sample(), at: .at(2_070)) == nil)
            #expect(try reopen().trigger(of: 5) == nil && reopen().load().slots.map(\.job) == [6])
            // Other starts, other policies, and what people ask for are other jobs.
            #expect(try reopen().accept(slot(6, start: 9_000), under: .sample(), at: .at(9_000)) != nil)
            #expect(try reopen().accept(slot(7, PolicyName(rawValue: "q")), under: .sample(), at: .at(9_000)) != nil)
            for (job, cause) in [(8, .manual), (9, .rehearsal), (10, .manual)] as [(JobID, TriggerCause)] {
                var asked = slot(job)
                asked.cause = cause
                #expect(try reopen().accept(asked, under: .sample(), at: .at(9_000)) != nil)
            }
        }
    }

    @Test(arguments: JournalKind.allCases)
    func `a journal says which jobs it has, and since when none is missing`(kind: JournalKind) throws {
        try kind.with { reopen in
            for job in 1...4 as ClosedRange<Int64> {
                let trigger = Trigger.sample(JobID(rawValue: 10 - job))
                _ = try reopen().accept(trigger, under: nil, at: .at(job * 100))
            }
            let all = try reopen().knownJobs(limit: 10)
            #expect(all.jobs == [6, 7, 8, 9].map { KnownJob(.sample($0)) } && all.since == .at(0))
            let newest = try reopen().knownJobs(limit: 2)
            #expect(newest.jobs.map(\.job) == [6, 7] && newest.since == .at(300) + .milliseconds(1))
            _ = try reopen().record([.finished], of: ReportedTrigger(.sample(9)))
            _ = try reopen().prune(before: .at(200), collectors: [])
            _ = try reopen().prune(before: .at(50), collectors: [])
            let rest = try reopen().knownJobs(limit: 10)
            #expect(rest.jobs.map(\.job) == [6, 7, 8] && rest.since == .at(200))
            #expect(try reopen().trigger(of: 6) == .sample(6) && reopen().trigger(of: 9) == nil)
        }
    }
}
