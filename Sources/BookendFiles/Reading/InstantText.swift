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
        guard (1...12).contains(month), day >= 1, day <= days(of: month, in: year), hour < 24, minute < 60, second < 60
        else { return nil }
        let seconds = daysSince1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second
        return UnixTime(milliseconds: seconds * 1_000 + milliseconds)
    }

    /// The shortest text that reads back as the same time, for the years 0 to 9999.
    package static func render(_ time: UnixTime) -> String {
        let seconds = floor(time.milliseconds, 1_000)
        let milliseconds = time.milliseconds - seconds * 1_000
        let (day, rest) = (floor(seconds, 86_400), seconds - floor(seconds, 86_400) * 86_400)
        let (year, month, dayOfMonth) = date(daysSince1970: day)
        var text = "\(padded(year, 4))-\(padded(month))-\(padded(dayOfMonth))T"
        text += "\(padded(rest / 3_600)):\(padded(rest / 60 % 60)):\(padded(rest % 60))"
        if milliseconds > 0 {
            var digits = padded(milliseconds, 3)
            while digits.last == "0" { digits.removeLast() }
            text += "." + digits
        }
        return text + "Z"
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64 {
        digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }

    private static func padded(_ number: Int64, _ width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private static func days(of month: Int64, in year: Int64) -> Int64 {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    private static func floor(_ number: Int64, _ divisor: Int64) -> Int64 {
        number / divisor - (number % divisor < 0 ? 1 : 0)
    }

    // The calendar counted from 1 March of the year 0, so that the leap day is a year's last day; 146,097 days are the
    // 400 years after which it repeats.

    private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return year * 365 + floor(year, 4) - floor(year, 100) + floor(year, 400) + dayOfYear - 719_468
    }

    private static func date(daysSince1970 days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let days = days + 719_468
        let cycle = floor(days, 146_097)
        let day = days - cycle * 146_097
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365
        let dayOfYear = day - (365 * year + year / 4 - year / 100)
        let month = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * month + 2) / 5 + 1
        return (year + cycle * 400 + (month >= 10 ? 1 : 0), month >= 10 ? month - 9 : month + 3, dayOfMonth)
    }
}
