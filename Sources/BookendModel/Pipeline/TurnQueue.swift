/// Decides which of an agent's jobs may run an attempt, and which debts may be paid, now.
///
/// In the order in which the jobs asked:
/// - at most ``limit`` attempts at once;
/// - triggers of one policy queue: one at a time, never coalesced;
/// - attempts with scripts never overlap, unless their policies name different exclusive groups. No name is a group
///   too;
/// - an attempt whose policy says how many may run beside it on this agent begins only while fewer do.
///
/// A claim that must wait holds back later claims that would overtake it on the same policy or group, so that nobody
/// starves; it does not hold back others. One that waits for nothing but room holds back all, as any of them would take it.
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

    /// What asks for a turn.
    package struct Claimant: Hashable, Sendable {
        package var job: JobID
        /// The attempt whose post-script is still owed after the attempt ended; `nil`: the job's next attempt asks.
        package var debt: Int?

        package init(_ job: JobID, debt: Int? = nil) {
            self.job = job
            self.debt = debt
        }
    }

    package struct Claim: Hashable, Sendable {
        package var claimant: Claimant
        package var policy: PolicyName
        package var group: Group?
        /// ``StartLimits/perAgent``; at least 1.
        package var room: Int?

        package init(_ claimant: Claimant, policy: PolicyName, group: Group?, room: Int? = nil) {
            self.claimant = claimant
            self.policy = policy
            self.group = group
            self.room = room
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

    /// Asks for a turn; hands back those whose turn it is now. One that waits or runs already keeps its place.
    package mutating func request(_ claim: Claim) -> [Claimant] {
        guard !(running + waiting).contains(where: { $0.claimant == claim.claimant }) else { return [] }
        waiting.append(claim)
        return grant()
    }

    /// Gives a turn whatever else runs: an attempt that broke goes on where it was, and others wait for it.
    package mutating func take(_ claim: Claim) {
        waiting.removeAll { $0.claimant == claim.claimant }
        guard !running.contains(where: { $0.claimant == claim.claimant }) else { return }
        running.append(claim)
    }

    /// Gives up a turn, or a place in the queue; hands back those whose turn it is now. An unknown claimant does no harm.
    package mutating func release(_ claimant: Claimant) -> [Claimant] {
        running.removeAll { $0.claimant == claimant }
        waiting.removeAll { $0.claimant == claimant }
        return grant()
    }

    private mutating func grant() -> [Claimant] {
        var granted: [Claimant] = []
        var policies = Set(running.map(\.policy))
        var groups = Set(running.compactMap(\.group))
        var isHeldBack = false
        waiting.removeAll { claim in
            let isAlone =
                !policies.contains(claim.policy) && claim.group.map { !groups.contains($0) } ?? true
            policies.insert(claim.policy)
            if let group = claim.group { groups.insert(group) }
            guard isAlone, !isHeldBack else { return false }
            guard running.count < min(limit, claim.room ?? limit) else {
                isHeldBack = true
                return false
            }
            running.append(claim)
            granted.append(claim.claimant)
            return true
        }
        return granted
    }
}
