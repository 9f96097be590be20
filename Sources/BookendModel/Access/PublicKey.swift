/// A public CURVE key by its 40 characters of Z85. The model compares keys, and does nothing else with them.
package struct PublicKey: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let text: String

    /// - Returns: `nil` when the text is not 40 characters of Z85.
    package init?(checking text: some StringProtocol) {
        var text = String(text)
        let isKey = text.withUTF8 { bytes in bytes.count == 40 && bytes.allSatisfy { Self.isAllowed[Int($0)] } }
        guard isKey else { return nil }
        self.text = text
    }

    package var description: String { text }

    package static func < (left: Self, right: Self) -> Bool { left.text < right.text }

    /// By byte; collectors read a key of each of their peers with each roster.
    private static let isAllowed: [Bool] = {
        let alphabet = Set(
            "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#".utf8)
        return (UInt8.min ... .max).map(alphabet.contains)
    }()
}
