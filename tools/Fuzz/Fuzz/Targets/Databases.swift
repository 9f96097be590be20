import BookendModel

@testable import BookendAgent
@testable import BookendCollector
@testable import BookendCoordinator

extension Target {
    /// Database files that are not what a daemon left: of an earlier version, damaged, or changed by hand. Opening one is a
    /// clear error, or it works.
    static let databases = [
        database("journal", { journal }) { try use(SQLiteJournal(path: $0, agent: Samples.agent)) },
        database("coordinator-store", { policies }) { try use(SQLitePolicyStore(path: $0)) },
        database("collector-store", { reports }) { try use(SQLiteReportStore(path: $0)) },
    ]

    // Made once, when it is first asked for.
    private static let journal = DatabaseImage(path: path("journal")) { path in
        let journal = try SQLiteJournal(path: path, agent: Samples.agent)
        try journal.replacePolicies([Samples.restic, Samples.command], generation: 3)
        try use(journal)
    }
    private static let policies = DatabaseImage(path: path("coordinator-store")) { path in
        let store = try SQLitePolicyStore(path: path)
        let edit = PolicyEdit(generation: 1, name: Samples.name, revision: Samples.restic)
        try store.record([edit], by: "alice", at: Samples.time)
        try use(store)
    }
    private static let reports = DatabaseImage(path: path("collector-store")) { try use(SQLiteReportStore(path: $0)) }

    private static func path(_ name: String) -> String { "\(Folder.scratch)/\(name).sqlite" }

    private static func database(
        _ name: String, _ image: @escaping @Sendable () -> DatabaseImage,
        open: @escaping @Sendable (String) throws -> Void
    ) -> Target {
        let path = path(name)
        return Target(
            name: name, longest: 1 << 16,
            // An odd first byte: the file itself. An even one: changes of a good file.
            seeds: { [[1] + image().bytes, [1]] + DatabaseImage.edits.map { [0] + $0 } },
            run: { input in
                let image = image()
                DatabaseImage.removeSideFiles(of: path)
                let rest = input.dropFirst()
                if (input.first ?? 0) % 2 == 1 {
                    Folder.write(Array(rest), to: path)
                } else {
                    Folder.write(image.bytes, to: path)
                    image.edit(path, by: rest)
                }
                _ = answer { try open(path) }
            })
    }

    private static func use(_ journal: SQLiteJournal) throws {
        _ = answer { try journal.load() }
        // One failing must not keep the others from being tried.
        _ = answer { try journal.accept(Samples.trigger, under: Samples.restic, at: Samples.time) }
        _ = answer { try journal.recordCancel(of: Samples.job, at: Samples.time) }
        let entries: [JournalEntry] = [
            .attemptStarted(1, owesPostScript: true),
            .report(attempt: 1, stage: .preScript, status: .successful, at: Samples.time, details: Samples.details),
            .goodBackup(Samples.name),
        ]
        _ = answer { try journal.record(entries, of: ReportedTrigger(Samples.trigger)) }
        _ = answer { try journal.reports(1...UInt64.max) }
        _ = answer { try journal.reports(of: Samples.job) }
        _ = answer { try journal.recordAcknowledged(through: 1, by: "c") }
        _ = answer { try journal.prune(before: UnixTime(milliseconds: 0), collectors: ["c"]) }
        _ = answer { try journal.load() }
    }

    private static func use(_ store: SQLitePolicyStore) throws {
        _ = answer { try store.load() }
        let job = answer { try store.record([Samples.record], at: Samples.time) }?.first?.trigger.job ?? Samples.job
        _ = answer { try store.trigger(job) }
        _ = answer { try store.cancel(job, at: Samples.time) }
        _ = answer { try store.settle([.delivered(job, by: Samples.agent), .missed(Samples.job)], at: Samples.time) }
        _ = answer { try store.changes(after: 0, limit: 10) }
        _ = answer { try store.revision(3, of: Samples.name) }
        _ = answer {
            try store.remember([
                RememberedAgent(
                    id: Samples.agent, claimedLabels: ["a": "b"], version: "0.1.0", lastHeardAt: Samples.time)
            ])
        }
        _ = answer { try store.prune(before: UnixTime(milliseconds: 0)) }
        _ = answer { try store.highestJob() }
        _ = answer { try store.load() }
    }

    private static func use(_ store: SQLiteReportStore) throws {
        _ = answer { try store.positions() }
        _ = answer { try store.rosterPosition() }
        let roster = RosterReply(
            through: 4, triggers: [Samples.record], isComplete: true, agents: [Samples.agentRecord])
        _ = answer { try store.store(roster) }
        _ = answer { try store.store([Samples.report], at: Samples.time) }
        _ = answer { try store.jobs(JobFilter()) }
        _ = answer { try store.fleet(asOf: Samples.time) }
        _ = answer { try store.feed(from: nil, limit: 10) }
        _ = answer {
            try store.prune(
                reportsBefore: UnixTime(milliseconds: 0), jobsBefore: UnixTime(milliseconds: 0), limit: 10)
        }
        _ = answer { try store.positions() }
    }
}
