/// Durations as people write them: `30s`, `10m`, `4h`, `1d`, `1h30m`, `500ms`.
package enum DurationText {
    package enum Problem: Error, Hashable, Sendable {
        /// Digits only: the unit was forgotten.
        case noUnit
        case malformed
    }

    private static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
    ]

    /// Whole numbers with units, the largest unit first, each unit at most once.
    package static func parse(_ text: String) throws(Problem) -> Duration {
        var rest = text.utf8[...]
        var unitsLeft = units[...]
        var total: Int64 = 0
        guard !rest.isEmpty else { throw .malformed }
        while !rest.isEmpty {
            let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            rest = rest.dropFirst(digits.count)
            let letters = rest.prefix { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
            rest = rest.dropFirst(letters.count)
            guard !digits.isEmpty, let number = Int64(String(digits) ?? "") else { throw .malformed }
            if letters.isEmpty, rest.isEmpty, digits.count == text.utf8.count { throw .noUnit }
            let name = String(letters) ?? ""
            guard let index = unitsLeft.firstIndex(where: { $0.name == name }) else { throw .malformed }
            let (part, tooLarge) = number.multipliedReportingOverflow(by: unitsLeft[index].milliseconds)
            let (sum, overflow) = total.addingReportingOverflow(part)
            guard !tooLarge, !overflow else { throw .malformed }
            total = sum
            unitsLeft = unitsLeft[(index + 1)...]
        }
        return .milliseconds(total)
    }

    /// The shortest way to write a duration that is not negative; parts below a millisecond are cut off.
    package static func render(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        var parts = ""
        var rest = seconds
        for unit in units.dropLast() {
            let size = unit.milliseconds / 1_000
            if rest / size > 0 { parts += "\(rest / size)\(unit.name)" }
            rest %= size
        }
        let milliseconds = attoseconds / 1_000_000_000_000_000
        if milliseconds > 0 { parts += "\(milliseconds)ms" }
        return parts.isEmpty ? "0s" : parts
    }
}
