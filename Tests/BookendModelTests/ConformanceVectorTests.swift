import BookendModel
import Foundation
import Testing

@Suite struct ConformanceVectorTests {
    @Test func `every vector leads to exactly what it says`() throws {
        var played = 0
        for (name, file) in try VectorFile.all() {
            for vector in file.vectors {
                try play(vector, from: name)
                played += 1
            }
        }
        #expect(played >= 103)
    }

    @Test func `no two vectors have the same name, and each says something`() throws {
        for (name, file) in try VectorFile.all() {
            #expect(Set(file.vectors.map(\.name)).count == file.vectors.count, "\(name)")
            for vector in file.vectors {
                #expect(!vector.steps.isEmpty, "\(name): \(vector.name)")
            }
        }
    }

    /// A misspelled key would be a check that never fails.
    @Test func `every key is one that the explanation names`() throws {
        let known: [String: Set<String>] = [
            "rules": [
                "scripts", "skip_backup_if_pre_fails", "skip_backup_if_pre_missing", "attempts", "retry_interval_s",
                "retry_backoff", "retry_longest_interval_s", "retry_jitter_percent", "retry_only_after", "retry_seed",
                "window_s", "not_after_s", "first_backup", "ignore_for_first_backup", "pre_left_processes",
                "post_left_processes", "when_agent_offline", "skipped_because_of", "rehearsal", "fault",
            ],
            "steps": ["events", "at", "expect", "recovery"],
            "recovery": [
                "attempts", "broken_stage", "pre_script", "backup", "post_script", "owes_post_script",
                "post_script_broke", "canceled",
                "retry_at_s",
            ],
            "result": ["ran", "attempts", "alerts", "job", "pre-script", "backup", "post-script"],
            "vectors": ["name", "rules", "steps", "result"],
            "": ["about", "vectors"],
        ]
        func check(_ value: Any, under parent: String, in file: String) {
            if let list = value as? [Any] {
                for element in list { check(element, under: parent, in: file) }
            } else if let object = value as? [String: Any] {
                for (key, value) in object {
                    #expect(known[parent]?.contains(key) == true, "\(file): \(key) under \(parent)")
                    check(value, under: key, in: file)
                }
            }
        }
        for url in try VectorFile.urls() {
            let content = try JSONSerialization.jsonObject(with: Data(contentsOf: url))
            check(content, under: "", in: url.lastPathComponent)
        }
    }

    private func play(_ vector: ConformanceVector, from file: String) throws {
        var machine = try vector.machine()
        var now = start
        var all: [JobAction] = []
        for (number, step) in vector.steps.enumerated() {
            if let seconds = step.at { now = start + .seconds(seconds) }
            var actions: [JobAction] = []
            for words in step.events {
                actions += machine.handle(try step.event(words), at: now)
            }
            all += actions
            if let expected = step.expect {
                #expect(actions.map(\.words) == expected, "\(file): \(vector.name): step \(number + 1) \(step.events)")
            }
        }
        let outcome = Outcome(of: all, machine)
        let result = vector.result
        let place: Comment = "\(file): \(vector.name)"
        if let ran = result.ran { #expect(outcome.ran == ran, place) }
        if let alerts = result.alerts { #expect(outcome.alerts == alerts, place) }
        if let attempts = result.attempts { #expect(machine.attemptNumber == attempts, place) }
        if let job = result.job { #expect(outcome.finished == job, place) }
        if let status = result.preScript { #expect(outcome.stages[.preScript] == status, place) }
        if let status = result.backup { #expect(outcome.stages[.backup] == status, place) }
        if let status = result.postScript { #expect(outcome.stages[.postScript] == status, place) }
    }

    /// What someone who reads only the actions knows in the end.
    private struct Outcome {
        var ran: [String] = []
        var alerts: [String] = []
        var stages: [Stage: String] = [:]
        var finished: String?

        init(of actions: [JobAction], _ machine: JobMachine) {
            for action in actions {
                switch action {
                case .runPreScript: ran.append("pre-script")
                case .runBackup: ran.append("backup")
                case .runPostScript: ran.append("post-script")
                case .report(let attempt, let stage, let status, let details):
                    alerts += details.alerts.map(\.rawValue)
                    if let stage, attempt == machine.attemptNumber { stages[stage] = status.description }
                case .finish(let status): finished = status.description
                default: break
                }
            }
        }
    }
}
