import Yams

/// The documents of one file as trees of nodes that know their places.
struct YAMLDocuments {
    /// More documents in one file than this are refused.
    static let limit = 1000
    /// More uses of anchors than this are refused before parsing: expanding them could take for ever.
    private static let aliasLimit = 8
    /// A file with more duplicate keys than this is given up; each costs one more parsing of the file.
    private static let duplicateLimit = 50
    /// Bytes that are parsed again on account of duplicate keys, at most: of a large file fewer are named.
    private static let repeatedBytes = 256 << 10

    private let roots: [Node]
    private let findings: Findings
    private let displaced: [String: DisplacedKey]
    /// Nodes hold their anchors weakly; the parser owns them.
    private let parser: Parser?

    /// Parses the text; what is wrong with its syntax goes to `findings`, and there are no documents then.
    ///
    /// Yams gives up a file at the first mapping with a duplicate key, and names only its first place. To find all
    /// mistakes in one go, that key is overwritten with private-use characters of the same width and the file is parsed
    /// again; ``MappingReader`` meets the stand-in and says what it stands for.
    init(_ findings: Findings) {
        self.findings = findings
        if Self.hasTooManyAliases(findings) {
            (roots, parser, displaced) = ([], nil, [:])
            return
        }
        var text = findings.source.text
        let limit = min(Self.duplicateLimit, Self.repeatedBytes / max(1, text.utf8.count))
        var displaced: [String: DisplacedKey] = [:]
        while true {
            do {
                let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
                var roots: [Node] = []
                while let root = try parser.nextRoot() {
                    guard roots.count < Self.limit else {
                        findings.report(at: root.place, keyPath: "", "more than \(Self.limit) documents in one file")
                        break
                    }
                    roots.append(root)
                }
                (self.roots, self.parser, self.displaced) = (roots, parser, displaced)
                return
            } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
                let position = SourcePosition(line: context.mark.line, column: context.mark.column)
                // The place is the first key's, and that is the only one which is handled in this round.
                if displaced.count < limit, let key = keys.first,
                    let masked = KeyMask.hiding(key, at: position, in: text, number: displaced.count)
                {
                    text = masked.text
                    displaced[masked.standIn] = DisplacedKey(name: key, position: position)
                    continue
                }
                findings.report(
                    at: .init(position: position, width: 1), keyPath: "",
                    "the key '\(keys.first ?? "")' is given more than once in this mapping")
            } catch {
                SyntaxError.report(error, to: findings)
            }
            (roots, parser, self.displaced) = ([], nil, [:])
            return
        }
    }

    /// There is no document, perhaps because the text is not YAML.
    var isEmpty: Bool { roots.isEmpty }

    var count: Int { roots.count }

    /// Where the second document begins.
    var secondPlace: Findings.Place { roots.count > 1 ? roots[1].place : .start }

    /// Hands out one document after the other, without those that have anchors or tags.
    func forEach(_ read: (YAMLValue) -> Void) {
        for root in roots {
            findings.forgetPlaces()
            let document = YAMLValue(root, findings: findings, displaced: displaced)
            if document.refuseAnchorsAndTags() { read(document) }
        }
    }

    private static func hasTooManyAliases(_ findings: Findings) -> Bool {
        AliasScan.firstPlaceBeyond(aliasLimit, in: findings.source).map { place in
            findings.report(
                at: place, keyPath: "",
                "anchors and aliases (&name, *name) are not read here: write the value again at each place")
        } != nil
    }
}
