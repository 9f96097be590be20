/// A date and time as a calendar and a clock on the wall show them, to the minute, in no zone (proleptic Gregorian).
package struct CivilTime: Hashable, Sendable {
    /// Minutes from 1970-01-01 00:00 on the same wall clock.
    package var minutes: Int64

    package init(minutes: Int64) {
        self.minutes = minutes
    }
}
