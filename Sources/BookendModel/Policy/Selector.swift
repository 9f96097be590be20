/// The rule in a policy that picks agents: ids, glob patterns, labels.
///
/// An agent is picked when one of the ids or patterns names it *and* it has every label. Without ids and patterns the
/// labels alone decide; an empty selector picks nobody, so that a forgotten key never means the whole fleet.
package struct Selector: Hashable, Sendable {
    package var ids: [AgentID]
    /// `*` stands for any characters, `?` for one.
    package var patterns: [String]
    package var labels: [String: String]

    package init(ids: [AgentID] = [], patterns: [String] = [], labels: [String: String] = [:]) {
        self.ids = ids
        self.patterns = patterns
        self.labels = labels
    }

    package var isEmpty: Bool { ids.isEmpty && patterns.isEmpty && labels.isEmpty }

    package func picks(_ agent: AgentID, labels agentLabels: [String: String]) -> Bool {
        guard !isEmpty else { return false }
        let named =
            ids.isEmpty && patterns.isEmpty || ids.contains(agent)
            || patterns.contains { Glob($0).matches(agent.rawValue) }
        return named && labels.allSatisfy { agentLabels[$0.key] == $0.value }
    }
}

/// A pattern in which `*` stands for any characters and `?` for one; everything else stands for itself.
package struct Glob: Hashable, Sendable {
    private let pattern: [UInt8]

    package init(_ pattern: String) {
        self.pattern = Array(pattern.utf8)
    }

    /// Linear in the product of both lengths at worst: a star remembers only its latest place, so that hostile patterns
    /// cannot make it explode.
    package func matches(_ text: String) -> Bool {
        let text = Array(text.utf8)
        var (p, t) = (0, 0)
        var star: (pattern: Int, text: Int)?
        while t < text.count {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                star = (p, t)
                p += 1
            } else if p < pattern.count, pattern[p] == UInt8(ascii: "?") || pattern[p] == text[t] {
                p += 1
                t += 1
            } else if let last = star {
                star = (last.pattern, last.text + 1)
                p = last.pattern + 1
                t = last.text + 1
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
