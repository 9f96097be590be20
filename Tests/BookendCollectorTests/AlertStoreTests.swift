import BookendCollector
import BookendModel
import BookendTestSupport
import Foundation
import Testing

/// What every store of alerts must do, whatever it keeps them in.
@Suite struct AlertStoreTests {
    enum Kind: String, CaseIterable { case memory, sqlite }

    private typealias Store = any ReportStore & AlertStore

    /// A new store, and a way to open the same one again.
    private func with(_ kind: Kind, _ body: (Store, () throws -> Store) throws -> Void) throws {
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

    private func at(_ seconds: Int64) -> UnixTime { UnixTime(milliseconds: 1_000 * seconds) }

    private func subject(_ agent: String, _ job: Int64 = 1) -> AlertSubject {
        AlertSubject(
            agent: AgentID(rawValue: agent), job: JobID(rawValue: job), status: .failed, reason: "disk full",
            raisedAt: at(1))
    }

    private func alert(_ id: Int64, _ kind: AlertKind = .backupFailed, _ agents: String...) -> Alert {
        var alert = Alert(id: id, cause: AlertCause(kind, PolicyName(rawValue: "nightly")), raisedAt: at(1))
        for agent in agents { alert.subjects[AlertSubject.Key(agent: AgentID(rawValue: agent))] = subject(agent) }
        return alert
    }

    private func changes(_ alerts: Alert...) -> AlertBook.Changes {
        var changes = AlertBook.Changes()
        changes.alerts = alerts
        return changes
    }

    private func message(_ number: Int64, to channel: String = "ops") -> OutgoingMessage {
        let notice = AlertNotice(occasion: .raised, alert: alert(number, .missed, "web-1"), at: at(number))
        return OutgoingMessage(channel: channel, key: "k\(number)", createdAt: at(number), body: .notice(notice))
    }

    @Test(arguments: Kind.allCases)
    func `what was stored is judged once, oldest first, with the job that it ends`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            var maker = ReportMaker("web-1")
            let reports = maker.job(1, backup: .failed)
            _ = try store.store(reports)
            let (first, through) = try store.unjudged(limit: 5)
            #expect(first.map(\.body) == reports.prefix(5).map { .report($0) } && first.allSatisfy { $0.job == nil })
            _ = try store.record(AlertBook.Changes(), judgedThrough: through, messages: [])
            let (rest, end) = try reopen().unjudged(limit: 5)
            #expect(rest.map(\.body) == reports.suffix(2).map { .report($0) })
            #expect(rest.last?.job?.status == .failed && rest.last?.job?.attempts.count == 1)
            _ = try store.record(AlertBook.Changes(), judgedThrough: end, messages: [])
            let (none, same) = try reopen().unjudged(limit: 5)
            #expect(none.isEmpty && same == end)
        }
    }

    @Test(arguments: Kind.allCases)
    func `an alert keeps the subjects that a change does not name`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            _ = try store.record(changes(alert(7, .backupFailed, "web-1", "web-2")), judgedThrough: 3, messages: [])
            var change = alert(7, .backupFailed, "web-3")
            change.toldAt = at(5)
            let mended = AlertSubject.Key(agent: AgentID(rawValue: "web-1"))
            change.subjects[mended] = subject("web-1")
            change.subjects[mended]?.mendedAt = at(9)
            _ = try store.record(changes(change), judgedThrough: 4, messages: [])
            let kept = try #require(try reopen().alert(7))
            #expect(kept.subjects.count == 3 && kept.open.count == 2 && kept.toldAt == at(5))
            let state = try reopen().alertState()
            #expect(state == AlertState(alerts: [kept], silences: [], highestID: 7, judgedThrough: 4))
        }
    }

    @Test(arguments: Kind.allCases)
    func `debts of one agent stay apart by their jobs`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            var debts = alert(1, .debtUnpaid)
            for job in [4, 5] as [Int64] {
                debts.subjects[subject("web-1", job).key(of: .debtUnpaid)] = subject("web-1", job)
            }
            _ = try store.record(changes(debts), judgedThrough: 0, messages: [])
            #expect(try reopen().alert(1)?.ordered.map(\.job?.rawValue) == [4, 5])
        }
    }

    @Test(arguments: Kind.allCases)
    func `resolved alerts are listed when asked for, and go in small steps`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            for id in 1...5 as ClosedRange<Int64> {
                var alert = alert(id, id == 4 ? .missed : .backupFailed, "web-1")
                alert.resolvedAt = id < 5 ? at(id) : nil
                _ = try store.record(changes(alert), judgedThrough: 0, messages: [])
            }
            #expect(try store.alerts(AlertFilter()).map(\.id) == [5])
            var filter = AlertFilter()
            filter.activeOnly = false
            #expect(try store.alerts(filter).map(\.id) == [5, 4, 3, 2, 1])
            filter.kind = .missed
            #expect(try store.alerts(filter).map(\.id) == [4])
            filter.policy = PolicyName(rawValue: "other")
            #expect(try store.alerts(filter).isEmpty)
            #expect(try store.pruneAlerts(resolvedBefore: at(4), limit: 2))
            #expect(try !store.pruneAlerts(resolvedBefore: at(4), limit: 2))
            filter = AlertFilter()
            filter.activeOnly = false
            #expect(try reopen().alerts(filter).map(\.id) == [5, 4])
            #expect(try reopen().alert(1) == nil && reopen().alertState().highestID == 5)
        }
    }

    @Test(arguments: Kind.allCases)
    func `silences are kept as they were recorded last`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            let silence = AlertSilence(
                id: 9, kind: .missed, agent: "web-*", until: at(99), by: "alice", reason: "moved")
            var change = AlertBook.Changes()
            change.silences = [silence]
            _ = try store.record(change, judgedThrough: 0, messages: [])
            _ = try store.record(changes(alert(3)), judgedThrough: 0, messages: [])
            #expect(try reopen().alertState().silences == [silence] && reopen().alertState().highestID == 9)
            change.silences = []
            _ = try store.record(change, judgedThrough: 0, messages: [])
            #expect(try reopen().alertState().silences.isEmpty)
        }
    }

    @Test(arguments: Kind.allCases)
    func `messages wait in order until they are removed, and through a restart`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            _ = try store.record(
                AlertBook.Changes(), judgedThrough: 0, messages: [message(1), message(2), message(3, to: "chat")])
            let first = try #require(try reopen().outgoing(to: "ops", at: at(10)))
            #expect(first.key == "k1" && first.body == message(1).body && first.attempts == 0)
            try store.postponeOutgoing(first.id, until: at(20))
            let second = try #require(try store.outgoing(to: "ops", at: at(10)))
            #expect(second.key == "k2")
            #expect(try store.outgoing(to: "ops", at: at(20))?.key == "k1")
            #expect(try store.outgoing(to: "ops", at: at(20))?.attempts == 1)
            let queues = try reopen().outgoingQueues()
            #expect(queues["ops"] == OutgoingQueue(waiting: 2, oldestAt: at(1)) && queues["chat"]?.waiting == 1)
            try store.removeOutgoing(first.id)
            try store.removeOutgoing(second.id)
            #expect(try reopen().outgoing(to: "ops", at: at(99)) == nil)
            #expect(try store.keepOutgoing(to: ["ops"]) == 1 && reopen().outgoingQueues().isEmpty)
        }
    }

    @Test(arguments: Kind.allCases)
    func `a message that a wrong clock made wait for years is sent`(_ kind: Kind) throws {
        try with(kind) { store, _ in
            _ = try store.record(AlertBook.Changes(), judgedThrough: 0, messages: [message(1)])
            let first = try #require(try store.outgoing(to: "ops", at: at(10)))
            try store.postponeOutgoing(first.id, until: at(90_000_000))
            #expect(try store.outgoing(to: "ops", at: at(10))?.key == "k1")
        }
    }

    @Test(arguments: Kind.allCases)
    func `a full queue loses its oldest message and says so`(_ kind: Kind) throws {
        try with(kind) { store, _ in
            let messages = (1...Int64(OutgoingLimit.messages)).map { number in
                OutgoingMessage(
                    channel: "ops", key: "k\(number)", createdAt: at(number),
                    body: .ping(
                        JobPing(
                            policy: PolicyName(rawValue: "nightly"), agent: AgentID(rawValue: "web-1"),
                            job: JobID(rawValue: number), status: .running)))
            }
            let none = try store.record(AlertBook.Changes(), judgedThrough: 0, messages: messages)
            #expect(none == 0)
            #expect(try store.record(AlertBook.Changes(), judgedThrough: 0, messages: [message(0), message(0)]) == 2)
            #expect(try store.outgoing(to: "ops", at: at(99_999))?.key == "k3")
            #expect(try store.outgoingQueues()["ops"]?.waiting == OutgoingLimit.messages)
        }
    }

    @Test(arguments: Kind.allCases)
    func `the age of a good backup is known for each server and policy that had a job lately`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            var (web, database) = (ReportMaker("web-1"), ReportMaker("db-1"))
            _ = try store.store(web.job(1) + web.job(2, backup: .failed) + web.job(3, policy: "other", backup: .failed))
            _ = try store.store(database.job(4))
            // Job n is scheduled for 1,000 + n; report n is made at 10,000 + n.
            let ages = try reopen().backupAges(jobsSince: UnixTime(milliseconds: 1_002))
            #expect(ages.map { "\($0.agent) \($0.policy)" } == ["db-1 nightly", "web-1 nightly", "web-1 other"])
            #expect(ages.map(\.goodAt?.milliseconds) == [10_005, 10_005, nil])
            #expect(ages.map(\.firstAt.milliseconds) == [1_004, 1_001, 1_003])
            #expect(try store.backupAges(jobsSince: UnixTime(milliseconds: 1_004)).count == 1)
        }
    }
}
