/// A day of the civil calendar (proleptic Gregorian).
package struct CivilDay: Hashable, Sendable {
    /// Days from 1970-01-01.
    package var number: Int64

    package init(number: Int64) {
        self.number = number
    }

    /// - Returns: `nil` for a day that no month has.
    package init?(year: Int64, month: Int64, day: Int64) {
        guard (1...12).contains(month), day >= 1, day <= Self.length(of: month, in: year) else { return nil }
        let year = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        let leapDays = year.dividedDown(by: 4) - year.dividedDown(by: 100) + year.dividedDown(by: 400)
        number = year * 365 + leapDays + dayOfYear - Self.shift
    }

    /// 0 is Sunday, 6 Saturday; 1970-01-01 was a Thursday.
    package var weekday: Int { Int((number + 4) - (number + 4).dividedDown(by: 7) * 7) }

    /// The month from 1 to 12, the day of the month from 1 to 31.
    package var date: (year: Int64, month: Int, day: Int) {
        let shifted = number + Self.shift
        let cycle = shifted.dividedDown(by: Self.cycle)
        let day = shifted - cycle * Self.cycle
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365
        let dayOfYear = day - (365 * year + year / 4 - year / 100)
        let month = (5 * dayOfYear + 2) / 153
        let isNextYear = month >= 10
        return (
            year + cycle * 400 + (isNextYear ? 1 : 0), Int(isNextYear ? month - 9 : month + 3),
            Int(dayOfYear - (153 * month + 2) / 5 + 1)
        )
    }

    package func at(hour: Int, minute: Int) -> CivilTime {
        CivilTime(minutes: number * 1_440 + Int64(hour * 60 + minute))
    }

    // Years are counted from 1 March of the year 0, so that the leap day is a year's last day.

    /// Days from then to 1970-01-01.
    private static let shift: Int64 = 719_468
    /// Days of the 400 years after which the calendar repeats.
    private static let cycle: Int64 = 146_097

    private static func length(of month: Int64, in year: Int64) -> Int64 {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }
}

extension Int64 {
    /// Rounded to the lower whole number, so that the rest is never negative.
    func dividedDown(by divisor: Int64) -> Int64 {
        self / divisor - (self % divisor < 0 ? 1 : 0)
    }
}
