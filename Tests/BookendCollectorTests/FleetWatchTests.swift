import BookendFiles
import BookendModel
import BookendTransport
import Testing

@testable import BookendCollector

/// What no report tells: agents that are not heard, jobs that take too long, servers without a good backup.
struct FleetWatchTests {
    private let store = InMemoryReportStore()
    private let heard = LastHeard()

    private func at(_ minutes: Int64) -> Moment {
        Moment(wall: UnixTime(milliseconds: minutes * 60_000), boot: BootTime(milliseconds: minutes * 60_000))
    }

    private func watch(_ agents: String..., within: Duration? = nil) throws -> FleetWatch {
        let keys = try agents.map { name in
            EnrolledKey(
                key: try CurveKeyPair.generate().publicKey, identity: try #require(PeerIdentity("agent/\(name)")))
        }
        return FleetWatch(
            rules: AlertRules(),
            objectives: within.map { [ObjectiveConfiguration(policies: ["night*"], within: $0)] } ?? [],
            heard: heard, labels: AgentLabels(ring: KeyRing(keys)), startedAt: at(0).boot, interval: .seconds(60))
    }

    private func look(_ watch: FleetWatch, _ book: inout AlertBook, _ minutes: Int64) throws -> [String] {
        try watch.look(&book, store, at: at(minutes))
        _ = book.takeChanges(at: at(minutes).wall)
        return book.activeAlerts.flatMap { alert in
            alert.open.map { "\(alert.cause.kind.rawValue) \($0.agent)" }
        }.sorted()
    }

    @Test func `an agent that is not heard for half an hour is offline until it is heard or revoked`() throws {
        let both = try watch("web-1", "web-2")
        var book = AlertBook(rules: AlertRules())
        let (one, two) = (AgentID(rawValue: "web-1"), AgentID(rawValue: "web-2"))
        heard.hear(one, at: at(20))
        #expect(try look(both, &book, 29) == [])
        #expect(try look(both, &book, 31) == ["agent-offline web-2"])
        heard.hear(two, at: at(32))
        #expect(try look(both, &book, 33) == [])
        heard.hear(one, at: at(60))
        #expect(try look(both, &book, 63) == ["agent-offline web-2"])
        #expect(try look(try watch("web-1"), &book, 64) == [])
    }

    @Test func `a collector that hears nobody accuses nobody`() throws {
        let watch = try watch("web-1", "web-2")
        var book = AlertBook(rules: AlertRules())
        #expect(try look(watch, &book, 600) == [])
        heard.hear(AgentID(rawValue: "web-1"), at: at(601))
        #expect(try look(watch, &book, 640) == [])
    }

    @Test func `a server without a good backup within its objective is told until there is one`() throws {
        let watch = try watch("web-1", "web-2", "db-1", within: .seconds(3_600))
        var (web, other, database) = (ReportMaker("web-1"), ReportMaker("web-2"), ReportMaker("db-1"))
        _ = try store.store(
            web.job(1) + other.job(2, backup: .failed) + database.job(3, policy: "dumps", backup: .failed))
        var book = AlertBook(rules: AlertRules())
        for agent in ["web-1", "web-2", "db-1"] { heard.hear(AgentID(rawValue: agent), at: at(50)) }
        #expect(try look(watch, &book, 59) == [])
        #expect(try look(watch, &book, 62) == ["objective-broken web-1", "objective-broken web-2"])
        _ = try store.store([other.report(job: 4, stage: .backup, .successful, at: 63 * 60_000)])
        #expect(try look(watch, &book, 64) == ["objective-broken web-1"])
    }

    @Test func `a job is overdue after a day, or three times its usual time, and said so once`() throws {
        let watch = try watch("web-1")
        heard.hear(AgentID(rawValue: "web-1"), at: at(1))
        var maker = ReportMaker("web-1")
        var book = AlertBook(rules: AlertRules())
        _ = try store.store([maker.report(job: 1, policy: "new", .running)])
        for number in 2...4 as ClosedRange<Int64> {
            var end = maker.report(job: number, .successful)
            end.details.duration = .seconds(15 * 60)
            _ = try store.store([end])
        }
        _ = try store.store([maker.report(job: 5, .running)])
        #expect(try look(watch, &book, 29) == [])
        heard.hear(AgentID(rawValue: "web-1"), at: at(44))
        #expect(try look(watch, &book, 44) == [])
        heard.hear(AgentID(rawValue: "web-1"), at: at(46))
        #expect(try look(watch, &book, 46) == ["overdue web-1"])
        #expect(book.activeAlerts.first?.open.first?.job?.rawValue == 5)
        heard.hear(AgentID(rawValue: "web-1"), at: at(1_442))
        #expect(try look(watch, &book, 1_442) == ["overdue web-1", "overdue web-1"])
        #expect(book.activeAlerts.allSatisfy { $0.open[0].times == 1 })
    }

    @Test func `a scheduled job whose agent was offline is a failed backup, unless a later one says more`() throws {
        let watch = try watch("web-1", "web-2")
        for agent in ["web-1", "web-2"] { heard.hear(AgentID(rawValue: agent), at: at(1)) }
        var book = AlertBook(rules: AlertRules())
        var (first, second, byHand) = (
            triggerRecord(1, "web-1", .offline), triggerRecord(2, "web-2", .offline),
            triggerRecord(3, "web-2", .offline)
        )
        (first.trigger.cause, second.trigger.cause, byHand.trigger.cause) = (.schedule, .schedule, .manual)
        try store.store(roster(1, first, second, byHand))
        #expect(try look(watch, &book, 2) == ["backup-failed web-1"])
        #expect(try look(watch, &book, 3) == ["backup-failed web-1"])
    }

    @Test func `a rehearsal hides no start that failed, is never overdue, and says nothing of usual times`() throws {
        let watch = try watch("web-1")
        var maker = ReportMaker("web-1")
        var book = AlertBook(rules: AlertRules())
        func rehearsal(_ job: Int64, _ status: Status, took: Duration? = nil) -> Report {
            var report = maker.report(job: job, status)
            report.trigger.cause = .rehearsal
            report.details.duration = took
            return report
        }
        var offline = triggerRecord(1, "web-1", .offline)
        offline.trigger.cause = .schedule
        try store.store(roster(1, offline))
        // Of so many nobody could say that a job of half an hour takes too long.
        _ = try store.store((2...40).map { rehearsal($0, .successful, took: .seconds(1)) })
        _ = try store.store([rehearsal(41, .running)])
        heard.hear(AgentID(rawValue: "web-1"), at: at(2))
        #expect(try look(watch, &book, 2) == ["backup-failed web-1"])
        _ = try store.store([maker.report(job: 42, .running)])
        heard.hear(AgentID(rawValue: "web-1"), at: at(120))
        #expect(try look(watch, &book, 120).filter { $0.hasPrefix("overdue") } == [])
        heard.hear(AgentID(rawValue: "web-1"), at: at(1_445))
        _ = try look(watch, &book, 1_445)
        #expect(book.alert(AlertCause(.overdue, PolicyName(rawValue: "nightly")))?.open.map(\.job?.rawValue) == [42])
    }

    private func coverage(_ agents: [String: [String]]) -> PolicyCoverage {
        PolicyCoverage(
            Dictionary(
                agents.map { (PolicyName(rawValue: $0), Set($1.map(AgentID.init(rawValue:)))) },
                uniquingKeysWith: { $1 }))
    }

    @Test func `agents that are all silent are offline while the coordinator is heard, once it was for so long`()
        throws
    {
        let watch = try watch("web-1")
        var book = AlertBook(rules: AlertRules())
        heard.hear(AgentID(rawValue: "web-1"), at: at(1))
        heard.hearCoordinator(at: at(29))
        #expect(try look(watch, &book, 30) == [])
        heard.hearCoordinator(at: at(31))
        #expect(try look(watch, &book, 32) == ["agent-offline web-1"])
        heard.hear(AgentID(rawValue: "web-1"), at: at(33))
        #expect(try look(watch, &book, 34) == [])
        // The collector is cut off from all, and then hears the coordinator first.
        #expect(try look(watch, &book, 90) == [])
        heard.hearCoordinator(at: at(91))
        #expect(try look(watch, &book, 92) == [])
        heard.hearCoordinator(at: at(121))
        #expect(try look(watch, &book, 121) == [])
        #expect(try look(watch, &book, 122) == ["agent-offline web-1"])
    }

    @Test func `a server in maintenance is neither offline nor without a backup`() throws {
        let watch = try watch("web-1", "web-2", within: .seconds(3_600))
        var (web, other) = (ReportMaker("web-1"), ReportMaker("web-2"))
        _ = try store.store(web.job(1) + other.job(2))
        var book = AlertBook(rules: AlertRules())
        var quiet = record("web-1")
        quiet.maintenance = Hold(
            target: .agent(quiet.id), reason: "new disk", since: at(0).wall, until: at(100).wall, madeBy: "alice")
        heard.take([quiet, record("web-2")])
        heard.hearCoordinator(at: at(89))
        #expect(
            try look(watch, &book, 90) == ["agent-offline web-2", "objective-broken web-2"])
        heard.hearCoordinator(at: at(101))
        #expect(try look(watch, &book, 101).count == 4)
    }

