package import BookendModel

/// Points in time as ISO 8601 writes them in UTC: `2026-11-24T02:00:00Z`, with up to three digits of a second's fraction.
package enum InstantText {
    /// - Returns: `nil` for anything else: another zone, a day that no month has, the 61st second.
    package static func parse(_ text: String) -> UnixTime? {
        let bytes = Array(text.utf8)
        let shape = Array("0000-00-00T00:00:00".utf8)
        guard bytes.count > shape.count, bytes.last == UInt8(ascii: "Z") else { return nil }
        for (byte, model) in zip(bytes, shape) {
            guard model == UInt8(ascii: "0") ? isDigit(byte) : byte == model else { return nil }
        }
        var milliseconds: Int64 = 0
        let fraction = bytes[shape.count..<bytes.count - 1]
        if !fraction.isEmpty {
            let digits = fraction.dropFirst()
            guard fraction.first == UInt8(ascii: "."), (1...3).contains(digits.count), digits.allSatisfy(isDigit) else {
                return nil
            }
            milliseconds = number(digits) * [100, 10, 1][digits.count - 1]
        }
        let (year, month, day) = (number(bytes[0..<4]), number(bytes[5..<7]), number(bytes[8..<10]))
        let (hour, minute, second) = (number(bytes[11..<13]), number(bytes[14..<16]), number(bytes[17..<19]))
        guard let day = CivilDay(year: year, month: month, day: day), hour < 24, minute < 60, second < 60
        else { return nil }
        let seconds = day.number * 86_400 + hour * 3_600 + minute * 60 + second
        return UnixTime(milliseconds: seconds * 1_000 + milliseconds)
    }

    /// The shortest text that reads back as the same time, for the years 0 to 9999.
    package static func render(_ time: UnixTime) -> String {
        var text = time.rfc3339.dropLast()
        while text.last == "0" { text.removeLast() }
        if text.last == "." { text.removeLast() }
        return text + "Z"
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64 {
        digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }
}
