/// What programs read: a tree of values that is written as JSON or YAML, keys in a fixed order.
enum Document: Hashable, Sendable {
    struct Member: Hashable, Sendable {
        var key: String
        var value: Document
    }

    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case text(String)
    case list([Document])
    case object([Member])

    static func object(_ members: KeyValuePairs<String, Document>) -> Document {
        .object(members.map { Member(key: $0.key, value: $0.value) })
    }

    /// Both objects' members, one after the other.
    static func + (left: Document, right: Document) -> Document {
        guard case .object(let first) = left, case .object(let second) = right else { return left }
        return .object(first + second)
    }
}

extension Document: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral {
    init(stringLiteral text: String) { self = .text(text) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(integerLiteral value: Int64) { self = .integer(value) }
}

extension Document {
    init(_ text: String?) { self = text.map(Document.text) ?? .null }
    init(_ value: (some BinaryInteger)?) { self = value.map { .integer(Int64(clamping: $0)) } ?? .null }
    init(_ value: Double?) { self = value.map(Document.number) ?? .null }
}

// MARK: - JSON

extension Document {
    /// On one line.
    var compactJSON: String {
        var text = ""
        writeJSON(&text, indent: nil)
        return text
    }

    /// On several lines, indented by two spaces.
    var json: String {
        var text = ""
        writeJSON(&text, indent: 0)
        return text
    }

    private func writeJSON(_ text: inout String, indent: Int?) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        case .number(let value): text += value.isFinite ? "\(value)" : "null"
        case .text(let value): text += Self.quoted(value)
        case .list(let items):
            Self.writeJSON(&text, "[", "]", count: items.count, indent) { text, index, indent in
                items[index].writeJSON(&text, indent: indent)
            }
        case .object(let members):
            Self.writeJSON(&text, "{", "}", count: members.count, indent) { text, index, indent in
                text += Self.quoted(members[index].key) + (indent == nil ? ":" : ": ")
                members[index].value.writeJSON(&text, indent: indent)
            }
        }
    }

    private static func writeJSON(
        _ text: inout String, _ open: String, _ close: String, count: Int, _ indent: Int?,
        item: (inout String, Int, Int?) -> Void
    ) {
        text += open
        let inner = indent.map { $0 + 2 }
        for index in 0..<count {
            if index > 0 { text += "," }
            if let inner { text += "\n" + String(repeating: " ", count: inner) }
            item(&text, index, inner)
        }
        if count > 0, let indent { text += "\n" + String(repeating: " ", count: indent) }
        text += close
    }

    private static func quoted(_ value: String) -> String {
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            case "\r": text += "\\r"
            case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value):
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}

// MARK: - YAML

extension Document {
    /// A YAML document that reads back as the same tree.
    var yaml: String {
        var text = ""
        writeYAML(&text, indent: 0, isInline: true)
        return text
    }

    /// - Parameter isInline: The line has begun, behind `- `; otherwise it stands behind a key's colon.
    private func writeYAML(_ text: inout String, indent: Int, isInline: Bool) {
        let margin = String(repeating: " ", count: indent)
        switch self {
        case .list(let items) where !items.isEmpty:
            if !isInline { text += "\n" }
            for (index, item) in items.enumerated() {
                text += (isInline && index == 0 ? "" : margin) + "- "
                item.writeYAML(&text, indent: indent + 2, isInline: true)
            }
        case .object(let members) where !members.isEmpty:
            if !isInline { text += "\n" }
            for (index, member) in members.enumerated() {
                text += (isInline && index == 0 ? "" : margin) + Self.scalar(member.key) + ":"
                member.value.writeYAML(&text, indent: indent + 2, isInline: false)
            }
        case .text(let value): text += (isInline ? "" : " ") + Self.scalar(value) + "\n"
        default: text += (isInline ? "" : " ") + compactJSON + "\n"
        }
    }

    /// Plain where no reader of YAML could take it for anything else; otherwise in quotes, as in JSON.
    private static func scalar(_ text: String) -> String {
        let words: Set<String> = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"]
        let isPlain =
            text.utf8.first.map { (0x61...0x7A).contains($0 | 0x20) } ?? false
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || "._-/".utf8.contains(byte)
            }
        return isPlain && !words.contains(text.lowercased()) ? text : quoted(text)
    }
}
