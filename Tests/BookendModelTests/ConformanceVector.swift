import BookendModel
import Foundation
import Testing

/// A file of vectors, as `Vectors/README.md` explains it.
struct VectorFile: Decodable {
    var about: String
    var vectors: [ConformanceVector]

    static func urls() throws -> [URL] {
        let folder = try #require(Bundle.module.url(forResource: "Vectors", withExtension: nil))
        let urls = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return urls.filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }
    }

    static func all() throws -> [(name: String, file: VectorFile)] {
        try urls().map { url in
            (url.lastPathComponent, try JSONDecoder().decode(VectorFile.self, from: Data(contentsOf: url)))
        }
    }
}

struct ConformanceVector: Decodable {
    struct Rules: Decodable {
        var scripts: Bool?
        var skip_backup_if_pre_fails: Bool?
        var skip_backup_if_pre_missing: Bool?
        var attempts: Int?
        var retry_interval_s: Int?
        var retry_backoff: Int?
        var retry_longest_interval_s: Int?
        var retry_jitter_percent: Int?
        var retry_only_after: [String]?
        var retry_seed: UInt64?
        var window_s: Int64?
        var not_after_s: Int64?
        var first_backup: Bool?
        var ignore_for_first_backup: Bool?
        var pre_left_processes: String?
        var post_left_processes: String?
        var when_agent_offline: String?
        var skipped_because_of: Int64?
        var rehearsal: Bool?
        /// What goes wrong on purpose, one second after the pre-script has begun.
        var fault: String?
    }

    struct Step: Decodable {
        var events: [String]
        var at: Int64?
        var expect: [String]?
        var recovery: Recovery?
    }

    struct Recovery: Decodable {
        var attempts: Int
        var broken_stage: String?
        var pre_script: Int32?
        var backup: Int32?
        var post_script: Int32?
        var owes_post_script: Bool?
        var post_script_broke: Bool?
        var canceled: Bool?
        var retry_at_s: Int64?
    }

    var name: String
    var rules: Rules
    var steps: [Step]
    var result: Result

    struct Result: Decodable {
        enum CodingKeys: String, CodingKey {
            case ran, attempts, alerts, job, backup
            case preScript = "pre-script"
            case postScript = "post-script"
        }

        var ran: [String]?
        var attempts: Int?
        var alerts: [String]?
        var job: String?
        var preScript: String?
        var backup: String?
        var postScript: String?
    }
}

// MARK: - In the model's words

/// Where every vector starts: neither clock at zero, and the two apart, so that a mix-up shows.
let start = Moment(wall: UnixTime(milliseconds: 1_800_000_000_000), boot: BootTime(milliseconds: 5_000_000))

struct UnknownWord: Error { var text: String }

