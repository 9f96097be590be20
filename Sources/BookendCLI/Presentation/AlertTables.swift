import BookendModel

/// Alerts, silences and channels as people read them.
enum AlertTables {
    static func list(_ alerts: [AlertRecord], now: UnixTime) -> Table {
        var table = Table([
            .init("ALERT", .right), .init("SEVERITY"), .init("WHAT"), .init("POLICY", shrinksTo: 8),
            .init("AGENTS", shrinksTo: 8), .init("SINCE"), .init("STATE", shrinksTo: 8),
            .init("WHY", shrinksTo: 6, isDispensable: true),
        ])
        for record in alerts {
            let alert = record.alert
            let first = alert.ordered.first { $0.mendedAt == nil } ?? alert.ordered.first
            table.append([
                .init("\(alert.id)"), .init(alert.severity.rawValue, alert.severity.color(of: alert)),
                .init(alert.cause.kind.rawValue), .init(alert.cause.policy?.rawValue ?? "-"), .init(agents(record)),
                .init(Phrases.relative(alert.raisedAt, to: now)), state(alert, now), .init(first?.reason ?? ""),
            ])
        }
        return table
    }

    static func detail(_ record: AlertRecord, now: UnixTime, _ terminal: Terminal) -> [String] {
        let alert = record.alert
        var lines = [
            "alert \(alert.id): "
                + terminal.paint(
                    "\(alert.severity.rawValue), \(alert.cause.title)", alert.severity.color(of: alert)),
            "since \(alert.raisedAt.rfc3339) (\(Phrases.relative(alert.raisedAt, to: now)))"
                + (alert.resolvedAt.map { ", resolved \($0.rfc3339)" } ?? ""),
            alert.toldAt.map { "people were told \(Phrases.relative($0, to: now)), \(alert.notices) times in all" }
                ?? "people were not told yet",
        ]
        if let acknowledgement = alert.acknowledgement {
            let note = acknowledgement.note.isEmpty ? "" : ": \(acknowledgement.note)"
            lines.append(SafeText.line("acknowledged by \(acknowledgement.by)\(note)"))
        }
        if let resolution = alert.resolution {
            lines.append(SafeText.line("resolved by \(resolution.by): \(resolution.note)"))
        }
        if alert.isActive { lines.append(alert.cause.kind.advice) }
        var table = Table([
            .init("AGENT", shrinksTo: 8), .init("JOB", .right), .init("STATUS"), .init("SINCE"),
            .init("TIMES", .right, isDispensable: true), .init("MENDED"), .init("WHY", shrinksTo: 6),
        ])
        for subject in alert.ordered {
            table.append([
                .init(subject.agent.rawValue), .init(subject.job?.description ?? "-"),
                subject.status.map { .init($0) } ?? "-", .init(Phrases.relative(subject.raisedAt, to: now)),
                .init("\(subject.times)"), .init(Phrases.relative(subject.mendedAt, to: now)), .init(subject.reason),
            ])
        }
        lines += [""] + table.lines(terminal)
        if record.hit > alert.subjects.count {
            lines.append(terminal.paint("\(record.hit - alert.subjects.count) more", .faint))
        }
        return lines
    }

    static func silences(_ silences: [AlertSilence], now: UnixTime) -> Table {
        var table = Table([
            .init("SILENCE", .right), .init("KIND"), .init("POLICY", shrinksTo: 8), .init("AGENT", shrinksTo: 8),
            .init("LABELS", shrinksTo: 8, isDispensable: true), .init("ENDS"), .init("BY", shrinksTo: 8),
            .init("WHY", shrinksTo: 6),
        ])
        for silence in silences {
            table.append([
                .init("\(silence.id)"), .init(silence.kind?.rawValue ?? "any"),
                .init(silence.policy.isEmpty ? "any" : silence.policy),
                .init(silence.agent.isEmpty ? "any" : silence.agent), .init(silence.labelText),
                .init(Phrases.relative(silence.until, to: now)),
                .init(silence.by), .init(silence.reason),
            ])
        }
        return table
    }

    static func channels(_ channels: [ChannelState], now: UnixTime) -> Table {
        var table = Table([
            .init("CHANNEL", shrinksTo: 8), .init("TYPE"), .init("STATE"), .init("WAITING", .right),
            .init("DELIVERED"), .init("WHY", shrinksTo: 6),
        ])
        for channel in channels {
            let isBroken = !channel.problem.isEmpty
            table.append([
                .init(channel.name), .init(channel.kind),
                isBroken
                    ? .init("broken", .bad)
                    : channel.deliveredAt == nil
                        ? .init(channel.waiting > 0 ? "trying" : "not used yet", .faint) : .init("works", .good),
                .init("\(channel.waiting)"), .init(Phrases.relative(channel.deliveredAt, to: now)),
                .init(channel.problem, isBroken ? .bad : nil),
            ])
        }
        return table
    }

