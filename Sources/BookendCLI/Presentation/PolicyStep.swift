import BookendFiles
import BookendModel

/// One revision of a policy, with what it changed.
struct PolicyStep: Hashable {
    var revision: PolicyRevision
    /// Against the revision before it; empty for the first.
    var changes: [PolicyDiff.Change]
    /// The latest earlier revision that said the same; `nil`: none of those that were looked at.
    var sameAs: Int64?

    /// - Parameter revisions: The newest first, without gaps.
    static func steps(_ revisions: [PolicyRevision]) -> [PolicyStep] {
        revisions.indices.map { index in
            let (revision, earlier) = (revisions[index], revisions[(index + 1)...])
            return PolicyStep(
                revision: revision,
                changes: earlier.first.map { PolicyDiff(from: $0.policy, to: revision.policy).changes } ?? [],
                sameAs: earlier.first { $0.policy == revision.policy }?.revision)
        }
    }

    static func table(_ steps: [PolicyStep], now: UnixTime) -> Table {
        var table = Table([
            .init("REVISION", .right), .init("APPLIED"), .init("BY", shrinksTo: 8), .init("WHAT", shrinksTo: 12),
        ])
        for step in steps {
            table.append([
                .init("\(step.revision.revision)"), .init(Phrases.relative(step.revision.appliedAt, to: now)),
                .init(step.revision.appliedBy), .init(step.phrase),
            ])
        }
        return table
    }

    var phrase: String {
        if revision.revision == 1 { return "created" }
        if let sameAs { return "as revision \(sameAs) again" }
        return "changed " + changes.map(\.keyPath).joined(separator: ", ")
    }

    var document: Document {
        .object([
            "revision": Document(revision.revision), "applied_by": .text(revision.appliedBy),
            "what": .text(phrase), "same_as_revision": Document(sameAs),
        ]) + .time("applied_at", revision.appliedAt)
            + .object(["changes": .list(changes.map(\.document))])
    }
}
