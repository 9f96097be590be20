import Foundation

/// What the scripts of one scenario wrote about themselves: evidence that Bookend did not make.
struct Ledger: Sendable {
    /// One line: `pre begin NANOSECONDS ATTEMPT PATH [ARGUMENT …]`, or `end` with the exit status as its argument.
    struct Line: Hashable, Sendable {
        var stage: String
        var event: String
        var nanoseconds: Int64
        var attempt: Int
        var path: String
        var arguments: [String]
        var job: String

        init?(_ text: Substring) {
            let words = text.split(separator: " ").map(String.init)
            guard words.count >= 6, let time = Int64(words[2]), let attempt = Int(words[3]) else { return nil }
            (stage, event, nanoseconds) = (words[0], words[1], time)
            (self.attempt, job, path, arguments) = (attempt, words[4], words[5], Array(words[6...]))
        }
    }

    let directory: String

    private var file: String { directory + "/ledger" }

    var lines: [Line] { text("ledger").split(separator: "\n").compactMap(Line.init) }

    func lines(of job: Int64) -> [Line] { lines.filter { $0.job == "\(job)" } }

    /// What ran for a job, in order: `pre`, `backup`, `post`.
    func begins(_ job: Int64) -> [String] {
        lines(of: job).filter { $0.event == "begin" }.map(\.stage)
    }

    /// What ran to an end of its own, in order.
    func ends(_ job: Int64) -> [String] {
        lines(of: job).filter { $0.event == "end" }.map(\.stage)
    }

    /// The arguments of a stage's only run, or of its run in one attempt.
    func arguments(_ stage: String, _ job: Int64, attempt: Int = 1) -> [String]? {
        lines(of: job).first { $0.event == "begin" && $0.stage == stage && $0.attempt == attempt }?.arguments
    }

    func environment(_ stage: String, _ job: Int64, attempt: Int = 1) -> [String: String] {
        let pairs = text("environment.\(stage).\(job).\(attempt)").split(separator: "\n").compactMap {
            line -> (String, String)? in
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
        }
        return Dictionary(pairs) { $1 }
    }

    /// A file that a script wrote; empty when there is none.
    func text(_ name: String) -> String {
        (try? String(contentsOfFile: directory + "/" + name, encoding: .utf8)) ?? ""  // No file says nothing.
    }

    /// The process that a script noted in a file is alive.
    func isAlive(_ name: String) -> Bool {
        let pid = text(name).trimmingCharacters(in: .whitespacesAndNewlines)
        guard !pid.isEmpty, let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)  // Gone.
        else { return false }
        return !stat.contains(") Z")
    }

    /// The text of a script that writes its ledger around its body.
    ///
    /// - Parameter job: What names the job: `$1` for scripts, `$BOOKEND_JOB_ID` for the engine.
    static func script(_ stage: String, in directory: String, job: String, body: String) -> String {
        """
        #!/bin/sh
        here='\(directory)'
        job="\(job)"
        note() { event=$1; shift; printf '%s\\n' "\(stage) $event $(date +%s%N) $BOOKEND_ATTEMPT $job $*" >>"$here/ledger"; }
        open() { while [ ! -e "$here/$1" ]; do sleep 0.05; done; }
        note begin "$0" "$@"
        env | LC_ALL=C sort >"$here/environment.\(stage).$job.$BOOKEND_ATTEMPT"
        trap 'note end "$0" "$?"' EXIT
        \(body)

        """
    }
}