    @Test func `what a policy picks no more, its deletion and a revocation mend whatever was wrong, and not a debt`()
        throws
    {
        let watch = try watch("web-1", "web-2", within: .seconds(3_600))
        let nightly = PolicyName(rawValue: "nightly")
        var (web, other) = (ReportMaker("web-1"), ReportMaker("web-2"))
        _ = try store.store(web.job(1, backup: .failed) + other.job(2, backup: .failed))
        var book = AlertBook(rules: AlertRules())
        for agent in ["web-1", "web-2"].map(AgentID.init(rawValue:)) {
            heard.hear(agent, at: at(62))
            book.raise(.backupFailed, nightly, agent, job: JobID(rawValue: 2), reason: "r", at: at(62).wall)
        }
        book.raise(
            .debtUnpaid, nightly, AgentID(rawValue: "web-2"), job: JobID(rawValue: 2), reason: "r", at: at(62).wall)
        heard.take(coverage(["nightly": ["web-1", "web-2"]]))
        #expect(try look(watch, &book, 62).count == 5)
        heard.take(coverage(["nightly": ["web-1"], "other": ["web-2"]]))
        // Not at once: the alert may be younger than what is known.
        #expect(try look(watch, &book, 63).filter { $0.hasSuffix("web-2") }.count == 3)
        let rest = ["backup-failed web-1", "debt-unpaid web-2", "objective-broken web-1"]
        #expect(try look(watch, &book, 65) == rest)
        #expect(try look(watch, &book, 66) == rest)
        heard.take(coverage(["other": ["web-2"]]))
        #expect(try look(watch, &book, 67) == ["debt-unpaid web-2"])
        #expect(try look(try self.watch("web-1"), &book, 68) == [])
    }

