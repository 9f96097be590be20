import BookendModel

@testable import BookendAgent
@testable import BookendCollector
@testable import BookendCoordinator

extension Target {
    /// Database files that are not what a daemon left: of an earlier version, damaged, or changed by hand. Opening one is a
    /// clear error, or it works.
    static let databases = [
        database("journal", { journal }) { path, choice in
            let journal = try SQLiteJournal(path: path, agent: Samples.agent)
            try use(journal, choice)
        },
        database("coordinator-store", { policies }) { path, choice in
            let store = try SQLitePolicyStore(path: path)
            try use(store, choice)
        },
        database("collector-store", { reports }) { path, choice in
            let store = try SQLiteReportStore(path: path)
            try use(store, choice)
        },
    ]

    // Made once, when it is first asked for.
    private static let journal = DatabaseImage(path: path("journal")) { path in
        let journal = try SQLiteJournal(path: path, agent: Samples.agent)
        try journal.changePolicy(PolicyChange(generation: 3, name: Samples.name, revision: Samples.restic))
        for choice in 0..<8 { try use(journal, choice) }
    }
    private static let policies = DatabaseImage(path: path("coordinator-store")) { path in
        let store = try SQLitePolicyStore(path: path)
        let edit = PolicyEdit(generation: 1, name: Samples.name, revision: Samples.restic)
        try store.record([edit], by: "alice", at: Samples.time)
        for choice in 0..<8 { try use(store, choice) }
    }
    private static let reports = DatabaseImage(path: path("collector-store")) { path in
        let store = try SQLiteReportStore(path: path)
        for choice in 0..<8 { try use(store, choice) }
        try tell(of: Samples.alert, store)
        for choice in 0..<8 where choice != discarding { try useAlerts(store, choice) }
    }

    private static func path(_ name: String) -> String { "\(Folder.scratch)/\(name).sqlite" }

    private static func database(
        _ name: String, _ image: @escaping @Sendable () -> DatabaseImage,
        open: @escaping @Sendable (_ path: String, _ choice: Int) throws -> Void
    ) -> Target {
        let path = path(name)
        return Target(
            name: name, longest: 1 << 16,
            // An odd first byte: the file itself. An even one: changes of a good file. The rest of that byte: what is done then.
            seeds: {
                var seeds = [[1] + image().bytes]
                for (number, edit) in DatabaseImage.edits.enumerated() {
                    seeds.append([UInt8(number % 16) << 1] + edit)
                }
                return seeds
            },
            run: { input in
                let image = image()
                let first = input.first ?? 0
                DatabaseImage.removeSideFiles(of: path)
                if first % 2 == 1 {
                    Folder.write(Array(input.dropFirst()), to: path)
                } else {
                    Folder.write(image.bytes, to: path)
                    image.edit(path, by: input.dropFirst())
                }
                _ = answer { try open(path, Int(first >> 1)) }
            })
    }

    private static func use(_ journal: SQLiteJournal, _ choice: Int) throws {
        _ = try journal.load()
        switch choice % 8 {
        case 0: _ = try journal.accept(Samples.trigger, under: Samples.restic, at: Samples.time)
        case 1: try journal.recordCancel(of: Samples.job, at: Samples.time)
        case 2:
            let entries: [JournalEntry] = [
                .attemptStarted(1, owesPostScript: true),
                .report(attempt: 1, stage: .preScript, status: .successful, at: Samples.time, details: Samples.details),
                .goodBackup(Samples.name, at: Samples.time),
            ]
            _ = try journal.record(entries, of: ReportedTrigger(Samples.trigger))
        case 3: _ = try journal.reports(1...UInt64.max)
        case 4: _ = try journal.reports(of: Samples.job)
        case 5: try journal.record(ReportStream(incarnation: 7, base: 0, acknowledged: 1, epoch: 1), for: "c")
        case 6: _ = try journal.prune(before: UnixTime(milliseconds: 0), collectors: ["c"])
        default: try journal.changePolicy(PolicyChange(generation: 4, name: Samples.name, revision: Samples.restic))
        }
    }