    static func messages(_ messages: [MessageRecord], now: UnixTime) -> Table {
        var table = Table([
            .init("MESSAGE", .right), .init("CHANNEL", shrinksTo: 8), .init("SINCE"),
            .init("TRIES", .right, isDispensable: true), .init("STATE"), .init("TITLE", shrinksTo: 10),
            .init("WHY", shrinksTo: 6),
        ])
        for message in messages {
            let isRefused = !message.refusal.isEmpty
            table.append([
                .init("\(message.id)"), .init(message.channel), .init(Phrases.relative(message.createdAt, to: now)),
                .init("\(message.tries)"), isRefused ? .init("undeliverable", .bad) : .init("waiting", .faint),
                .init(message.title), .init(message.refusal),
            ])
        }
        return table
    }

    private static func agents(_ record: AlertRecord) -> String {
        if record.hit == 1, let only = record.alert.ordered.first { return only.agent.rawValue }
        return record.open == record.hit || !record.alert.isActive ? "\(record.hit)" : "\(record.open) of \(record.hit)"
    }

    private static func state(_ alert: Alert, _ now: UnixTime) -> Table.Cell {
        if let resolved = alert.resolvedAt { return .init("resolved \(Phrases.relative(resolved, to: now))", .good) }
        if let by = alert.acknowledgement?.by { return .init("with \(by)", .faint) }
        return .init(alert.toldAt == nil ? "active, not told yet" : "active", .bad)
    }
}

extension AlertSeverity {
    func color(of alert: Alert) -> Color? {
        alert.isActive ? (self == .info ? nil : .bad) : .faint
    }
}

extension AlertRecord {
    var document: Document {
        Document.object([
            "alert_id": Document(alert.id), "kind": .text(alert.cause.kind.rawValue),
            "severity": .text(alert.severity.rawValue), "policy": Document(alert.cause.policy?.rawValue),
            "is_active": .bool(alert.isActive), "agents_hit": Document(hit), "agents_open": Document(open),
            "notices": Document(alert.notices),
        ]) + .time("raised_at", alert.raisedAt) + .time("resolved_at", alert.resolvedAt)
            + .time("told_at", alert.toldAt) + .time("last_told_at", alert.lastToldAt)
            + .object([
                "acknowledgement": alert.acknowledgement.map { acknowledgement in
                    .object(["by": .text(acknowledgement.by), "note": .text(acknowledgement.note)])
                        + .time("at", acknowledgement.at)
                } ?? .null,
                "resolution": alert.resolution.map { resolution in
                    .object(["by": .text(resolution.by), "reason": .text(resolution.note)])
                        + .time("at", resolution.at)
                } ?? .null,
                "subjects": .list(alert.ordered.map(\.document)),
            ])
    }
}

extension AlertSubject {
    var document: Document {
        Document.object([
            "agent": .text(agent.rawValue), "job_id": Document(job?.rawValue), "status": status?.document ?? .null,
            "reason": .text(reason), "times": Document(times), "is_open": .bool(mendedAt == nil),
        ]) + .time("raised_at", raisedAt) + .time("mended_at", mendedAt)
    }
}

extension AlertSilence {
    fileprivate var labelText: String {
        labels.isEmpty
            ? "any" : labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }

    var document: Document {
        Document.object([
            "silence_id": Document(id), "kind": Document(kind?.rawValue), "policy": .text(policy),
            "agent": .text(agent),
            "labels": .object(
                labels.sorted { $0.key < $1.key }.map { Document.Member(key: $0.key, value: .text($0.value)) }),
            "by": .text(by),
            "reason": .text(reason),
        ]) + .time("until", until)
    }
}

extension ChannelState {
    var document: Document {
        Document.object([
            "channel": .text(name), "type": .text(kind), "is_broken": .bool(!problem.isEmpty),
            "waiting": Document(waiting), "problem": .text(problem),
            "undeliverable": Document(undeliverable), "refusal": .text(refusal),
        ]) + .time("oldest_waiting_since", oldestAt) + .time("delivered_at", deliveredAt)
            + .time("failing_since", failingSince)
    }
}
