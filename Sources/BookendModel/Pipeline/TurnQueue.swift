/// Decides which of an agent's jobs may run an attempt now.
///
/// In the order in which the jobs asked:
/// - at most ``limit`` attempts at once;
/// - triggers of one policy queue: one at a time, never coalesced;
/// - attempts with scripts never overlap, unless their policies name different exclusive groups. No name is a group
///   too.
///
/// A claim that must wait holds back later claims that would overtake it on the same policy or group, so that nobody
/// starves; it does not hold back others.
package struct TurnQueue: Hashable, Sendable {
    /// Among which attempts no two may overlap; `nil` for an attempt without scripts.
    package enum Group: Hashable, Sendable {
        case unnamed
        case named(String)

        /// The group of a policy's attempts.
        package init?(_ policy: Policy) {
            guard let scripts = policy.scripts else { return nil }
            self = scripts.exclusiveGroup.map(Group.named) ?? .unnamed
        }
    }

    package struct Claim: Hashable, Sendable {
        package var job: JobID
        package var policy: PolicyName
        package var group: Group?

        package init(job: JobID, policy: PolicyName, group: Group?) {
            self.job = job
            self.policy = policy
            self.group = group
        }
    }

    /// Attempts at once; at least 1.
    package let limit: Int
    private var running: [Claim] = []
    private var waiting: [Claim] = []

    package init(limit: Int) {
        self.limit = max(1, limit)
    }

    package var isIdle: Bool { running.isEmpty && waiting.isEmpty }

    /// Asks for a turn; hands back the jobs whose turn it is now. A job that waits or runs already keeps its place.
    package mutating func request(_ claim: Claim) -> [JobID] {
        guard !running.contains(where: { $0.job == claim.job }), !waiting.contains(where: { $0.job == claim.job })
        else { return [] }
        waiting.append(claim)
        return grant()
    }

    /// Gives a turn whatever else runs: an attempt that broke goes on where it was, and others wait for it.
    package mutating func take(_ claim: Claim) {
        waiting.removeAll { $0.job == claim.job }
        guard !running.contains(where: { $0.job == claim.job }) else { return }
        running.append(claim)
    }

    /// Gives up a turn, or a place in the queue; hands back the jobs whose turn it is now. An unknown job does no harm.
    package mutating func release(_ job: JobID) -> [JobID] {
        running.removeAll { $0.job == job }
        waiting.removeAll { $0.job == job }
        return grant()
    }

    private mutating func grant() -> [JobID] {
        var granted: [JobID] = []
        var policies = Set(running.map(\.policy))
        var groups = Set(running.compactMap(\.group))
        waiting.removeAll { claim in
            let isFree =
                running.count < limit && !policies.contains(claim.policy)
                && claim.group.map { !groups.contains($0) } ?? true
            policies.insert(claim.policy)
            if let group = claim.group { groups.insert(group) }
            guard isFree else { return false }
            running.append(claim)
            granted.append(claim.job)
            return true
        }
        return granted
    }
}
