import BookendFiles
import BookendModel

/// The audit log for people and for programs.
enum AuditTables {
    static func list(_ entries: [AuditEntry]) -> Table {
        var table = Table([
            .init("LINE", .right), .init("WHEN"), .init("WHO", shrinksTo: 8), .init("WHAT"),
            .init("RESULT"), .init("TARGET", shrinksTo: 8), .init("DETAIL", shrinksTo: 6),
            .init("FROM", shrinksTo: 8, isDispensable: true),
        ])
        for entry in entries {
            let draft = entry.draft
            table.append([
                .init("\(entry.sequence)"), .init(InstantText.render(entry.at)), .init(draft.who), .init(draft.what),
                .init(draft.result.rawValue, draft.result == .done || draft.result == .begun ? nil : .bad),
                .init(draft.target), .init(draft.detail), .init(draft.origin),
            ])
        }
        return table
    }

    // MARK: What a check found

    static func lines(_ check: AuditCheck, _ silence: String?) -> [String] {
        let extent =
            check.last.map { "\(Phrases.count(check.entries, "line")), the last one is \($0.sequence)" } ?? "no line"
        guard check.findings.isEmpty else {
            return check.findings.map { "TAMPERED: \(text($0))" } + [extent]
        }
        guard silence == nil else { return ["the lines fit each other: \(extent)"] }
        let last = check.last?.sequence ?? 0
        let rest =
            check.anchoredThrough >= last
            ? "the collector agrees with all of them"
            : "the collector agrees up to line \(check.anchoredThrough), and has seen none since"
        return ["the log is whole: \(extent); \(rest)"]
    }

    static func document(_ check: AuditCheck, _ silence: String?) -> Document {
        .object([
            "entries": Document(check.entries), "last_sequence": Document(check.last?.sequence ?? 0),
            "anchored_through": Document(check.anchoredThrough), "is_compared": .bool(silence == nil),
            "not_compared_because": Document(silence),
            "findings": .list(
                check.findings.map { finding in
                    .object([
                        "kind": .text(kind(finding)), "first_sequence": Document(sequences(finding).lowerBound),
                        "last_sequence": Document(sequences(finding).upperBound), "text": .text(text(finding)),
                    ])
                }),
        ])
    }

    private static func text(_ finding: AuditCheck.Finding) -> String {
        switch finding {
        case .missing(let range) where range.count == 1: "line \(range.lowerBound) was removed"
        case .missing(let range): "lines \(range.lowerBound) to \(range.upperBound) were removed"
        case .outOfOrder(let sequence): "line \(sequence) stands in the wrong place"
        case .altered(let sequence): "line \(sequence) was changed: its hash is not that of what it says"
        case .unlinked(let sequence):
            "line \(sequence) does not follow the line before it: one of them was changed, and its hash made anew"
        case .replaced(let after, let anchor):
            "something in lines \(after + 1) to \(anchor.head.sequence) was changed and all hashes were made anew: the "
                + "collector saw another line \(anchor.head.sequence) at \(InstantText.render(anchor.seenAt))"
        case .cutOff(let after, let anchor):
            "the lines behind \(after) were cut off: the collector saw line \(anchor.head.sequence) at "
                + InstantText.render(anchor.seenAt)
        }
    }

    private static func kind(_ finding: AuditCheck.Finding) -> String {
        switch finding {
        case .missing: "missing"
        case .outOfOrder: "out-of-order"
        case .altered: "altered"
        case .unlinked: "unlinked"
        case .replaced: "replaced"
        case .cutOff: "cut-off"
        }
    }

    private static func sequences(_ finding: AuditCheck.Finding) -> ClosedRange<Int64> {
        switch finding {
        case .missing(let range): range
        case .outOfOrder(let sequence), .altered(let sequence), .unlinked(let sequence): sequence...sequence
        case .replaced(let after, let anchor), .cutOff(let after, let anchor): (after + 1)...anchor.head.sequence
        }
    }
}

extension AuditEntry {
    var document: Document {
        .object(["sequence": Document(sequence)]) + .time("at", at)
            + .object([
                "who": .text(draft.who), "from": .text(draft.origin), "what": .text(draft.what),
                "target": .text(draft.target), "result": .text(draft.result.rawValue), "detail": .text(draft.detail),
                "hash": .text(hexadecimal(hash)), "previous": .text(hexadecimal(previous)),
            ])
    }

    private func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
