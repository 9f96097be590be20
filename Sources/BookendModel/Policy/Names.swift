/// What may stand in a name that people type and that becomes a topic, a tag and a file name.
///
/// 1 to 128 characters of `A–Z a–z 0–9 . _ -`, the first one a letter or a digit.
package protocol Name: RawRepresentable, Hashable, Sendable, Comparable, CustomStringConvertible
where RawValue == String {
    /// Takes the text as it is; ask ``isWellFormed(_:)`` first when it comes from outside.
    init(rawValue: String)
}

extension Name {
    package static func isWellFormed(_ text: String) -> Bool {
        guard (1...128).contains(text.utf8.count), let first = text.utf8.first else { return false }
        return isAlphanumeric(first) && text.utf8.allSatisfy { isAlphanumeric($0) || [0x2D, 0x2E, 0x5F].contains($0) }
    }

    /// The name, or nil when the text is not a well-formed one.
    package init?(checking text: String) {
        guard Self.isWellFormed(text) else { return nil }
        self.init(rawValue: text)
    }

    package var description: String { rawValue }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: false
        }
    }
}

/// The worker on one server.
package struct AgentID: Name {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
}

package struct PolicyName: Name {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
}

/// A repository as the agent's own configuration names it; never a location.
package struct RepositoryName: Name {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
}
