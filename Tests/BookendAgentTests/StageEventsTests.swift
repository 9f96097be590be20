import BookendModel
import Testing

@testable import BookendAgent

@Suite struct StageEventsTests {
    @Test func `numbers beyond every bound are taken for the bound`() {
        var events = StageEvents(leftProcesses: .end)
        for number in ["9223372036854775807", "9223372036854775807", "-5", "x", "99999999999999999999"] {
            _ = events.take("output-left-out stdout \(number)")
        }
        #expect(events.outcome.bytesLeftOut == .max)
    }
}
