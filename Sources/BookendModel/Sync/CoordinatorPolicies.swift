/// The policies that are there, their revisions, and the generation that counts their changes.
package struct CoordinatorPolicies: Hashable, Sendable {
    package private(set) var generation: Int64
    private var current: [PolicyName: PolicyRevision]
    private var highestRevisions: [PolicyName: Int64]
    /// Of all policies that have one.
    package private(set) var objectives: PolicyObjectives

    package init(_ state: CoordinatorState) {
        generation = state.generation
        current = Dictionary(state.policies.map { ($0.policy.name, $0) }, uniquingKeysWith: { $1 })
        highestRevisions = state.highestRevisions
        for revision in state.policies {
            highestRevisions[revision.policy.name] = max(
                highestRevisions[revision.policy.name] ?? 0, revision.revision)
        }
        objectives = Self.objectives(of: current)
    }

    private static func objectives(of policies: [PolicyName: PolicyRevision]) -> PolicyObjectives {
        PolicyObjectives(policies.compactMapValues(\.policy.objective))
    }

    /// By name.
    package var all: [PolicyRevision] { current.values.sorted { $0.policy.name < $1.policy.name } }

    package subscript(name: PolicyName) -> PolicyRevision? { current[name] }

    /// What applying these would do to each, in their order. A policy that is there already as it is stays unchanged.
    ///
    /// - Precondition: No two have the same name.
    package func plan(
        applying policies: [Policy], by author: String, at now: UnixTime
    ) -> (edits: [PolicyEdit], outcomes: [(revision: PolicyRevision, change: PolicyOutcome.Change)]) {
        var edits: [PolicyEdit] = []
        var outcomes: [(PolicyRevision, PolicyOutcome.Change)] = []
        for policy in policies {
            if let present = current[policy.name], present.policy == policy {
                outcomes.append((present, .unchanged))
                continue
            }
            let revision = PolicyRevision(
                policy: policy, revision: (highestRevisions[policy.name] ?? 0) + 1, appliedAt: now, appliedBy: author)
            edits.append(
                PolicyEdit(
                    generation: generation + Int64(edits.count) + 1, name: policy.name, revision: revision))
            outcomes.append((revision, current[policy.name] == nil ? .created : .changed))
        }
        return (edits, outcomes)
    }

    /// `nil`: there is no such policy.
    package func plan(deleting name: PolicyName) -> PolicyEdit? {
        current[name] == nil ? nil : PolicyEdit(generation: generation + 1, name: name, revision: nil)
    }

    /// An agent has a higher generation: this store went back in time, and what it says next must be newer.
    package mutating func goAbove(_ other: Int64) {
        generation = max(generation, other.addingSaturating(1))
    }

    /// Takes over what the store has recorded.
    package mutating func take(_ edit: PolicyEdit) {
        generation = max(generation, edit.generation)
        current[edit.name] = edit.revision
        objectives = Self.objectives(of: current)
        if let revision = edit.revision?.revision {
            highestRevisions[edit.name] = max(highestRevisions[edit.name] ?? 0, revision)
        }
    }
}
