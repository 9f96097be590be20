/// Rules for texts that come from outside and end up on a command line, in a log line or in a file name.
///
/// Each answers with what is wrong, in words that follow "must be" or stand alone, or with nil when all is well.
package enum TextRules {
    /// The longest path that Linux takes, in bytes.
    package static let longestPath = 4096

    /// What is wrong with an absolute path, or nil: it starts with `/`, has no `..`, NUL or line break, and at most 4096
    /// bytes. Whether it exists is not asked here.
    package static func absolutePathProblem(_ path: String) -> String? {
        if path.isEmpty { return "is empty; expected an absolute path" }
        if path.utf8.first != UInt8(ascii: "/") { return "is not an absolute path: it must start with '/'" }
        if path.utf8.count > longestPath { return "is longer than \(longestPath) bytes" }
        if path.unicodeScalars.contains(where: isControl) { return "holds a line break or another control character" }
        if path.utf8.split(separator: UInt8(ascii: "/")).contains(where: { $0.elementsEqual("..".utf8) }) {
            return "holds '..': write the path without it"
        }
        return nil
    }

    /// What is wrong with a text of one line, or nil.
    package static func lineProblem(_ text: String, upTo limit: Int, mayBeEmpty: Bool = false) -> String? {
        if text.isEmpty && !mayBeEmpty { return "is empty" }
        if text.utf8.count > limit { return "is longer than \(limit) bytes" }
        if text.unicodeScalars.contains(where: isControl) { return "holds a line break or another control character" }
        return nil
    }

    /// What is wrong with a name, or nil. The rule is ``Name``'s.
    package static func nameProblem(_ text: String) -> String? {
        AgentID.isWellFormed(text)
            ? nil : "is not a name: 1 to 128 of A–Z a–z 0–9 . _ -, the first one a letter or a digit"
    }

    /// What is wrong with a SHA-256 as `sha256sum` prints it, or nil.
    package static func sha256Problem(_ text: String) -> String? {
        let isHexadecimal = text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        return isHexadecimal && text.utf8.count == 64
            ? nil : "is not a SHA-256: 64 of 0–9 a–f, as sha256sum prints it"
    }

    /// What is wrong with a label of a selector or an agent, or nil: the key is a name; the value one line of 1 to 128
    /// bytes.
    package static func labelProblem(key: String, value: String) -> String? {
        nameProblem(key).map { "the label's key \($0)" }
            ?? lineProblem(value, upTo: 128).map { "the label's value \($0)" }
    }

    /// Control characters, and what some programs take for a line break.
    package static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0...0x1F, 0x7F...0x9F, 0x2028, 0x2029: true
        default: false
        }
    }
}
