/// A date and time as a calendar and a clock on the wall show them, to the minute, in no zone (proleptic Gregorian).
package struct CivilTime: Hashable, Sendable {
    /// Minutes from 1970-01-01 00:00 on the same wall clock.
    package var minutes: Int64

    package init(minutes: Int64) {
        self.minutes = minutes
    }
}

/// A day of the civil calendar.
package struct CivilDay: Hashable, Sendable {
    /// Days from 1970-01-01.
    package var number: Int64

    package init(number: Int64) {
        self.number = number
    }

    /// 0 is Sunday, 6 Saturday; 1970-01-01 was a Thursday.
    package var weekday: Int { Int(((number + 4) % 7 + 7) % 7) }

    /// Month (1 to 12) and day of the month (1 to 31). Years are counted from March, so that the leap day comes last.
    package var monthAndDay: (month: Int, day: Int) {
        let shifted = number + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let year = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * year + year / 4 - year / 100)
        let month = (5 * dayOfYear + 2) / 153
        return (Int(month < 10 ? month + 3 : month - 9), Int(dayOfYear - (153 * month + 2) / 5 + 1))
    }

    package func at(hour: Int, minute: Int) -> CivilTime {
        CivilTime(minutes: number * 1_440 + Int64(hour * 60 + minute))
    }
}
