import BookendModel
import Testing

@testable import BookendCoordinator

struct SubscriptionPaceTests {
    private let a = AgentID(rawValue: "a")
    private let b = AgentID(rawValue: "b")

    private func at(_ milliseconds: Int) -> BootTime { BootTime(milliseconds: Int64(milliseconds)) }

    @Test func `an agent that subscribes again and again is answered once a second, and never forgotten`() {
        var pace = SubscriptionPace()
        var answers: [Int] = []
        // A thousand a second, for three seconds and a half; a tick each quarter of a second.
        for time in 0..<3_500 {
            if pace.mayAnswer(a, at: at(time)) { answers.append(time) }
            if time % 250 == 249, !pace.due(at: at(time)).isEmpty { answers.append(time) }
        }
        #expect(answers.count <= 4, "\(answers)")
        let (late, never) = (pace.due(at: at(5_000)), pace.due(at: at(9_000)))
        #expect(late == [a] && never.isEmpty)
    }

    @Test func `one agent does not slow another down`() {
        var pace = SubscriptionPace()
        let first = [pace.mayAnswer(a, at: at(0)), pace.mayAnswer(b, at: at(0))]
        let soon = [pace.mayAnswer(a, at: at(1)), pace.mayAnswer(b, at: at(999))]
        let due = [pace.due(at: at(999)), pace.due(at: at(1_000))]
        let again = [pace.mayAnswer(a, at: at(1_001)), pace.mayAnswer(b, at: at(2_000))]
        let last = pace.due(at: at(2_000))
        #expect(first == [true, true] && soon == [false, false] && due == [[], [a, b]])
        #expect(again == [false, true] && last == [a])
    }
}
