package import BookendModel

extension PolicyFile {
    /// The policy as a file that reads back as the same policy, without keys that say what goes without saying.
    ///
    /// - Parameter policy: Without ``Policy/problems()``; any other comes out as text that does not read back.
    package static func render(_ policy: Policy) -> String {
        var text = ""
        var open: [String] = []
        for (keyPath, value) in PolicyFields(policy).fields {
            let parents = keyPath.dropLast()
            let shared = zip(open, parents).prefix { $0.0 == $0.1 }.count
            for (depth, parent) in parents.enumerated().dropFirst(shared) {
                text += indent(depth) + YAMLText.scalar(parent) + ":\n"
            }
            open = Array(parents)
            text += indent(parents.count) + YAMLText.scalar(keyPath[parents.count]) + ":"
            switch value {
            case .word(let word): text += " \(word)\n"
            case .text(let string): text += " \(YAMLText.scalar(string))\n"
            case .list(let items):
                text += "\n" + items.map { "\(indent(parents.count + 1))- \(YAMLText.scalar($0))\n" }.joined()
            case .mappings(let items):
                let margin = indent(parents.count + 1)
                text += "\n" + items.map { "\(margin)- " + $0.joined(separator: "\n\(margin)  ") + "\n" }.joined()
            }
        }
        return text
    }

    private static func indent(_ depth: Int) -> String { String(repeating: "  ", count: depth) }
}

/// Texts as YAML scalars of one line.
enum YAMLText {
    /// The text as it is where no reader of YAML could take it for anything else; otherwise in double quotes.
    static func scalar(_ text: String) -> String {
        isPlain(text) ? text : quoted(text)
    }

    private static let reserved: Set<String> = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"]

    private static func isPlain(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first, first == "/" || isLetter(first) else { return false }
        guard text.unicodeScalars.last != " ", !reserved.contains(text.lowercased()) else { return false }
        return text.unicodeScalars.allSatisfy { scalar in
            isLetter(scalar) || ("0"..."9").contains(scalar) || "/._-+@,() ".unicodeScalars.contains(scalar)
        }
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar)
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where needsEscape(scalar):
                let digits = String(scalar.value, radix: 16, uppercase: true)
                result += "\\U" + String(repeating: "0", count: 8 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    private static func needsEscape(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0...0x1F, 0x7F...0x9F, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF: true
        default: false
        }
    }
}
