import BookendModel

/// A job as `bookend job N --output json` shows it.
struct JobView: Sendable {
    struct StageView: Sendable {
        let json: JSON
        var status: Int64? { json["status"]["status"].int }
        var reason: String { json["reason"].text ?? "" }
        var exitCode: Int64? { json["exit_code"].int }
    }

    struct AttemptView: Sendable {
        let json: JSON
        var preScript: StageView { StageView(json: json["pre_script"]) }
        var backup: StageView { StageView(json: json["backup"]) }
        var postScript: StageView { StageView(json: json["post_script"]) }
        var integers: Integers {
            Integers(preScript.status ?? -1, backup.status ?? -1, postScript.status ?? -1)
        }
    }

    let json: JSON
    var id: Int64? { json["job_id"].int }
    var status: Int64? { json["status"]["status"].int }
    var attempts: [AttemptView] { json["attempts"].list.map(AttemptView.init) }
    var last: AttemptView { attempts.last ?? AttemptView(json: .null) }
    /// Every alert that the job or its stages carry.
    var alerts: Set<String> { Set(json.all("alerts").flatMap(\.list).compactMap(\.text)) }
}

/// The integers of one attempt: pre-script, backup, post-script.
struct Integers: Hashable, Sendable, CustomStringConvertible {
    var pre: Int64
    var backup: Int64
    var post: Int64

    init(_ pre: Int64, _ backup: Int64, _ post: Int64) {
        self.pre = pre
        self.backup = backup
        self.post = post
    }

    var description: String { "\(pre) \(backup) \(post)" }
    var all: [Int64] { [pre, backup, post] }
}

/// One line of `bookend watch --output json`.
struct FeedLine: Hashable, Sendable {
    let json: JSON
    let line: String

    init(_ line: String) throws {
        json = try JSON(parsing: line)
        self.line = line
    }

    var cursor: JSON { json["cursor"] }
    /// For `watch --from`.
    var cursorText: String { cursor.text ?? cursor.int.map(String.init) ?? "" }
    /// What a collector concluded: it has no place among an agent's reports.
    var isInference: Bool { json["is_inference"].bool ?? false }
    /// One agent's stream of reports to the collector.
    var stream: String { "\(json["agent"].text ?? "") \(json["incarnation"].text ?? "")" }
    var sequence: Int64 { json["sequence"].int ?? -1 }
    var job: Int64 { json["job_id"].int ?? -1 }
    var attempt: Int64 { json["attempt"].int ?? -1 }
    var stage: String? { json["stage"].text }
    var status: Int64 { json["status"]["status"].int ?? -1 }
    var endsJob: Bool { json["ends_job"].bool ?? false }
    var alerts: Set<String> { Set(json.all("alerts").flatMap(\.list).compactMap(\.text)) }
}

extension Int64 {
    /// Number and name, as people see a status.
    var statusText: String { "\(Status(rawValue: Int32(self)))" }
}
