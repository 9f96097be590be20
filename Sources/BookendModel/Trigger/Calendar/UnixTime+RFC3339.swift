extension UnixTime {
    /// In UTC, always with milliseconds: `2026-11-23T02:00:00.123Z`.
    package var rfc3339: String {
        let date = day.date
        let day = "\(Self.padded(date.year, 4))-\(Self.padded(date.month))-\(Self.padded(date.day))"
        return "\(day)T\(clock).\(Self.padded(millisecondOfDay % 1_000, 3))Z"
    }

    /// The time of the day in UTC: `02:00:00`.
    package var clock: String {
        let second = millisecondOfDay / 1_000
        return "\(Self.padded(second / 3_600)):\(Self.padded(second / 60 % 60)):\(Self.padded(second % 60))"
    }

    /// In UTC.
    package var day: CivilDay { CivilDay(number: milliseconds.dividedDown(by: 86_400_000)) }

    private var millisecondOfDay: Int64 { milliseconds - day.number * 86_400_000 }

    private static func padded(_ number: some BinaryInteger, _ width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
