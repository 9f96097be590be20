import BookendModel
import Foundation
import Testing

/// Rows of `AlertVectors/`, as its `README.md` explains them.
@Suite struct AlertVectorTests {
    struct File: Decodable {
        var about: String
        var rows: [Row]
    }

    struct Row: Decodable {
        var name: String
        var steps: [Step]
        var result: [String]
    }

    struct Step: Decodable {
        var at_min: Int64?
        var events: [String]
        var expect: [String]?
    }

    private static func files() throws -> [(String, File)] {
        let folder = try #require(Bundle.module.url(forResource: "AlertVectors", withExtension: nil))
        let urls = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return try urls.filter { $0.pathExtension == "json" }.map {
            ($0.lastPathComponent, try JSONDecoder().decode(File.self, from: Data(contentsOf: $0)))
        }
    }

    @Test func `every row leads to exactly what it says`() throws {
        var played = 0
        for (name, file) in try Self.files() {
            #expect(Set(file.rows.map(\.name)).count == file.rows.count, "\(name)")
            for row in file.rows {
                try play(row, "\(name): \(row.name)")
                played += 1
            }
        }
        #expect(played >= 54)
    }

    private func play(_ row: Row, _ place: String) throws {
        var book = AlertBook(rules: AlertRules())
        let start = UnixTime(milliseconds: 1_700_000_000_000)
        var now = start
        for (number, step) in row.steps.enumerated() {
            if let minutes = step.at_min { now = start + .seconds(60 * minutes) }
            for event in step.events { try AlertScript.happen(event, to: &book, at: now) }
            // What is recorded goes on as well as what was never laid down.
            let told = book.takeChanges(at: now).notices.map(AlertScript.words)
            if let expected = step.expect {
                #expect(told == expected, "\(place), step \(number + 1)")
            }
        }
        #expect(book.activeAlerts.map { AlertScript.words($0, $0.open) } == row.result, "\(place)")
    }

