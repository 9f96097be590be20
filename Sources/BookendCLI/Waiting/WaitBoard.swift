import BookendModel

/// How the jobs of one order are going. Pure: it is told what came, and says what to show.
struct WaitBoard: Sendable {
    private struct Line: Sendable {
        var job: JobAggregate
        var progress: Progress?
        /// When the job came to where it is, by this machine's clock.
        var since: UnixTime

        var rank: Int { job.isOver ? 2 : job.currentStage == nil ? 1 : 0 }
    }

    private var lines: [JobID: Line] = [:]
    private let began: UnixTime

    init(_ records: [TriggerRecord], now: UnixTime) {
        began = now
        for record in records {
            guard let job = JobAggregate(record) else { continue }
            lines[record.trigger.job] = Line(job: job, since: now)
        }
    }

    var jobs: [JobAggregate] { lines.values.map(\.job).sorted { $0.job < $1.job } }
    /// Every job has ended, or was given up.
    var isOver: Bool { lines.values.allSatisfy { $0.job.isOver } }

    // MARK: What came

    /// - Returns: What happened, a line each, for those who see no board.
    mutating func take(_ report: Report, now: UnixTime) -> [String] {
        guard var job = lines[report.trigger.job]?.job else { return [] }
        job.fold(report)
        return replace(job, now: now)
    }

    /// What the collector has stored. May be older than what was published.
    mutating func take(_ stored: JobAggregate, now: UnixTime) -> [String] {
        guard let own = lines[stored.job]?.job else { return [] }
        if let own = own.lastOrigin {
            guard let stored = stored.lastOrigin else { return [] }
            if own.incarnation == stored.incarnation, own.sequence > stored.sequence { return [] }
        }
        return replace(stored, now: now)
    }

    mutating func take(_ progress: Progress) {
        guard let line = lines[progress.job], !line.job.isOver else { return }
        lines[progress.job]?.progress = progress
    }

    private mutating func replace(_ job: JobAggregate, now: UnixTime) -> [String] {
        guard let old = lines[job.job]?.job, old != job else { return [] }
        let moved = old.status != job.status || old.currentStage != job.currentStage
        lines[job.job]?.job = job
        if moved {
            lines[job.job]?.since = now
            lines[job.job]?.progress = nil
        }
        return news(old, job)
    }

    private func news(_ old: JobAggregate, _ new: JobAggregate) -> [String] {
        var news: [String] = []
        let name = "\(new.agent) job \(new.job)"
        for attempt in new.attempts {
            let before = old.attempts.first { $0.attempt == attempt.attempt } ?? AttemptAggregate(attempt: 0)
            for stage in Stage.allCases where attempt[stage].status != before[stage].status {
                let result = attempt[stage]
                guard result.status.isFinal, result.status != .notAvailable else { continue }
                let again = attempt.attempt > 1 ? " (attempt \(attempt.attempt))" : ""
                let why = result.details.reason.isEmpty ? "" : ": \(result.details.reason)"
                news.append("\(name): \(stage.rawValue)\(again) \(result.status)\(why)")
            }
        }
        if old.status != new.status, new.status != .running {
            let next = new.details.nextAttemptAt.map { "; the next one at \($0.rfc3339)" } ?? ""
            let why = new.details.reason.isEmpty ? "" : ": \(new.details.reason)"
            news.append("\(name): \(new.status)\(why)\(next)")
        }
        return news.map(SafeText.line)
    }

    // MARK: What to show

    /// As many lines as the terminal has room for: jobs that run first, then those that wait, then those that are over;
    /// the last line sums up.
    func block(_ terminal: Terminal, now: UnixTime) -> [String] {
        let ordered = lines.values.sorted { ($0.rank, $0.job.agent, $0.job.job) < ($1.rank, $1.job.agent, $1.job.job) }
        let room = max(1, terminal.height - 3)
        let shown = ordered.count <= room ? ordered[...] : ordered.prefix(room - 1)
        let agentWidth = min(24, shown.map(\.job.agent.rawValue.count).max() ?? 0)
        let jobWidth = shown.map(\.job.job.description.count).max() ?? 0
        var result = shown.map { line(of: $0, agentWidth, jobWidth, terminal, now) }
        if shown.count < ordered.count { result.append("… and \(ordered.count - shown.count) more") }
        return result + [summary(terminal, now)]
    }

    private func line(
        of line: Line, _ agentWidth: Int, _ jobWidth: Int, _ terminal: Terminal, _ now: UnixTime
    ) -> String {
        let job = line.job
        let agent = job.agent.rawValue.fitted(to: agentWidth).padded(to: agentWidth)
        let head = "\(agent)  \(job.job.description.padded(to: jobWidth))  "
        let took = Phrases.duration(now - line.since)
        let (text, color): (String, Color?)
        if job.isOver {
            let added = job.attempts.last?.backup.details.bytesAdded.map { ", \(Phrases.bytes($0)) added" } ?? ""
            (text, color) = ("\(job.status)\(added)", job.status.color)
        } else if let stage = job.currentStage {
            let attempt = job.attempts.count > 1 ? " (attempt \(job.attempts.count))" : ""
            (text, color) = ("\(stage.rawValue)\(attempt)\(progressText(line))  \(took)", nil)
        } else {
            let next = job.details.nextAttemptAt.map {
                "  attempt \(job.attempts.count + 1) \(Phrases.relative($0, to: now))"
            }
            (text, color) = ("\(job.status)\(next ?? "")  \(took)", .faint)
        }
        let width = terminal.width ?? 80
        return head + terminal.paint(SafeText.line(text).fitted(to: max(1, width - 1 - head.count)), color)
    }

    private func progressText(_ line: Line) -> String {
        guard let progress = line.progress, progress.stage == line.job.currentStage else { return "" }
        var text = ""
        if let fraction = progress.fraction {
            let part = min(1, max(0, fraction))
            let full = Int(part * 20)
            text += "  [\(String(repeating: "█", count: full))\(String(repeating: "░", count: 20 - full))]"
            let percent = String(Int(part * 100))
            text += String(repeating: " ", count: 4 - percent.count) + percent + " %"
        }
        if progress.bytesTotal > 0 {
            text += "  \(Phrases.bytes(progress.bytesDone)) of \(Phrases.bytes(progress.bytesTotal))"
        }
        return text
    }

    private func summary(_ terminal: Terminal, _ now: UnixTime) -> String {
        let all = lines.values
        let over = all.count { $0.job.isOver }
        let failed = all.count { $0.job.isOver && $0.job.status.isFailure }
        let running = all.count { !$0.job.isOver && $0.job.currentStage != nil }
        let text =
            "\(over) of \(Phrases.count(all.count, "job")) over, \(failed) failed, \(running) running, "
            + "\(all.count - over - running) waiting, after \(Phrases.duration(now - began))"
        return terminal.paint(text.fitted(to: max(1, (terminal.width ?? 80) - 1)), failed > 0 ? .bad : .strong)
    }
}

extension JobAggregate {
    /// Nothing more is to be waited for: it has ended, or the collector gave it up.
    var isOver: Bool { status.isFinal || status.family == .inferred }

    /// The stage that runs; `nil`: none does.
    var currentStage: Stage? {
        guard !isOver, let attempt = attempts.last else { return nil }
        return Stage.allCases.last { !attempt[$0].status.isFinal }
    }
}

extension String {
    /// With spaces behind it.
    func padded(to width: Int) -> String {
        self + String(repeating: " ", count: Swift.max(0, width - count))
    }
}