    @Test func `of very many that run the longest are judged, and those that are to end`() throws {
        let watch = try watch("web-1")
        var maker = ReportMaker("web-1")
        var book = AlertBook(rules: AlertRules())
        _ = try store.store([maker.report(job: 1, .running), maker.report(job: 2, policy: "other", .running)])
        _ = try store.store([maker.report(job: 2, policy: "other", .canceling)])
        _ = try store.store((10...1_100).map { maker.report(job: $0, .running, at: 1_400 * 60_000) })
        heard.hear(AgentID(rawValue: "web-1"), at: at(1_450))
        #expect(try look(watch, &book, 1_450) == ["overdue web-1", "overdue web-1"])
        #expect(Set(book.activeAlerts.flatMap(\.open).map(\.job?.rawValue)) == [1, 2])
    }

    private func record(_ agent: String, skew: Duration = .zero, isCloned: Bool = false) -> AgentRecord {
        AgentRecord(
            id: AgentID(rawValue: agent), labels: [:], isOnline: true, lastHeardAt: at(1).wall, version: "0.1.0",
            generation: 1, activeJobs: [], outboxDepth: 0, clockSkew: skew, isCloned: isCloned)
    }

    @Test func `a clock that is wrong by over a minute and an agent that lives twice are told until they are not`()
        throws
    {
        let watch = try watch("web-1", "web-2")
        var book = AlertBook(rules: AlertRules())
        for agent in ["web-1", "web-2"] { heard.hear(AgentID(rawValue: agent), at: at(1)) }
        heard.take([record("web-1", skew: .seconds(60)), record("web-2")])
        #expect(try look(watch, &book, 2) == [])
        heard.take([record("web-1", skew: .seconds(-61)), record("web-2", isCloned: true)])
        #expect(try look(watch, &book, 3) == ["agent-cloned web-2", "clock-skew web-1"])
        let reason = "its clock is 61 s behind the coordinator's"
        #expect(book.alert(AlertCause(.clockSkew, nil))?.open.map(\.reason) == [reason])
        // What drifts on is the same alert, with nothing to record.
        heard.take([record("web-1", skew: .seconds(-62)), record("web-2", isCloned: true)])
        try watch.look(&book, store, at: at(4))
        #expect(book.takeChanges(at: at(4).wall).alerts.isEmpty)
        heard.take([record("web-1"), record("web-2", isCloned: true)])
        #expect(try look(watch, &book, 5) == ["agent-cloned web-2"])
        heard.take([record("web-1"), record("web-2")])
        #expect(try look(watch, &book, 6) == [])
    }