extension ConformanceVector {
    func machine() throws -> JobMachine {
        let pipeline = PipelineRules(
            scriptsEnabled: rules.scripts ?? true, skipBackupIfPreFails: rules.skip_backup_if_pre_fails ?? false,
            skipBackupIfPreMissing: rules.skip_backup_if_pre_missing ?? false, retry: try retry(),
            preLeftProcesses: try leftProcesses(rules.pre_left_processes ?? "end"),
            postLeftProcesses: try leftProcesses(rules.post_left_processes ?? "keep"),
            ignoreWindowForFirstBackup: rules.ignore_for_first_backup ?? false)
        var facts = JobMachine.Facts(
            notAfter: start.wall + .seconds(rules.not_after_s ?? 1_000_000),
            windowEnd: rules.window_s.map { start.boot + .seconds($0) }, isFirstBackup: rules.first_backup ?? false)
        if rules.when_agent_offline == "fail" { facts.lateStatus = .agentOffline }
        facts.retrySeed = rules.retry_seed ?? 0
        facts.isSkippedBecauseOf = rules.skipped_because_of.map(JobID.init(rawValue:))
        facts.isRehearsal = rules.rehearsal ?? false
        facts.fault = try rules.fault.map { word in
            StagedFault(try #require(StagedFault.Kind(rawValue: word)), after: .seconds(1))
        }
        return JobMachine(rules: pipeline, facts: facts)
    }

    private func retry() throws -> RetryPlan {
        RetryPlan(
            attempts: rules.attempts ?? 1, interval: .seconds(rules.retry_interval_s ?? 0),
            backoff: rules.retry_backoff ?? 1, longestInterval: rules.retry_longest_interval_s.map { .seconds($0) },
            jitterPercent: rules.retry_jitter_percent ?? 0,
            onlyAfter: try rules.retry_only_after?.map { word in
                try #require(Status.table.first { $0.name == word }?.status)
            })
    }

    private func leftProcesses(_ word: String) throws -> ScriptPlan.LeftProcesses {
        guard let rule = ScriptPlan.LeftProcesses(rawValue: word) else { throw UnknownWord(text: word) }
        return rule
    }
}

extension ConformanceVector.Step {
    func event(_ words: String) throws -> JobEvent {
        switch words {
        case "accepted": return .accepted
        case "turn": return .turn
        case "start recorded": return .startRecorded
        case "journal failed": return .journalFailed(reason: "the disk is full")
        case "cancel": return .cancel
        case "replaced": return .replaced(by: JobID(rawValue: 7))
        case "shutdown": return .shutdown
        case "drain": return .drain
        case "tick": return .tick
        case "recovered": return .recovered(try #require(recovery).inModel())
        default: break
        }
        let parts = words.split(separator: " ", maxSplits: 1).map(String.init)
        guard parts.count == 2, let stage = Stage(rawValue: parts[0]) else { throw UnknownWord(text: words) }
        if parts[1].hasPrefix("ended ") {
            let end = try stageEnd(parts[1].dropFirst(6))
            return stage == .backup ? .backupEnded(end) : .scriptEnded(stage, .ended(end))
        }
        switch parts[1] {
        case "started": return .scriptStarted(stage)
        case "missing": return .scriptEnded(stage, .missing)
        case "refused": return .scriptEnded(stage, .refused(reason: "others can write it"))
        case "could not start": return .scriptEnded(stage, .couldNotStart(reason: "no execute permission"))
        default: throw UnknownWord(text: words)
        }
    }

    private func stageEnd(_ words: Substring) throws -> StageEnd {
        let parts = words.split(separator: " ", maxSplits: 1)
        guard let number = parts.first.flatMap({ Int32($0) }) else { throw UnknownWord(text: String(words)) }
        var end = StageEnd(Status(rawValue: number))
        switch parts.dropFirst().first {
        case nil: break
        case "leaving processes": end.details.leftProcesses = ["4711 sleep"]
        case "with a snapshot": end.details.snapshotID = "4f2a"
        default: throw UnknownWord(text: String(words))
        }
        return end
    }
}

extension ConformanceVector.Recovery {
    func inModel() throws -> JobRecovery {
        var ends: [Stage: StageEnd] = [:]
        ends[.preScript] = pre_script.map { StageEnd(Status(rawValue: $0)) }
        ends[.backup] = backup.map { StageEnd(Status(rawValue: $0)) }
        ends[.postScript] = post_script.map { StageEnd(Status(rawValue: $0)) }
        return JobRecovery(
            attempts: attempts, brokenStage: try broken_stage.map { try #require(Stage(rawValue: $0)) }, ends: ends,
            owesPostScript: owes_post_script ?? false,
            isPostScriptBroken: post_script_broke ?? false, isCanceled: canceled ?? false,
            retryAt: retry_at_s.map { start.boot + .seconds($0) })
    }
}

extension JobAction {
    /// The action as the vectors spell it.
    var words: String {
        switch self {
        case .report(_, let stage, let status, let details):
            let alerts = details.alerts.map(\.rawValue).joined(separator: " ")
            return "report \(stage?.rawValue ?? "job") \(status)" + (alerts.isEmpty ? "" : ", alerts \(alerts)")
        case .waitForTurn: return "wait for a turn"
        case .recordStart(let attempt, let owes):
            return "record the start of attempt \(attempt)" + (owes ? ", owing the post-script" : "")
        case .runPreScript: return "run the pre-script"
        case .endPreScript: return "end the pre-script"
        case .killPreScript: return "kill the pre-script"
        case .cancelJob: return "cancel the job"
        case .runBackup: return "run the backup"
        case .stopBackup(_, let cause): return "stop the backup because of \(cause.rawValue)"
        case .runPostScript(_, let pre, let backup):
            return "run the post-script with \(pre.status.rawValue) \(backup.status.rawValue)"
        case .settleDebt(_, .paid): return "settle the debt: paid"
        case .settleDebt(_, .neverOwed): return "settle the debt: never owed"
        case .settleDebt(_, .unpaid): return "settle the debt: unpaid"
        case .settleDebt(_, .forgiven): return "settle the debt: forgiven"
        case .scheduleRetry(let moment): return "retry at \((moment.boot - start.boot).milliseconds / 1_000) s"
        case .finish(let status): return "finish \(status)"
        }
    }
}
