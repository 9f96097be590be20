import BookendModel

/// Jobs as lines.
enum JobTables {
    static func list(_ jobs: [JobAggregate], now: UnixTime) -> Table {
        var table = Table([
            .init("JOB", .right), .init("AGENT", shrinksTo: 8), .init("POLICY", shrinksTo: 8),
            .init("STATUS", shrinksTo: 12, shrinksLast: true), .init("STARTED", isDispensable: true),
            .init("TOOK", .right, isDispensable: true), .init("ADDED", .right, isDispensable: true),
            .init("WHY", shrinksTo: 6),
        ])
        for job in jobs {
            table.append([
                .init(job.job.description), .init(job.agent.rawValue), .init(job.policy.rawValue), .init(job.status),
                .init(Phrases.relative(job.startedAt ?? job.scheduledStart, to: now)),
                .init(job.duration.map(Phrases.duration) ?? "-"),
                .init(job.attempts.last?.backup.details.bytesAdded.map(Phrases.bytes) ?? "-"),
                .init(why(job, now)),
            ])
        }
        return table
    }

    private static func why(_ job: JobAggregate, _ now: UnixTime) -> String {
        let why = job.status == .successful ? "" : job.why(now)
        guard job.cause == .rehearsal else { return why }
        return why.isEmpty ? "rehearsal" : "rehearsal: " + why
    }

    /// The agents of one order, with the integers of their stages and of the job.
    static func stages(_ jobs: [JobAggregate]) -> Table {
        var table = Table([
            .init("AGENT", shrinksTo: 8), .init("JOB", .right), .init("PRE-SCRIPT", shrinksTo: 5, shrinksLast: true),
            .init("BACKUP", shrinksTo: 5, shrinksLast: true), .init("POST-SCRIPT", shrinksTo: 5, shrinksLast: true),
            .init("JOB STATUS", shrinksTo: 5, shrinksLast: true),
            .init("TOOK", .right, isDispensable: true), .init("ADDED", .right, isDispensable: true),
        ])
        for job in jobs.sorted(by: { ($0.agent, $0.job) < ($1.agent, $1.job) }) {
            let attempt = job.attempts.last ?? AttemptAggregate(attempt: 1)
            table.append([
                .init(job.agent.rawValue), .init(job.job.description), .init(attempt.preScript.status),
                .init(attempt.backup.status), .init(attempt.postScript.status), .init(job.status),
                .init(job.duration.map(Phrases.duration) ?? "-"),
                .init(attempt.backup.details.bytesAdded.map(Phrases.bytes) ?? "-"),
            ])
        }
        return table
    }

    /// One job, whole.
    static func detail(_ job: JobAggregate, now: UnixTime, _ terminal: Terminal) -> [String] {
        var facts: [(String, String)] = [
            ("status", terminal.paint(job.status.marked, job.status.color)),
            ("agent", job.agent.rawValue), ("policy", "\(job.policy), revision \(job.revision)"),
            ("cause", job.cause.rawValue), ("scheduled", time(job.scheduledStart, now)),
        ]
        if let startedAt = job.startedAt { facts.append(("started", time(startedAt, now))) }
        if let endedAt = job.endedAt { facts.append(("ended", time(endedAt, now))) }
        if let duration = job.duration { facts.append(("took", Phrases.duration(duration))) }
        if let next = job.details.nextAttemptAt, !job.status.isFinal { facts.append(("next attempt", time(next, now))) }
        if !job.why.isEmpty { facts.append(("why", SafeText.line(job.why))) }
        if !job.alerts.isEmpty {
            facts.append(("alerts", terminal.paint(job.alerts.map(\.rawValue).joined(separator: ", "), .bad)))
        }
        for inference in job.inferences {
            let end = inference.correctedAt.map { ", put right \(time($0, now))" } ?? ""
            let text = "\(inference.status) \(time(inference.at, now))\(end): \(SafeText.line(inference.reason))"
            facts.append(("inferred", text))
        }
        for attempt in job.openDebts {
            let text = "the post-script of attempt \(attempt); put it right, then: bookend job pay \(job.job)"
            facts.append(("owed", terminal.paint(text, .bad)))
        }
        let width = facts.map(\.0.count).max() ?? 0
        var lines = [terminal.paint("job \(job.job)", .strong)]
        lines += facts.map { "  \($0)\(String(repeating: " ", count: width - $0.count))  \($1)" }
        for attempt in job.attempts { lines += self.attempt(attempt, terminal) }
        return lines
    }

    private static func attempt(_ attempt: AttemptAggregate, _ terminal: Terminal) -> [String] {
        var inner = terminal
        inner.width = terminal.width.map { $0 - 2 }
        var table = Table([
            .init("STAGE"), .init("STATUS", shrinksTo: 12, shrinksLast: true),
            .init("TOOK", .right, isDispensable: true),
            .init("EXIT", .right, isDispensable: true),
            .init("ADDED", .right, isDispensable: true), .init("PROCESSED", .right, isDispensable: true),
            .init("FILES", .right, isDispensable: true), .init("WHY", shrinksTo: 6),
        ])
        var notes: [String] = []
        for stage in Stage.allCases {
            let result = attempt[stage]
            let details = result.details
            table.append([
                .init(stage.rawValue), .init(result.status), .init(result.duration.map(Phrases.duration) ?? "-"),
                .init(details.signal.map { "sig \($0)" } ?? details.exitCode.map { "\($0)" } ?? "-"),
                .init(details.bytesAdded.map(Phrases.bytes) ?? "-"),
                .init(details.bytesProcessed.map(Phrases.bytes) ?? "-"),
                .init(details.filesProcessed.map { "\($0)" } ?? "-"), .init(details.reason),
            ])
            if let snapshot = details.snapshotID { notes.append("snapshot \(SafeText.line(snapshot))") }
            notes += details.errors.map { "\(stage.rawValue): " + terminal.paint(SafeText.line($0), .bad) }
            notes += details.leftProcesses.map {
                "\(stage.rawValue) left behind: " + terminal.paint(SafeText.line($0), .notice)
            }
        }
        return ["", terminal.paint("attempt \(attempt.attempt)", .strong)]
            + (table.lines(inner) + notes).map { "  " + $0 }
    }

    private static func time(_ time: UnixTime, _ now: UnixTime) -> String {
        "\(time.rfc3339) (\(Phrases.relative(time, to: now)))"
    }
}

extension JobAggregate {
    /// ``why``, and when the next attempt is.
    func why(_ now: UnixTime) -> String {
        [why, details.next(now)].filter { !$0.isEmpty }.joined(separator: "; ")
    }

    /// The job's own reason, or that of the stage that decided.
    var why: String {
        if let standingInference { return standingInference.reason }
        if !details.reason.isEmpty { return details.reason }
        guard let attempt = attempts.last else { return "" }
        let culprit = [Stage.backup, .preScript, .postScript].first { attempt[$0].status.isFailure }
        return culprit.map { "\($0.rawValue): \(attempt[$0].details.reason)" } ?? ""
    }
}

extension ReportDetails {
    /// `the next one in 5 min, at 2026-11-24T02:05:00Z`; empty: none is planned.
    func next(_ now: UnixTime) -> String {
        nextAttemptAt.map { "the next one \(Phrases.relative($0, to: now)), at \($0.rfc3339)" } ?? ""
    }
}