    @Test func `a book that is laid down and taken up after each step goes on the same`() throws {
        for (name, file) in try Self.files() {
            for row in file.rows {
                var kept: [Int64: Alert] = [:]
                var silences: [AlertSilence] = []
                var highest: Int64 = 0
                let start = UnixTime(milliseconds: 1_700_000_000_000)
                var now = start
                for (number, step) in row.steps.enumerated() {
                    var book = AlertBook(
                        rules: AlertRules(), alerts: kept.values.filter(\.isActive), silences: silences,
                        highestID: highest)
                    if let minutes = step.at_min { now = start + .seconds(60 * minutes) }
                    for event in step.events { try AlertScript.happen(event, to: &book, at: now) }
                    let changes = book.takeChanges(at: now)
                    if let expected = step.expect {
                        #expect(
                            changes.notices.map(AlertScript.words) == expected,
                            "\(name): \(row.name), step \(number + 1)")
                    }
                    for alert in changes.alerts {
                        var alert = alert
                        alert.subjects.merge(kept[alert.id]?.subjects ?? [:]) { changed, _ in changed }
                        kept[alert.id] = alert
                    }
                    silences = changes.silences ?? silences
                    highest = max(highest, kept.keys.max() ?? 0, silences.map(\.id).max() ?? 0)
                }
                #expect(
                    kept.values.filter(\.isActive).sorted { $0.id < $1.id }.map { AlertScript.words($0, $0.open) }
                        == row.result, "\(name): \(row.name)")
            }
        }
    }

    @Test func `a thousand agents that fail alike in forty minutes are one message, and one more when they recover`()
        throws
    {
        var book = AlertBook(rules: AlertRules())
        let start = UnixTime(milliseconds: 1_700_000_000_000)
        var notices: [AlertNotice] = []
        for minute in 0..<600 as Range<Int64> {
            let now = start + .seconds(60 * minute)
            for agent in 0..<1_000 where Int64(agent) / 25 == minute {
                try AlertScript.happen("end \(agent + 1) web-\(agent) nightly 0 1 0", to: &book, at: now)
            }
            notices += book.takeChanges(at: now).notices
        }
        #expect(notices.map(\.occasion) == [.raised])
        #expect(notices.first?.alert.subjects.count == 1_000 && notices.first?.news.count == 1_000)
        for minute in 1_440..<2_000 as Range<Int64> {
            let now = start + .seconds(60 * minute)
            for agent in 0..<1_000 where Int64(agent) / 25 == minute - 1_440 {
                try AlertScript.happen("end \(agent + 2_001) web-\(agent) nightly 0 0 0", to: &book, at: now)
            }
            notices += book.takeChanges(at: now).notices
        }
        #expect(notices.filter { $0.occasion != .reminder }.map(\.occasion) == [.raised, .resolved])
        #expect(book.activeAlerts.isEmpty)
    }

    /// Mended in the morning, or by the next night's jobs: then there is the reminder that is due after a day.
    @Test(arguments: [(600, []), (1_440, [.reminder])] as [(Int64, [AlertNotice.Occasion])])
    func `a thousand that fail alike over eight hours are one message, and one when they recover`(
        mendedFrom: Int64, between: [AlertNotice.Occasion]
    ) throws {
        var book = AlertBook(rules: AlertRules())
        let start = UnixTime(milliseconds: 1_700_000_000_000)
        var notices: [(minute: Int64, notice: AlertNotice)] = []
        for minute in 0..<2_000 as Range<Int64> {
            let now = start + .seconds(60 * minute)
            for agent in 0..<1_000 {
                let turn = Int64(agent) * 480 / 1_000
                if turn == minute {
                    try AlertScript.happen("end \(agent + 1) web-\(agent) nightly 0 1 0", to: &book, at: now)
                }
                if turn + mendedFrom == minute {
                    try AlertScript.happen("end \(agent + 2_001) web-\(agent) nightly 0 0 0", to: &book, at: now)
                }
            }
            notices += book.takeChanges(at: now).notices.map { (minute, $0) }
        }
        #expect(notices.map(\.notice.occasion) == [.raised] + between + [.resolved])
        #expect(notices.first?.minute == 60 && notices.first?.notice.news.count == 128)
        #expect(notices.last?.minute == mendedFrom + 479 && notices.last?.notice.alert.subjects.count == 1_000)
        if !between.isEmpty {
            // All that are not yet well, with those of whom nobody was told.
            #expect(notices[1].minute == 1_500 && notices[1].notice.news.count == 872)
        }
        #expect(book.activeAlerts.isEmpty)
    }

    @Test func `those are alike who have the same status and the same words`() {
        func likeness(_ agent: String, _ status: Status, _ reason: String) -> AlertSubject.Likeness {
            AlertSubject(
                agent: AgentID(rawValue: agent), job: nil, status: status, reason: reason,
                raisedAt: UnixTime(milliseconds: 0)
            ).likeness
        }
        let one = likeness("mail", .failed, "/srv/mail/repository: locked by PID 4711 since 02:17 (3m2s)")
        #expect(one == likeness("chat", .failed, "/srv/chat/repository: locked by PID 815 since 04:01 (1h9m)"))
        #expect(one != likeness("chat", .repositoryLocked, "/srv/chat/repository: locked by PID 815 since 04:01 (1h)"))
        #expect(one != likeness("chat", .failed, "/srv/chat/repository: no space left"))
    }

    @Test func `those who are another channel's business do not wait for a day`() {
        var book = AlertBook(rules: AlertRules())
        let start = UnixTime(milliseconds: 1_700_000_000_000)
        let labels = [
            AgentID(rawValue: "web-1"): ["role": "web"], AgentID(rawValue: "web-2"): ["role": "web"],
            AgentID(rawValue: "db-1"): ["role": "db"],
        ]
        func told(_ minutes: Int64) -> [[String]] {
            book.takeChanges(
                at: start + .seconds(60 * minutes), labels: labels, audience: { [$1["role"] ?? ""] }
            ).notices.map { $0.news.map(\.agent.rawValue) }
        }
        func fail(_ agent: String, at minutes: Int64) {
            book.raise(
                .backupFailed, PolicyName(rawValue: "nightly"), AgentID(rawValue: agent), status: .failed,
                reason: "no space left", at: start + .seconds(60 * minutes))
        }
        fail("web-1", at: 0)
        #expect(told(5) == [["web-1"]])
        fail("web-2", at: 30)
        #expect(told(300) == [])
        fail("db-1", at: 300)
        #expect(told(305) == [["db-1", "web-2"]])
    }

    @Test func `a silence that names labels covers the agents that have all of them`() {
        var book = AlertBook(rules: AlertRules())
        let now = UnixTime(milliseconds: 1_700_000_000_000)
        _ = book.silence(
            AlertSilence(labels: ["site": "north", "role": "db"], until: now + .seconds(9_000), reason: "why"))
        for name in ["db-1", "db-2", "web-1"] {
            book.raise(.agentOffline, nil, AgentID(rawValue: name), reason: "silent", at: now)
        }
        let labels = [
            AgentID(rawValue: "db-1"): ["site": "north", "role": "db"],
            AgentID(rawValue: "db-2"): ["site": "south", "role": "db"],
            AgentID(rawValue: "web-1"): ["site": "north"],
        ]
        let told = book.takeChanges(at: now + .seconds(3_600), labels: labels).notices
        #expect(told.map { $0.news.map(\.agent.rawValue) } == [["db-2", "web-1"]])
        let later = book.takeChanges(at: now + .seconds(18_000), labels: labels).notices
        #expect(later.map { $0.news.map(\.agent.rawValue) } == [["db-1"]])
    }
}
