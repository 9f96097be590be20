import BookendModel
import Yams

extension YAMLValue {
    /// A text, exactly as written: `no`, `12` and `1.10` are texts too, since nothing here guesses types.
    func string() -> String? {
        guard case .scalar(let scalar) = node, !isNothing else {
            report(expected: "a text")
            return nil
        }
        return scalar.string
    }

    /// `true` or `false`, and no other spelling.
    func bool() -> Bool? {
        switch plainText {
        case "true": return true
        case "false": return false
        case let other?:
            let suggestion: String? =
                switch other.lowercased() {
                case "yes", "y", "on", "true", "1": "write true"
                case "no", "n", "off", "false", "0": "write false"
                default: nil
                }
            report(expected: "true or false", suggestion: suggestion)
        case nil:
            let isQuoted =
                if case .scalar(let scalar) = node { ["true", "false"].contains(scalar.string) } else { false }
            report(expected: "true or false", suggestion: isQuoted ? "leave the quotes out" : nil)
        }
        return nil
    }

    /// A whole number in decimal digits.
    func int(in range: ClosedRange<Int>) -> Int? {
        let expected = "a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard let plainText else {
            let isQuoted = if case .scalar(let scalar) = node { Int(scalar.string) != nil } else { false }
            report(expected: expected, suggestion: isQuoted ? "leave the quotes out" : nil)
            return nil
        }
        let digits = plainText.utf8.first == UInt8(ascii: "-") ? plainText.utf8.dropFirst() : plainText.utf8[...]
        guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }), let number = Int(plainText),
            range.contains(number)
        else {
            report(expected: expected)
            return nil
        }
        return number
    }

    /// A duration with units. Without a range nothing is asked of its length.
    func duration(in range: ClosedRange<Duration>? = nil) -> Duration? {
        guard case .scalar(let scalar) = node, !isNothing else {
            report(expected: "a duration such as 30s, 10m or 1h30m")
            return nil
        }
        do throws(DurationText.Problem) {
            let duration = try DurationText.parse(scalar.string)
            if let range, !range.contains(duration) {
                let (least, most) = (DurationText.render(range.lowerBound), DurationText.render(range.upperBound))
                report(expected: "a duration from \(least) to \(most)")
                return nil
            }
            return duration
        } catch {
            switch error {
            case .noUnit:
                report(
                    expected: "a duration with a unit (ms, s, m, h, d)",
                    suggestion: "write \(scalar.string.clipped)s for seconds")
            case .malformed:
                report(expected: "a duration such as 30s, 10m or 1h30m (units d, h, m, s, ms, the largest first)")
            }
            return nil
        }
    }

    /// A time in UTC.
    func instant() -> UnixTime? {
        guard case .scalar(let scalar) = node, !isNothing, let instant = InstantText.parse(scalar.string) else {
            report(expected: "a time in UTC such as 2026-11-24T02:00:00Z", suggestion: instantHint)
            return nil
        }
        return instant
    }

    /// Hours and minutes.
    func timeOfDay() -> TimeOfDay? {
        guard case .scalar(let scalar) = node, !isNothing, let time = TimeOfDay(text: scalar.string) else {
            let isShort =
                if case .scalar(let scalar) = node { TimeOfDay(text: "0" + scalar.string) != nil } else { false }
            report(
                expected: "a time of the day such as \"02:30\"",
                suggestion: isShort ? "write two digits for the hour" : nil)
            return nil
        }
        return time
    }

    /// Neither a list nor a mapping.
    var isScalar: Bool {
        if case .scalar = node { true } else { false }
    }

    private var instantHint: String? {
        guard case .scalar(let scalar) = node, !isNothing else { return nil }
        let text = scalar.string
        if InstantText.parse(text + "Z") != nil { return "write \(text.clipped)Z if that is UTC" }
        let isOffset = text.utf8.count > 6 && InstantText.parse(text.dropLast(6) + "Z") != nil
        return isOffset ? "convert it to UTC and end it in Z" : nil
    }

    /// A number of bytes with a unit.
    func byteCount(in range: ClosedRange<ByteCount>) -> ByteCount? {
        guard case .scalar(let scalar) = node, !isNothing, let count = ByteCount(text: scalar.string) else {
            let isBare = plainText.map { Int64($0) != nil } ?? false
            report(
                expected: "a size such as 64KiB or 1MiB (units B, KiB, MiB, GiB)",
                suggestion: isBare ? "write \((plainText ?? "").clipped)B for bytes" : nil)
            return nil
        }
        guard range.contains(count) else {
            report(expected: "a size from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return count
    }

    /// A path from the root, without `..`. Whether it exists is not asked.
    func absolutePath() -> String? {
        guard let text = string() else { return nil }
        if let problem = TextRules.absolutePathProblem(text) {
            report("'\(text.clipped)' \(problem)")
            return nil
        }
        return text
    }

    /// A well-formed name.
    func name<N: Name>(_ type: N.Type) -> N? {
        guard let text = string() else { return nil }
        if let problem = TextRules.nameProblem(text) {
            report("'\(text.clipped)' \(problem)")
            return nil
        }
        return N(rawValue: text)
    }

    /// One of a few words.
    func enumeration<E: RawRepresentable & CaseIterable>(_ type: E.Type) -> E? where E.RawValue == String {
        choice(of: E.allCases.map(\.rawValue)).flatMap(E.init(rawValue:))
    }

    func choice(of words: [String]) -> String? {
        guard case .scalar(let scalar) = node, words.contains(scalar.string) else {
            let list =
                words.count == 1 ? words[0] : words.dropLast().joined(separator: ", ") + " or " + words[words.count - 1]
            let near =
                if case .scalar(let scalar) = node { Nearest.match(scalar.string, among: words) } else { String?.none }
            report(expected: list, suggestion: near.map { "did you mean '\($0)'?" })
            return nil
        }
        return scalar.string
    }
}
