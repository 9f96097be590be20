/// The number by which people name a token; it is no secret.
package struct TokenID: RawRepresentable, Hashable, Sendable, Comparable, CustomStringConvertible {
    package let rawValue: Int64
    package init(rawValue: Int64) { self.rawValue = rawValue }

    package var description: String { String(rawValue) }
    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// What a token is to allow.
package struct TokenDraft: Hashable, Sendable {
    /// Uses of one token, at most.
    package static let mostUses = 10_000
    package static let lifetimes = Duration.seconds(1)...Duration.seconds(30 * 86_400)

    /// What its bearers become; never a coordinator.
    package var peerRole: PeerRole
    /// Of operators.
    package var operatorRole: OperatorRole?
    /// The name that its one bearer gets; `nil`: the bearer's own choice.
    package var name: String?
    package var labels: [String: String]
    package var uses: Int
    package var lifetime: Duration
    /// An operator must approve each bearer; `nil`: as the coordinator's configuration says.
    package var needsApproval: Bool?

    package init(
        peerRole: PeerRole, operatorRole: OperatorRole? = nil, name: String? = nil, labels: [String: String] = [:],
        uses: Int = 1, lifetime: Duration = .seconds(3_600), needsApproval: Bool? = nil
    ) {
        self.peerRole = peerRole
        self.operatorRole = operatorRole
        self.name = name
        self.labels = labels
        self.uses = uses
        self.lifetime = lifetime
        self.needsApproval = needsApproval
    }

    /// What is wrong with it, and what to do about it; `nil`: all is well.
    package var problem: String? {
        if peerRole == .coordinator { return "a coordinator is not enrolled: its key is made on its own machine" }
        if (operatorRole != nil) != (peerRole == .operator) {
            return "a token of operators says their role (viewer, operator or admin), and no other token does"
        }
        if !(1...Self.mostUses).contains(uses) { return "uses: expected 1 to \(Self.mostUses), found \(uses)" }
        if !Self.lifetimes.contains(lifetime) { return "the lifetime must be 1 s to 30 days, and is \(lifetime)" }
        if let name, let problem = TextRules.nameProblem(name) { return "the name \(problem)" }
        if name != nil, uses > 1 { return "a token that gives a name can be used once: leave out the name or the uses" }
        if labels.count > 64 { return "there are \(labels.count) labels, and 64 are the most" }
        return labels.sorted { $0.key < $1.key }.lazy.compactMap {
            TextRules.labelProblem(key: $0.key, value: $0.value)
        }
        .first
    }
}

/// A token as the coordinator remembers it: without its secret.
package struct EnrollmentToken: Hashable, Sendable {
    package var id: TokenID
    package var allows: TokenDraft
    /// Of the allowed uses.
    package var usesLeft: Int
    package var needsApproval: Bool
    package var madeAt: UnixTime
    package var madeBy: String
    package var isRevoked: Bool
    /// SHA-256 of the secret. Never leaves the coordinator.
    package var secretDigest: [UInt8]

    package init(
        id: TokenID, allows: TokenDraft, usesLeft: Int, needsApproval: Bool, madeAt: UnixTime, madeBy: String,
        isRevoked: Bool = false, secretDigest: [UInt8] = []
    ) {
        self.id = id
        self.allows = allows
        self.usesLeft = usesLeft
        self.needsApproval = needsApproval
        self.madeAt = madeAt
        self.madeBy = madeBy
        self.isRevoked = isRevoked
        self.secretDigest = secretDigest
    }

    package var expires: UnixTime { madeAt + allows.lifetime }

    /// Somebody new may still come with it.
    package func isLive(at now: UnixTime) -> Bool { !isRevoked && usesLeft > 0 && now < expires }
}
