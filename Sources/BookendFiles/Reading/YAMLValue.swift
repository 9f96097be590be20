import BookendModel
import Yams

/// One value of a file: what stands there, where, and under which key.
///
/// The getters answer with the value, or with nil after they said to ``Findings`` what was expected and what was found.
struct YAMLValue {
    let node: Node
    /// The key, from the top: `backup.sources[1]`; empty for a document.
    let keyPath: String
    let findings: Findings
    /// Duplicate keys, by what stands for them in the tree.
    let displaced: [String: DisplacedKey]
    let keyPlace: Findings.Place?

    init(
        _ node: Node, keyPath: String = "", keyPlace: Findings.Place? = nil, findings: Findings,
        displaced: [String: DisplacedKey]
    ) {
        self.node = node
        self.keyPath = keyPath
        self.findings = findings
        self.displaced = displaced
        self.keyPlace = keyPlace
        findings.note(place, of: keyPath)
    }

    /// A value inside of this one.
    func part(_ node: Node, keyPath: String, keyPlace: Findings.Place? = nil) -> YAMLValue {
        YAMLValue(node, keyPath: keyPath, keyPlace: keyPlace, findings: findings, displaced: displaced)
    }

    /// Where the value stands; the key's place when there is no value, and for a mapping below its key.
    var place: Findings.Place {
        let own = node.place
        if let keyPlace {
            if isNothing { return keyPlace }
            if case .mapping = node, own.position.line != keyPlace.position.line { return keyPlace }
        }
        return own
    }

    func report(_ message: String, suggestion: String? = nil, isSecret: Bool = false) {
        findings.report(at: place, keyPath: keyPath, message, suggestion: suggestion, isSecret: isSecret)
    }

    func report(expected: String, suggestion: String? = nil) {
        report("expected \(expected), found \(found)", suggestion: suggestion)
    }

    /// Nothing, `~` or `null`.
    var isNothing: Bool {
        guard case .scalar(let scalar) = node, scalar.style == .plain || scalar.style == .any else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// The text of a value that is neither quoted nor a block, and not nothing.
    var plainText: String? {
        guard case .scalar(let scalar) = node, scalar.style == .plain, !isNothing else { return nil }
        return scalar.string
    }

    /// What stands there, in the words of a message.
    var found: String {
        switch node {
        case .scalar(let scalar):
            isNothing
                ? "nothing"
                : scalar.style == .plain ? "'\(scalar.string.clipped)'" : "the text '\(scalar.string.clipped)'"
        case .sequence(let sequence): sequence.isEmpty ? "an empty list" : "a list"
        case .mapping: "a mapping (key: value)"
        case .alias: "an alias"
        }
    }

    /// Reports each anchor and each tag in the tree; false when there was one.
    ///
    /// Both are refused: no file of ours needs them, a tag claims a type that nobody reads, and aliases of aliases can
    /// make a small file a huge tree.
    func refuseAnchorsAndTags() -> Bool {
        var reported: Set<SourcePosition> = []
        refuse(node, &reported)
        return reported.isEmpty
    }

    private func refuse(_ node: Node, _ reported: inout Set<SourcePosition>) {
        if node.anchor != nil || node.hasTag {
            guard reported.insert(node.place.position).inserted else { return }
            findings.report(
                at: node.place, keyPath: "",
                node.anchor != nil
                    ? "anchors and aliases (&name, *name) are not read here: write the value again at each place"
                    : "tags (!name) are not read here: write the plain value")
            return
        }
        switch node {
        case .scalar, .alias: break
        case .sequence(let sequence): for item in sequence { refuse(item, &reported) }
        case .mapping(let mapping):
            for (key, value) in mapping {
                refuse(key, &reported)
                refuse(value, &reported)
            }
        }
    }
}

extension Node {
    var place: Findings.Place {
        let position = mark.map { SourcePosition(line: $0.line, column: $0.column) }
        return .init(position: position ?? SourcePosition(line: 1, column: 1), width: width)
    }

    private var width: Int {
        guard case .scalar(let scalar) = self, !scalar.string.contains("\n") else { return 1 }
        let quotes = scalar.style == .singleQuoted || scalar.style == .doubleQuoted ? 2 : 0
        return max(1, scalar.string.unicodeScalars.count + quotes)
    }

    /// Somebody wrote `!something`.
    fileprivate var hasTag: Bool {
        switch self {
        case .scalar(let scalar): !["", "tag:yaml.org,2002:str"].contains(scalar.tag.rawValue)
        case .sequence(let sequence): !["", "tag:yaml.org,2002:seq"].contains(sequence.tag.rawValue)
        case .mapping(let mapping): !["", "tag:yaml.org,2002:map"].contains(mapping.tag.rawValue)
        case .alias: false
        }
    }
}

extension String {
    /// At most 40 characters and no control characters, for messages.
    var clipped: String {
        let visible = unicodeScalars.prefix(41).map { TextRules.isControl($0) ? "\u{FFFD}" : String($0) }
        return visible.count > 40 ? visible.prefix(39).joined() + "…" : visible.joined()
    }
}
