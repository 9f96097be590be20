/// What a key is enrolled as.
package enum PeerRole: String, Hashable, Sendable, CaseIterable {
    case agent
    case collector
    case coordinator
    case `operator`
    case subscriber
}

/// The name that a key was enrolled with, such as `agent/web-1` or `operator/alice`.
package struct PeerIdentity: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let role: PeerRole
    /// Well-formed, as ``Name`` says.
    package let name: String

    package init(role: PeerRole, name: String) {
        self.role = role
        self.name = name
    }

    /// Reads `role/name`; `nil` when the role is unknown or the name not well-formed.
    package init?(_ text: some StringProtocol) {
        guard let slash = text.firstIndex(of: "/"), let role = PeerRole(rawValue: String(text[..<slash])) else {
            return nil
        }
        let name = String(text[text.index(after: slash)...])
        guard AgentID.isWellFormed(name) else { return nil }
        self.init(role: role, name: name)
    }

    package var description: String { "\(role.rawValue)/\(name)" }

    package static func < (left: Self, right: Self) -> Bool {
        (left.role.rawValue, left.name) < (right.role.rawValue, right.name)
    }
}
