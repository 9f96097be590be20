import BookendModel
import FoundationEssentials

/// What the supervisor's events add up to.
struct StageEvents {
    var outcome = StageOutcome(ending: .lost("its supervisor was ended from outside"))
    private let rule: ScriptPlan.LeftProcesses
    private var hasEnded = false

    init(leftProcesses: ScriptPlan.LeftProcesses) {
        rule = leftProcesses
    }

    /// Notes why the program is ended; false when it has ended already, or an earlier cause stands.
    mutating func stop(_ cause: StageOutcome.StopCause) -> Bool {
        guard !hasEnded, outcome.stopCause == nil else { return false }
        outcome.stopCause = cause
        return true
    }

    /// What should have started a supervisor ended with an error. Unless something stands in the record, which a supervisor
    /// writes before it starts anything, nothing was run.
    mutating func supervisorDidNotStart(because reason: String, record: String?) {
        guard case .lost = outcome.ending else { return }
        let text = record.flatMap { FileManager.default.contents(atPath: $0) } ?? Data()  // No record: no supervisor.
        if text.allSatisfy({ $0 == 0 }) { outcome.ending = .couldNotStart(reason) }
    }

    /// Folds one event in; returns the line that it passes on, or the answer that the supervisor waits for.
    mutating func take(_ event: String) -> (line: StageLine?, answer: String?) {
        let parts = event.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        let rest = parts.count == 2 ? String(parts[1]) : ""
        switch parts[0] {
        case "stdout": return (StageLine(isError: false, text: rest), nil)
        case "stderr": return (StageLine(isError: true, text: rest), nil)
        case "could-not-start": outcome.ending = .couldNotStart(rest)
        case "exited": end(.exited(Int32(rest) ?? -1))
        case "signaled": end(.signaled(Int32(rest) ?? 0))
        case "left":
            let fields = rest.split(separator: " ", maxSplits: 2)
            if fields.count == 3 && outcome.leftProcesses.count < 20 {
                outcome.leftProcesses.append("\(fields[0]) \(fields[2])")
            }
        case "deciding": return (nil, rule == .end ? "end 10000" : "keep")
        case "output-left-out":
            let more = rest.split(separator: " ").last.flatMap { Int64($0) } ?? 0
            outcome.bytesLeftOut = outcome.bytesLeftOut.addingSaturating(max(0, more))
        default: break
        }
        return (nil, nil)
    }

    private mutating func end(_ ending: StageOutcome.Ending) {
        outcome.ending = ending
        hasEnded = true
    }
}

/// Cuts bytes into lines; a line without an end waits for the next bytes, up to 128 KiB.
struct LineSplitter {
    private var rest: [UInt8] = []

    mutating func append(_ bytes: UnsafeRawBufferPointer) -> [String] {
        rest += bytes
        guard let end = rest.lastIndex(of: 0x0A) else {
            if rest.count > 128 << 10 { rest = [] }
            return []
        }
        let lines = rest[..<end].split(separator: 0x0A, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        rest.removeSubrange(...end)
        return lines
    }
}