    @Test func `an agent that can record nothing is told until it can, and not mended by silence`() throws {
        let watch = try watch("web-1", "web-2")
        var book = AlertBook(rules: AlertRules())
        func look(_ problem: String?, at seconds: Int64) throws -> [String] {
            heard.take(
                ["web-1", "web-2"].map { name in
                    var record = record(name)
                    record.journalProblem = name == "web-1" ? problem : ""
                    return record
                })
            return try self.look(watch, &book, seconds)
        }
        for agent in ["web-1", "web-2"] { heard.hear(AgentID(rawValue: agent), at: at(1)) }
        #expect(try look("", at: 2) == [])
        #expect(try look("the disk is full: 3 KiB are free", at: 3) == ["journal-broken web-1"])
        let alert = book.alert(AlertCause(.journalBroken, nil))
        #expect(alert?.open.map(\.reason) == ["the disk is full: 3 KiB are free"])
        #expect(AlertKind.journalBroken.severity == .critical)
        // Another number is the same alert, with nothing to record.
        _ = try look("the disk is full: 2 KiB are free", at: 4)
        #expect(book.takeChanges(at: at(4).wall).alerts.isEmpty)
        #expect(try look(nil, at: 5) == ["journal-broken web-1"])
        #expect(try look("", at: 6) == [])
    }

    @Test func `a script that will not run is told until it is right, and not mended by silence`() throws {
        let watch = try watch("web-1", "web-2")
        var book = AlertBook(rules: AlertRules())
        let nightly = PolicyName(rawValue: "nightly")
        func records(_ one: [ScriptDrift]?, _ two: [ScriptDrift]?) -> [AgentRecord] {
            [("web-1", one), ("web-2", two)].map { name, drifts in
                var record = record(name)
                record.scriptDrift = drifts
                return record
            }
        }
        for agent in ["web-1", "web-2"] { heard.hear(AgentID(rawValue: agent), at: at(1)) }
        let missing = ScriptDrift(policy: nightly, reason: "there is no post-script")
        heard.take(records([], nil))
        #expect(try look(watch, &book, 2) == [])
        heard.take(records([missing], [missing]))
        #expect(try look(watch, &book, 3) == ["script-drift web-1", "script-drift web-2"])
        #expect(
            book.alert(AlertCause(.scriptDrift, nightly))?.open.map(\.reason)
                == Array(repeating: missing.reason, count: 2))
        try watch.look(&book, store, at: at(4))
        #expect(book.takeChanges(at: at(4).wall).alerts.isEmpty)
        // A coordinator that has just started knows nothing.
        heard.take(records(nil, []))
        #expect(try look(watch, &book, 5) == ["script-drift web-1"])
        heard.take(records([ScriptDrift(policy: PolicyName(rawValue: "other"), reason: "r")], []))
        #expect(try look(watch, &book, 6) == ["script-drift web-1"])
        #expect(book.alert(AlertCause(.scriptDrift, nightly)) == nil)
        #expect(try look(try self.watch("web-2"), &book, 7) == [])
    }

    @Test func `the objective of a policy holds beside that of the configuration, the shorter of both`() throws {
        let watch = try watch("web-1", "web-2", within: .seconds(7_200))
        var (web, other) = (ReportMaker("web-1"), ReportMaker("web-2"))
        _ = try store.store(web.job(1) + other.job(2, policy: "dumps"))
        var book = AlertBook(rules: AlertRules())
        for agent in ["web-1", "web-2"] { heard.hear(AgentID(rawValue: agent), at: at(50)) }
        #expect(try look(watch, &book, 62) == [])
        var reply = roster(1)
        reply.objectives = PolicyObjectives([
            PolicyName(rawValue: "nightly"): .seconds(3_600), PolicyName(rawValue: "dumps"): .seconds(3_700),
        ])
        try store.store(reply)
        #expect(try look(watch, &book, 63) == ["objective-broken web-1", "objective-broken web-2"])
        // Whoever takes the objective away mends it.
        reply.objectives = PolicyObjectives([:])
        try store.store(reply)
        #expect(try look(watch, &book, 64) == [])
    }
}
