/// A number of bytes; not negative.
package struct ByteCount: Hashable, Comparable, Sendable {
    package var bytes: Int64

    package init(bytes: Int64) {
        self.bytes = bytes
    }

    package static func < (left: ByteCount, right: ByteCount) -> Bool { left.bytes < right.bytes }

    package static func kibibytes(_ count: Int64) -> ByteCount { ByteCount(bytes: count << 10) }
    package static func mebibytes(_ count: Int64) -> ByteCount { ByteCount(bytes: count << 20) }

    private static let units: [(name: String, shift: Int64)] = [("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)]

    /// A whole number with one of the units `B`, `KiB`, `MiB`, `GiB`; nil when the text is anything else.
    package init?(text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let name = text.dropFirst(digits.count)
        guard let unit = Self.units.first(where: { $0.name == name }), let number = Int64(digits) else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << unit.shift)
        guard !overflow else { return nil }
        self.init(bytes: bytes)
    }
}

extension ByteCount: CustomStringConvertible {
    /// In the largest unit that leaves a whole number: `1MiB`.
    package var description: String {
        for unit in Self.units where (bytes >> unit.shift) << unit.shift == bytes && (bytes > 0 || unit.shift == 0) {
            return "\(bytes >> unit.shift)\(unit.name)"
        }
        return "\(bytes)B"
    }
}
