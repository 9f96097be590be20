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

    private func alert(
        _ id: Int64, _ kind: AlertKind = .backupFailed, _ agents: String..., of policy: String = "nightly"
    ) -> Alert {
        var alert = Alert(id: id, cause: AlertCause(kind, PolicyName(rawValue: policy)), raisedAt: at(1))
        for agent in agents { alert.subjects[AlertSubject.Key(agent: AgentID(rawValue: agent))] = subject(agent) }
        return alert
    }

    private func changes(_ alerts: Alert...) -> AlertBook.Changes {
        var changes = AlertBook.Changes()
        changes.alerts = alerts
        return changes
    }

    private func message(
        _ number: Int64, to channel: String = "ops", of policy: String = "nightly",
        _ occasion: AlertNotice.Occasion = .raised
    ) -> OutgoingMessage {
        let notice = AlertNotice(
            occasion: occasion, alert: alert(number, .missed, "web-1", of: policy), at: at(number))
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
    func `what people are told is in the feed, and is no report`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            var maker = ReportMaker("web-1")
            let reports = maker.job(1, backup: .failed)
            _ = try store.store(reports)
            var change = changes(alert(7, .backupFailed, "web-1"))
            let notice = AlertNotice(occasion: .raised, alert: alert(7, .backupFailed, "web-1"), at: at(5))
            change.notices = [notice]
            _ = try store.record(change, judgedThrough: 7, messages: [])
            _ = try store.store(maker.job(2))
            let entries = try #require(try reopen().feed(from: nil, limit: 100)).entries
            #expect(entries.count == 15 && entries[7].body == .alert(AlertEvent(notice)))
            #expect(Set(entries.map(\.cursor)).count == 15)
            #expect(try reopen().fleet(asOf: at(9)).reportsStored == 14)
            let behind = try #require(try reopen().feed(from: entries[6].cursor, limit: 1)).entries
            #expect(behind == [entries[7]])
            #expect(try reopen().unjudged(limit: 100).entries.count == 8)
        }
    }

    @Test(arguments: Kind.allCases)
    func `what people did is kept with it until the audit log has it`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            func action(_ number: Int64) -> CollectorAction {
                CollectorAction(
                    who: "operator/alice", what: .alertAcknowledge, target: "alert \(number)", reason: "seen",
                    at: at(number))
            }
            #expect(try store.actions(limit: 9).actions.isEmpty && store.actions(limit: 9).through == 0)
            _ = try store.record(AlertBook.Changes(), judgedThrough: 0, messages: [], actions: [action(1), action(2)])
            try store.note(action(3))
            let (first, through) = try reopen().actions(limit: 2)
            #expect(first == [action(1), action(2)])
            let (all, last) = try reopen().actions(limit: 9)
            #expect(all.count == 3 && last == through + 1)
            try store.forgetActions(through: through)
            #expect(try reopen().actions(limit: 9).actions == [action(3)])
            try store.forgetActions(through: last)
            try store.note(action(4))
            // A number is never given twice.
            #expect(try reopen().actions(limit: 9).through == last + 1)
        }
    }

    @Test(arguments: Kind.allCases)
    func `messages wait in order until they are removed, and through a restart`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            _ = try store.record(
                AlertBook.Changes(), judgedThrough: 0,
                messages: [message(1), message(2, of: "dumps"), message(3, to: "chat")])
            let first = try #require(try reopen().takeOutgoing(to: "ops", at: at(10)))
            // A try that nobody knows the end of counts.
            #expect(first.key == "k1" && first.body == message(1).body && first.attempts == 1)
            try store.postponeOutgoing(first.id, until: at(20), refusal: nil, at: at(10))
            let second = try #require(try store.takeOutgoing(to: "ops", at: at(10)))
            #expect(second.key == "k2")
            let again = try #require(try store.takeOutgoing(to: "ops", at: at(20)))
            #expect(again.key == "k1" && again.attempts == 2)
            let queues = try reopen().outgoingQueues()
            #expect(queues["ops"] == OutgoingQueue(waiting: 2, oldestAt: at(1)) && queues["chat"]?.waiting == 1)
            try store.removeOutgoing(first.id)
            try store.removeOutgoing(second.id)
            #expect(try reopen().takeOutgoing(to: "ops", at: at(99)) == nil)
            #expect(try reopen().takeOutgoing(to: "chat", at: at(99))?.key == "k3")
        }
    }

    @Test(arguments: Kind.allCases)
    func `messages of one cause never pass each other, and a test passes all`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            func ping(_ number: Int64, _ agent: String, _ status: Status) -> OutgoingMessage {
                OutgoingMessage(
                    channel: "ops", key: "p\(number)", createdAt: at(number),
                    body: .ping(
                        JobPing(
                            policy: PolicyName(rawValue: "nightly"), agent: AgentID(rawValue: agent),
                            job: JobID(rawValue: number), status: status)))
            }
            _ = try store.record(
                AlertBook.Changes(), judgedThrough: 0,
                messages: [
                    message(1), message(2, of: "dumps"), message(3, .resolved), ping(4, "web-1", .running),
                    ping(5, "web-1", .successful), ping(6, "web-2", .running), message(7, .test),
                ])
            func next(_ seconds: Int64) throws -> String? { try reopen().takeOutgoing(to: "ops", at: at(seconds))?.key }
            #expect(try next(10) == "k7")
            try store.removeOutgoing(7)
            // Those that wait for an earlier one wait, whatever else is due.
            try store.postponeOutgoing(1, until: at(50), refusal: nil, at: at(10))
            try store.postponeOutgoing(4, until: at(60), refusal: nil, at: at(10))
            #expect(try next(10) == "k2")
            try store.removeOutgoing(2)
            #expect(try next(10) == "p6")
            try store.removeOutgoing(6)
            #expect(try next(10) == nil)
            #expect(try next(50) == "k1")
            // What was refused stands in nobody's way.
            try store.postponeOutgoing(1, until: at(900), refusal: "550 no", at: at(50))
            #expect(try next(50) == "k3")
            try store.removeOutgoing(3)
            #expect(try next(60) == "p4")
            try store.removeOutgoing(4)
            #expect(try next(60) == "p5")
        }
    }

    @Test(arguments: Kind.allCases)
    func `those who have not got a message are kept with it`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            _ = try store.record(AlertBook.Changes(), judgedThrough: 0, messages: [message(1)])
            #expect(try store.takeOutgoing(to: "ops", at: at(10))?.recipients == nil)
            let left = ["boss@example.org", "ops@example.org"]
            try store.postponeOutgoing(1, until: at(20), refusal: "450 greylisted", recipients: left, at: at(10))
            #expect(try reopen().takeOutgoing(to: "ops", at: at(20))?.recipients == left)
        }
    }

    @Test(arguments: Kind.allCases)
    func `a message that a wrong clock made wait for years is sent`(_ kind: Kind) throws {
        try with(kind) { store, _ in
            _ = try store.record(AlertBook.Changes(), judgedThrough: 0, messages: [message(1)])
            let first = try #require(try store.takeOutgoing(to: "ops", at: at(10)))
            try store.postponeOutgoing(first.id, until: at(90_000_000), refusal: nil, at: at(10))
            #expect(try store.takeOutgoing(to: "ops", at: at(10))?.key == "k1")
        }
    }

    @Test(arguments: Kind.allCases)
    func `what was refused stays until it is sent again or discarded`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            _ = try store.record(
                AlertBook.Changes(), judgedThrough: 0, messages: [message(1), message(2), message(3), message(4)])
            for (id, until) in [(1, at(20)), (2, nil)] as [(Int64, UnixTime?)] {
                let taken = try #require(try store.takeOutgoing(to: "ops", at: at(10)))
                #expect(taken.id == id)
                try store.postponeOutgoing(id, until: until, refusal: "550 nobody \(id)", at: at(10 + id))
            }
            var queue = OutgoingQueue(waiting: 2, oldestAt: at(3), refused: 2, refusal: "550 nobody 2")
            #expect(try reopen().outgoingQueues()["ops"] == queue)
            let (listed, total) = try reopen().outgoing(of: "ops", limit: 3)
            #expect(listed.map(\.id) == [1, 2, 3] && total == 4)
            #expect(listed.map(\.refusal) == ["550 nobody 1", "550 nobody 2", nil])
            #expect(listed.map(\.refusedAt) == [at(11), at(12), nil])
            // The first is tried again by itself, the second only when somebody asks.
            #expect(try store.takeOutgoing(to: "ops", at: at(19))?.id == 3)
            #expect(try store.takeOutgoing(to: "ops", at: at(20))?.id == 1)
            try store.removeOutgoing(1)
            try store.removeOutgoing(3)
            #expect(try store.takeOutgoing(to: "ops", at: at(900_000))?.id == 4)
            try store.removeOutgoing(4)
            #expect(try store.takeOutgoing(to: "ops", at: at(900_000)) == nil)
            queue = OutgoingQueue(waiting: 0, oldestAt: nil, refused: 1, refusal: "550 nobody 2")
            #expect(try reopen().outgoingQueues()["ops"] == queue)
            #expect(try store.resendOutgoing(.refused(channel: "chat"), at: at(30)) == 0)
            #expect(try store.resendOutgoing(.refused(channel: "ops"), at: at(30)) == 1)
            let again = try #require(try reopen().takeOutgoing(to: "ops", at: at(30)))
            #expect(again.id == 2 && again.refusal == nil && again.key == "k2")
            try store.postponeOutgoing(2, until: nil, refusal: "still", at: at(31))
            #expect(try store.discardOutgoing(.ids([7])).isEmpty)
            #expect(try store.discardOutgoing(.refused(channel: "ops")).map(\.key) == ["k2"])
            #expect(try reopen().outgoingQueues().isEmpty)
            _ = try store.record(AlertBook.Changes(), judgedThrough: 0, messages: [message(5), message(6)])
            let all = try store.discardOutgoing(.all(channel: "ops"))
            #expect(all.map(\.key) == ["k5", "k6"])
        }
    }

    /// One notice of an alert, to a channel that is down.
    private func notice(
        _ number: Int64, _ kind: AlertKind, _ occasion: AlertNotice.Occasion, alert id: Int64
    ) -> OutgoingMessage {
        let notice = AlertNotice(occasion: occasion, alert: alert(id, kind, "web-1", "web-2"), at: at(number))
        return OutgoingMessage(channel: "ops", key: "k\(number)", createdAt: at(number), body: .notice(notice))
    }

    @Test(arguments: Kind.allCases)
    func `a channel that is down for long has few messages, which lack nothing`(_ kind: Kind) async throws {
        try await besideOtherTests {
            try with(kind) { store, reopen in
                let limit = Int64(OutgoingLimit.messages)
                _ = try store.record(
                    AlertBook.Changes(), judgedThrough: 0, messages: [notice(1, .missed, .raised, alert: 9)])
                // Somebody may have got it: it keeps its name.
                _ = try store.takeOutgoing(to: "ops", at: at(1))
                var folded = 0
                for number in 2...limit * 3 {
                    let message =
                        number % 2 == 0
                        ? notice(number, .backupFailed, .raised, alert: number)
                        : notice(number, .backupFailed, .resolved, alert: number - 1)
                    let letter = ReportLetter(title: "t", lines: [], at: at(number))
                    let daily = OutgoingMessage(
                        channel: "ops", key: "d\(number)", createdAt: at(number), body: .letter(letter))
                    folded += try store.record(
                        AlertBook.Changes(), judgedThrough: 0,
                        messages: number % 1_000 == 0 ? [message, daily] : [message])
                }
                let (messages, total) = try reopen().outgoing(of: "ops", limit: 10_000)
                let letters = limit * 3 / 1_000
                #expect(total <= OutgoingLimit.messages && messages.count == total)
                #expect(Int64(folded + total) == limit * 3 + letters)
                #expect(messages.map(\.id) == messages.map(\.id).sorted() && Set(messages.map(\.key)).count == total)
                #expect(messages[0].key == "k1" && messages[0].body == notice(1, .missed, .raised, alert: 9).body)
                guard case .digest(let digest) = messages[1].body else {
                    Issue.record("no digest")
                    return
                }
                #expect(messages[1].key == "k2-and-\(digest.messages - 1)")
                let entry = try #require(digest.entries.first)
                #expect(digest.entries.count == 1 && entry.cause.kind == .backupFailed)
                #expect(entry.alerts.lowerBound == 2 && entry.firstAt == at(2) && entry.agents == 2)
                let rest = messages.dropFirst(2).count { if case .notice = $0.body { true } else { false } }
                let left = messages.count { if case .letter = $0.body { true } else { false } }
                #expect(Int64(entry.messages + rest) == limit * 3 - 1 && Int64(digest.reports + left) == letters)
            }
        }
    }

    @Test(arguments: Kind.allCases)
    func `signs of life that wait are put together by policy and agent`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            let count = Int64(OutgoingLimit.messages) + 1
            let messages = (1...count).map { number in
                OutgoingMessage(
                    channel: "checks", key: "k\(number)", createdAt: at(number),
                    body: .ping(
                        JobPing(
                            policy: PolicyName(rawValue: "nightly"), agent: AgentID(rawValue: "web-\(number % 2)"),
                            job: JobID(rawValue: number), status: number % 10 == 0 ? .failed : .successful)))
            }
            let folded = try store.record(AlertBook.Changes(), judgedThrough: 0, messages: messages)
            let kept = try reopen().outgoing(of: "checks", limit: 10_000).messages
            #expect(folded + kept.count == messages.count)
            let pings = kept.map { message -> JobPing? in
                if case .ping(let ping) = message.body { ping } else { nil }
            }
            #expect(pings.reduce(0) { $0 + ($1?.folded ?? 0) } == folded)
            let old = messages.prefix(messages.count - kept.count + 2)
            #expect(kept.prefix(2).map(\.key) == old.suffix(2).map(\.key))
            let failures = old.dropLast(2).count { message in
                if case .ping(let ping) = message.body { ping.status == .failed } else { false }
            }
            #expect(pings.reduce(0) { $0 + ($1?.foldedFailures ?? 0) } == failures && failures > 0)
        }
    }

    @Test(arguments: Kind.allCases)
    func `very many that were refused are put together too`(_ kind: Kind) throws {
        try with(kind) { store, reopen in
            let count = Int64(OutgoingLimit.messages) + 1
            for number in 1...count {
                _ = try store.record(
                    AlertBook.Changes(), judgedThrough: 0, messages: [notice(number, .missed, .raised, alert: number)])
                let taken = try #require(try store.takeOutgoing(to: "ops", at: at(count)))
                try store.postponeOutgoing(taken.id, until: nil, refusal: "550 no", at: at(count))
            }
            let (messages, total) = try reopen().outgoing(of: nil, limit: 10_000)
            #expect(total == OutgoingLimit.messages / 2 + 1)
            guard case .digest(let digest) = messages[0].body else {
                Issue.record("no digest")
                return
            }
            #expect(digest.messages + total - 1 == count && messages.allSatisfy { $0.refusal == "550 no" })
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
