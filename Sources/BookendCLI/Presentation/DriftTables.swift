import BookendFiles
import BookendModel

/// Where the fleet is not what its policies say, as lines.
enum DriftTables {
    static func rows(_ rows: [PolicyDrift], now: UnixTime) -> Table {
        var table = Table([
            .init("POLICY", shrinksTo: 8), .init("AGENT", shrinksTo: 8), .init("REVISION", .right),
            .init("LOOKED AT", isDispensable: true), .init("DRIFT", shrinksTo: 12),
        ])
        for row in rows {
            let has = row.survey?.revision
            let isCurrent = has == row.revision
            table.append([
                .init(row.policy.rawValue), .init(row.agent.rawValue),
                .init(
                    isCurrent ? "\(row.revision)" : "\(has.map { "\($0)" } ?? "?") of \(row.revision)",
                    isCurrent ? nil : .notice),
                .init(row.survey.map { Phrases.relative($0.at, to: now) } ?? "-"),
                .init(
                    row.problems.isEmpty ? "-" : SafeText.line(row.problems.map(\.reason).joined(separator: "; ")),
                    row.problems.isEmpty ? nil : row.problems.contains(where: \.isAlarming) ? .bad : .notice),
            ])
        }
        return table
    }
}

extension DriftReport {
    var document: Document {
        .object([
            "compared": Document(compared), "drifting": Document(drifting), "rows": .list(rows.map(\.document)),
            "is_complete": .bool(rows.count < Self.rowLimit),
        ])
    }
}

extension PolicyDrift {
    fileprivate var document: Document {
        .object([
            "policy": .text(policy.rawValue), "agent": .text(agent.rawValue), "revision": Document(revision),
            "agent_revision": Document(survey?.revision), "is_online": .bool(isOnline),
        ]) + .time("looked_at", survey?.at)
            + .object([
                "pre_script": Document(survey?.pre?.word), "post_script": Document(survey?.post?.word),
                "problems": .list(
                    problems.map {
                        .object([
                            "kind": .text($0.kind.rawValue), "reason": .text($0.reason),
                            "is_alarming": .bool($0.isAlarming),
                        ])
                    }),
            ])
    }
}

extension ScriptSurvey.Finding {
    fileprivate var word: String {
        switch self {
        case .ready: "ready"
        case .missing: "missing"
        case .unsafe: "unsafe"
        case .differs: "differs"
        }
    }
}
