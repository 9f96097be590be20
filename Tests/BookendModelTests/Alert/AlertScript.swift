import BookendModel
import Testing

/// The words of the rows.
enum AlertScript {
    static func words(_ notice: AlertNotice) -> String {
        let subjects =
            switch notice.occasion {
            case .grown: notice.news.compactMap { notice.alert.subjects[$0] }
            case .resolved: notice.alert.ordered
            default: notice.alert.open
            }
        return "\(notice.occasion.rawValue) \(words(notice.alert, subjects))"
    }

    static func words(_ alert: Alert, _ subjects: [AlertSubject]) -> String {
        let names = subjects.map(\.agent.rawValue).sorted().joined(separator: " ")
        return "\(alert.id) \(alert.cause.kind.rawValue) \(alert.cause.policy?.rawValue ?? "-"): \(names)"
    }

    static func happen(_ event: String, to book: inout AlertBook, at now: UnixTime) throws {
        let event = event.replacing("no post-script", with: "missing")
        let parts = event.split(separator: " ").map(String.init)
        switch parts[0] {
        case "tick": return
        case "ack": #expect(book.acknowledge(try #require(Int64(parts[1])), by: "alice", note: "", at: now))
        case "resolve":
            #expect(book.resolve(try #require(Int64(parts[1])), by: "alice", reason: "gone", at: now))
        case "unsilence": #expect(book.endSilence(try #require(Int64(parts[1]))))
        case "silence":
            let minutes = try #require(Int64(parts[3]))
            let kind = AlertKind(rawValue: parts[1])
            #expect(kind != nil || parts[1] == "any", "'\(parts[1])' is no kind")
            _ = book.silence(
                AlertSilence(
                    kind: kind, agent: parts[2] == "any" ? "" : parts[2], until: now + .seconds(60 * minutes),
                    reason: "why not"))
        default:
            let first = try #require(Int64(parts[1]))
            for (offset, agent) in try agents(parts[2]).enumerated() {
                let trigger = ReportedTrigger(
                    job: JobID(rawValue: first + Int64(offset)), policy: PolicyName(rawValue: parts[3]), revision: 1,
                    cause: .schedule, scheduledStart: now)
                try happen(parts, trigger, AgentID(rawValue: agent), to: &book, at: now)
            }
        }
    }

    private static func agents(_ text: String) throws -> [String] {
        guard let range = text.firstRange(of: "..") else { return [text] }
        let stem = text[..<range.lowerBound].prefix { !$0.isNumber }
        let first = try #require(Int(text[..<range.lowerBound].dropFirst(stem.count)))
        let last = try #require(Int(text[range.upperBound...]))
        return (first...last).map { "\(stem)\($0)" }
    }

    private static func happen(
        _ parts: [String], _ trigger: ReportedTrigger, _ agent: AgentID, to book: inout AlertBook, at now: UnixTime
    ) throws {
        func report(
            _ stage: Stage?, _ status: Status, _ alerts: [AlertKind] = [], event: String? = nil
        ) -> Report {
            var details = ReportDetails()
            details.alerts = alerts
            details.events = [event].compactMap(\.self).map {
                PipelineEventRecord(at: now, attempt: 0, event: $0, consequence: "")
            }
            return Report(
                origin: ReportOrigin(agent: agent, incarnation: 1, sequence: 1), trigger: trigger, attempt: 1,
                stage: stage, status: status, at: now, details: details)
        }
        func inference(_ status: Status) -> Inference {
            Inference(trigger: trigger, agent: agent, status: status, at: now, reason: "silence")
        }
        switch parts[0] {
        case "missing": book.take(report(.postScript, .skipped, [.postScriptMissing]), of: nil, at: now)
        case "debt": book.take(report(.postScript, .refused, [.debtUnpaid]), of: nil, at: now)
        case "paid": book.take(report(.postScript, .successful), of: nil, at: now)
        case "forgiven": book.take(report(.postScript, .skipped), of: nil, at: now)
        case "running": book.take(report(nil, .running), of: nil, at: now)
        case "late": book.take(report(nil, .skipped, event: "late"), of: nil, at: now)
        case "expired": book.take(report(nil, .skipped, event: "window-expired"), of: nil, at: now)
        case "overlap": book.take(report(nil, .skipped, event: "overlap"), of: nil, at: now)
        case "skip": book.take(report(nil, .skipped), of: nil, at: now)
        case "cancel": book.take(report(nil, .canceled), of: nil, at: now)
        case "lost": book.take(inference(.agentLost), at: now)
        case "missed": book.take(inference(.missed), at: now)
        case "heard": book.take(inference(.running), at: now)
        case "attempt", "end":
            let statuses = parts[4...6].map { Int32($0).map(Status.init(rawValue:)) }
            let (pre, backup, post) = (statuses[0], statuses[1], statuses[2])
            let stages = zip([Stage.preScript, .backup, .postScript], statuses)
            var attempt = AttemptAggregate(attempt: 1)
            for (stage, status) in stages where stage != .postScript || status != .skipped {
                guard let status else { continue }
                attempt[stage].status = status
                book.take(report(stage, status), of: nil, at: now)
            }
            if post == .skipped { attempt.postScript.status = .skipped }
            guard parts[0] == "end" else { return book.take(report(nil, .waitingForRetry), of: nil, at: now) }
            let status = Status.ofJob(
                isCanceled: false, preScript: pre, backup: backup ?? .interrupted, postScript: post)
            let alerts = AlertKind.afterLastAttempt(preScript: pre, backup: backup, postScript: post)
            let end = report(nil, status, alerts)
            var job = JobAggregate(end)
            job.attempts = [attempt]
            book.take(end, of: job, at: now)
        default: Issue.record("'\(parts[0])' is no event")
        }
    }
}
