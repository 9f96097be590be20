import BookendFiles
import BookendModel

/// Policies as lines.
enum PolicyTables {
    static func outcomes(_ outcomes: [PolicyOutcome]) -> Table {
        var table = Table([
            .init("POLICY", shrinksTo: 12), .init("REVISION", .right), .init("CHANGE"), .init("AGENTS", shrinksTo: 10),
        ])
        for outcome in outcomes {
            let color: Color = outcome.change == .unchanged ? .faint : .good
            table.append([
                .init(outcome.name.rawValue), .init("\(outcome.revision)"), .init(outcome.change.rawValue, color),
                outcome.agents.isEmpty
                    ? .init("none yet", .notice) : .init(outcome.agents.map(\.rawValue).joined(separator: ", ")),
            ])
        }
        return table
    }

    static func list(_ policies: [PolicyRevision], now: UnixTime) -> Table {
        var table = Table([
            .init("POLICY", shrinksTo: 12), .init("REVISION", .right), .init("ENGINE"),
            .init("SCRIPTS", shrinksTo: 8, isDispensable: true),
            .init("AGENTS", shrinksTo: 8), .init("APPLIED", isDispensable: true),
            .init("BY", shrinksTo: 5, isDispensable: true),
        ])
        for revision in policies {
            let policy = revision.policy
            table.append([
                .init(policy.name.rawValue), .init("\(revision.revision)"), .init(policy.engine.summary),
                .init(policy.scripts?.directory ?? "-"), .init(policy.selector.summary),
                .init(Phrases.relative(revision.appliedAt, to: now)), .init(revision.appliedBy),
            ])
        }
        return table
    }

    /// A difference, the old above the new.
    static func lines(_ change: PolicyDiff.Change, _ terminal: Terminal) -> [String] {
        func line(_ sign: String, _ text: String?, _ color: Color) -> [String] {
            text.map { [terminal.paint("  \(sign) \(change.keyPath): \(SafeText.line($0))", color)] } ?? []
        }
        return line("-", change.old, .bad) + line("+", change.new, .good)
    }
}

extension Engine {
    fileprivate var summary: String {
        switch self {
        case .restic(let plan): "restic to \(plan.repository)"
        case .command(let plan): "command \(plan.program)"
        }
    }
}

extension Selector {
    fileprivate var summary: String {
        let labels = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return (ids.map(\.rawValue) + patterns + labels).joined(separator: " ")
    }
}

extension PolicyDiff.Change {
    var document: Document {
        .object(["key_path": .text(keyPath), "old": Document(old), "new": Document(new)])
    }
}

extension PolicyOutcome {
    var document: Document {
        .object([
            "policy": .text(name.rawValue), "revision": Document(revision), "change": .text(change.rawValue),
            "agents": .list(agents.map { .text($0.rawValue) }),
        ])
    }
}

extension PolicyRevision {
    /// With the policy itself as its file would say it.
    var document: Document {
        .object([
            "policy": .text(policy.name.rawValue), "revision": Document(revision), "applied_by": .text(appliedBy),
        ]) + .time("applied_at", appliedAt) + .object(["file": .text(PolicyFile.render(policy))])
    }
}
