import BookendModel
import Foundation
import Testing

/// A file of rows, as `RuleVectors/README.md` explains them.
struct RuleFile: Decodable {
    var about: String
    var rows: [RuleRow]

    static func all() throws -> [(name: String, file: RuleFile)] {
        let folder = try #require(Bundle.module.url(forResource: "RuleVectors", withExtension: nil))
        let urls = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return try urls.filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }.map { url in
            (url.lastPathComponent, try JSONDecoder().decode(RuleFile.self, from: Data(contentsOf: url)))
        }
    }
}

struct RuleRow: Decodable {
    struct Limits: Decodable {
        var per_agent: Int?
        var per_policy: Int?
        var per_repository: Int?
    }

    struct PolicyRow: Decodable {
        var starts_s: [Int64]?
        var after_success_s: Int64?
        var window_s: Int64?
        var catch_up: String?
        var when_agent_offline: String?
        var overlap: String?
        var limits: Limits?
        var repository: String?
        /// How long a backup takes.
        var job_s: Int64?
        var attempts: Int?
        var retry_interval_s: Int64?
        var backoff: Int?
        var longest_interval_s: Int64?
        var only_after: [Int32]?
        /// So many of the first backups on each agent fail.
        var failures: Int?
    }

    struct AgentRow: Decodable {
        /// From when to when; several such pairs behind each other.
        var down_s: [Int64]?
        var cut_off_s: [Int64]?
        var jobs_at_once: Int?
    }

    struct Order: Decodable {
        var at_s: Int64
        var agent: String
        var policy: String
    }

    struct Cancel: Decodable {
        var at_s: Int64
        var agent: String
        var policy: String
        var start_s: Int64
    }

    var name: String
    var policies: [String: PolicyRow]
    var agents: [String: AgentRow]?
    var jobs_at_once: Int?
    var cancels: [Cancel]?
    /// Backup now.
    var orders: [Order]?
    /// The coordinator is started anew with what its store has.
    var coordinator_restarts_s: [Int64]?
    var paused_s: [Int64]?
    /// Of the agent `a`.
    var maintenance_s: [Int64]?
    var until_s: Int64
    var expect: [String]
}

extension RuleRow.PolicyRow {
    func policy(_ name: String) throws -> Policy {
        var policy = Policy(
            name: PolicyName(rawValue: name), selector: Selector(patterns: ["*"]),
            engine: .restic(
                ResticPlan(repository: RepositoryName(rawValue: repository ?? "main"), sources: ["/etc"])))
        policy.schedules = (starts_s ?? []).map { .at(RuleFleet.start.wall + .seconds($0)) }
        if let interval = after_success_s { policy.schedules = [Schedule(.afterSuccess(.seconds(interval)))] }
        policy.window = window_s.map { .seconds($0) }
        policy.catchUp = try word(catch_up, .none)
        policy.whenAgentOffline = try word(when_agent_offline, .queue)
        policy.overlap = try word(overlap, .queue)
        policy.limits = StartLimits(
            perPolicy: limits?.per_policy, perRepository: limits?.per_repository, perAgent: limits?.per_agent)
        policy.retry = RetryPlan(
            attempts: attempts ?? 1, interval: .seconds(retry_interval_s ?? 0), backoff: backoff ?? 1,
            longestInterval: longest_interval_s.map { .seconds($0) },
            onlyAfter: only_after?.map { Status(rawValue: $0) })
        #expect(policy.problems() == [])
        return policy
    }

    private func word<Word: RawRepresentable>(_ text: String?, _ absent: Word) throws -> Word
    where Word.RawValue == String {
        guard let text else { return absent }
        guard let word = Word(rawValue: text) else { throw UnknownWord(text: text) }
        return word
    }
}

@Suite struct RuleVectorTests {
    @Test func `every row happens exactly as it says`() throws {
        var played = 0
        for (name, file) in try RuleFile.all() {
            #expect(Set(file.rows.map(\.name)).count == file.rows.count, "\(name)")
            for row in file.rows {
                var fleet = try RuleFleet(row)
                fleet.run()
                #expect(fleet.events == row.expect, "\(name): \(row.name)")
                played += 1
            }
        }
        #expect(played >= 91)
    }

    /// A misspelled key would be a rule that is not looked at.
    @Test func `every key is one that the explanation names`() throws {
        let folder = try #require(Bundle.module.url(forResource: "RuleVectors", withExtension: nil))
        let readme = try String(contentsOf: folder.appendingPathComponent("README.md"), encoding: .utf8)
        let named = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".json") }
        func check(_ value: Any, _ depth: Int, isName: Bool) {
            if let list = value as? [Any] { for item in list { check(item, depth, isName: false) } }
            guard let object = value as? [String: Any] else { return }
            for (key, inner) in object {
                // The keys under these two are names that the row gives.
                if !isName { #expect(readme.contains("`\(key)`"), "\(key)") }
                check(inner, depth + 1, isName: key == "policies" || key == "agents")
            }
        }
        for name in named {
            let data = try Data(contentsOf: folder.appendingPathComponent(name))
            check(try JSONSerialization.jsonObject(with: data), 0, isName: false)
        }
    }
}
