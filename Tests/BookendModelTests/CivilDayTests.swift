import BookendModel
import Testing

struct CivilDayTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_399_200_123, "2026-11-23T02:00:00.123Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] as [(Int64, String)])
    func `a time is written by the calendar`(milliseconds: Int64, text: String) {
        #expect(UnixTime(milliseconds: milliseconds).rfc3339 == text)
    }

    @Test func `each day of eight centuries is counted back from its date`() {
        for number in Int64(-146_097)...146_097 {
            let day = CivilDay(number: number)
            let (year, month, dayOfMonth) = day.date
            #expect(CivilDay(year: year, month: Int64(month), day: Int64(dayOfMonth)) == day)
        }
    }

    @Test(arguments: [(2026, 2, 29), (2100, 2, 29), (2026, 4, 31), (2026, 13, 1), (2026, 0, 1), (2026, 1, 0)])
    func `a day that no month has is none`(year: Int64, month: Int64, day: Int64) {
        #expect(CivilDay(year: year, month: month, day: day) == nil)
    }

    @Test func `weekdays are those of the calendar`() {
        #expect(UnixTime(milliseconds: 1_795_399_200_123).day.weekday == 1)
        #expect(UnixTime(milliseconds: -1).day.weekday == 3)
    }
}
