/// A key that was overwritten because the same key comes again in its mapping.
struct DisplacedKey {
    var name: String
    var position: SourcePosition
}

/// Overwrites one key of a text with characters that no file uses, and keeps every other place where it is.
enum KeyMask {
    /// The text with the key at `position` hidden behind its stand-in; nil when the key is not written there plainly or
    /// in simple quotes.
    static func hiding(
        _ key: String, at position: SourcePosition, in text: String, number: Int
    ) -> (text: String, standIn: String)? {
        guard !key.isEmpty, let mask = Unicode.Scalar(0xE000 + UInt32(number)) else { return nil }
        var scalars = Array(text.unicodeScalars)
        guard var start = offset(of: position, in: scalars) else { return nil }
        let keyScalars = Array(key.unicodeScalars)
        if start < scalars.count, scalars[start] == "\"" || scalars[start] == "'" {
            let end = start + 1 + keyScalars.count
            guard end < scalars.count, scalars[end] == scalars[start] else { return nil }
            start += 1
        }
        let range = start..<(start + keyScalars.count)
        guard range.upperBound <= scalars.count, scalars[range].elementsEqual(keyScalars) else { return nil }
        scalars.replaceSubrange(range, with: repeatElement(mask, count: keyScalars.count))
        let standIn = String(String.UnicodeScalarView(repeatElement(mask, count: keyScalars.count)))
        return (String(String.UnicodeScalarView(scalars)), standIn)
    }

    private static func offset(of position: SourcePosition, in scalars: [Unicode.Scalar]) -> Int? {
        var line = 1
        var index = 0
        while line < position.line, index < scalars.count {
            if SourceText.isBreak(scalars[index]) {
                line += 1
                if scalars[index] == "\r", index + 1 < scalars.count, scalars[index + 1] == "\n" { index += 1 }
            }
            index += 1
        }
        let offset = index + position.column - 1
        return line == position.line && offset < scalars.count ? offset : nil
    }
}
