import BookendModel
import Testing

@testable import BookendCLI

struct CivilTimeTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_795_399_200_123, "2026-11-23T02:00:00.123Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"), (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] as [(Int64, String)])
    func `a time is written by the calendar`(milliseconds: Int64, text: String) {
        #expect(CivilTime(UnixTime(milliseconds: milliseconds)).rfc3339 == text)
    }
}