    private static func use(_ store: SQLitePolicyStore, _ choice: Int) throws {
        _ = try store.load()
        switch choice % 8 {
        case 0: _ = try store.record([Samples.record], at: Samples.time)
        case 1: _ = try store.trigger(JobID(rawValue: 1))
        case 2: _ = try store.cancel(JobID(rawValue: 1), at: Samples.time)
        case 3: try store.settle([.delivered(JobID(rawValue: 1), by: Samples.agent)], at: Samples.time)
        case 4: _ = try store.changes(after: 0, limit: 10)
        case 5: _ = try store.revision(3, of: Samples.name)
        case 6:
            try store.remember([
                RememberedAgent(
                    id: Samples.agent, claimedLabels: ["a": "b"], version: "0.1.0", lastHeardAt: Samples.time)
            ])
        default:
            _ = try store.prune(before: UnixTime(milliseconds: 0))
            _ = try store.highestJob()
        }
    }

    private static func use(_ store: SQLiteReportStore, _ choice: Int) throws {
        _ = try store.positions()
        if choice & 8 != 0 { return try useAlerts(store, choice) }
        switch choice % 8 {
        case 0:
            let roster = RosterReply(
                through: 4, triggers: [Samples.record], isComplete: true, agents: [Samples.agentRecord])
            _ = try store.store(roster, at: Samples.time)
        case 1:
            let accepted = AcceptedReport(report: Samples.report, digest: ReportDigest(rawValue: 1))
            _ = try store.store([accepted], at: Samples.time)
        case 2: _ = try store.jobs(JobFilter())
        case 3: _ = try store.fleet(asOf: Samples.time)
        case 4: _ = try store.feed(from: nil, limit: 10)
        case 5:
            let early = UnixTime(milliseconds: 0)
            _ = try store.prune(reportsBefore: early, jobsBefore: early, limit: 10)
        case 6: _ = try store.infer([Samples.inference], at: Samples.time)
        default: _ = try store.feed(from: Cursor(rawValue: "x-1"), limit: 10)
        }
    }
    private static let discarding = 7

    /// One alert, with a message of each kind that waits because of it.
    private static func tell(of alert: Alert, _ store: SQLiteReportStore) throws {
        var changes = AlertBook.Changes()
        (changes.alerts, changes.notices, changes.silences) = ([alert], [Samples.notice], [Samples.silence])
        let ping = JobPing(policy: Samples.name, agent: Samples.agent, job: Samples.job, status: .failed)
        let bodies: [OutgoingMessage.Body] = [
            .notice(Samples.notice), .ping(ping), .digest(Samples.digest), .letter(Samples.letter),
        ]
        let messages = zip(0..., bodies).map {
            OutgoingMessage(channel: "ops", key: "key-\($0)", createdAt: Samples.time, body: $1)
        }
        _ = try store.record(changes, judgedThrough: 1, messages: messages, actions: [action])
    }

    private static let action = CollectorAction(
        who: "operator/alice", what: .alertSilence, target: "alert 7", reason: "moved", at: Samples.time)

    private static func useAlerts(_ store: SQLiteReportStore, _ choice: Int) throws {
        switch choice % 8 {
        case 0:
            _ = try store.alertState()
            _ = try store.unjudged(limit: 10)
        case 1:
            _ = try store.alerts(Samples.alertFilter)
            _ = try store.alert(7)
        case 2: _ = try store.outgoing(of: nil, limit: 10)
        case 3:
            guard let message = try store.takeOutgoing(to: "ops", at: Samples.time) else { return }
            try store.postponeOutgoing(message.id, until: nil, refusal: "550 nobody", at: Samples.time)
        case 4:
            _ = try store.outgoingQueues()
            try store.markReport("ops", until: Samples.time, message: nil)
            _ = try store.reportMark("ops")
        case 5:
            _ = try store.objectives()
            _ = try store.backupAges(jobsSince: UnixTime(milliseconds: 0))
        case 6:
            _ = try store.actions(limit: 10)
            try tell(of: Samples.alert, store)
        default:
            _ = try store.resendOutgoing(.refused(channel: "ops"), at: Samples.time)
            _ = try store.discardOutgoing(.all(channel: "ops"))
            try store.forgetActions(through: 1)
            _ = try store.pruneAlerts(resolvedBefore: Samples.time + .seconds(1), limit: 10)
        }
    }
}
