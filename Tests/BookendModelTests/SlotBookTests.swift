import BookendModel
import Testing

@Suite struct SlotBookTests {
    private func slot(_ agent: String = "a", policy: String = "p", room: Int = 3_600) -> Trigger {
        let start = UnixTime(milliseconds: 1_000_000)
        return Trigger(
            job: JobID(rawValue: 1), agent: AgentID(rawValue: agent), policy: PolicyName(rawValue: policy), revision: 1,
            cause: .schedule, scheduledStart: start, notAfter: start + .seconds(room))
    }

    @Test func `agents spread over the splay, each at the same place every time`() {
        let book = SlotBook([])
        let delays = (0..<1_000).map { number in
            let slot = slot("agent-\(number)")
            var other = slot
            other.scheduledStart = slot.scheduledStart + .seconds(86_400)
            other.notAfter = slot.notAfter + .seconds(86_400)
            let delay = book.startTime(of: slot) - slot.scheduledStart
            #expect(book.startTime(of: other) - other.scheduledStart == delay)
            return delay
        }
        #expect(delays.allSatisfy { $0 >= .seconds(60) && $0 <= .seconds(120) })
        for second in 60..<120 {
            let share = delays.count { $0 >= .seconds(second) && $0 < .seconds(second + 1) }
            #expect(share < 50, "\(share) of 1000 start in second \(second)")
        }
    }

    @Test(arguments: [0, 1, 30, 90, 119, 120, 240, 100_000]) func `a short window is not waited out`(room: Int) {
        let slot = slot(room: room)
        let wait = SlotBook([]).startTime(of: slot) - slot.scheduledStart
        #expect(wait <= .seconds(room) / 2 && wait >= .zero)
        if room >= 240 { #expect(wait >= .seconds(60)) }
    }

    @Test func `a slot is due until it is consumed, whatever the clock does`() {
        var book = SlotBook([slot()], rules: SlotBook.Rules(grace: .seconds(10), splay: .zero))
        let start = slot().scheduledStart
        #expect(book.nextStart == start + .seconds(10))
        #expect(book.due(at: start + .seconds(9)).isEmpty)
        #expect(book.due(at: start + .seconds(86_400)).map(\.cause) == [.autonomous])
        #expect(book.due(at: start).isEmpty, "the clock was set back")
        #expect(book.due(at: start + .seconds(10)).map(\.job.rawValue) == [1])
        book.consume(JobID(rawValue: 1))
        #expect(book.due(at: start + .seconds(10)).isEmpty && book.nextStart == nil)
    }

    @Test func `a slot that is held back starts as long after the coordinator is gone as another after its start`() {
        var held = slot()
        held.isHeld = true
        var book = SlotBook([held], rules: SlotBook.Rules(grace: .seconds(10), splay: .zero))
        let start = held.scheduledStart
        #expect(book.due(at: held.notAfter).isEmpty, "the coordinator was never lost")
        book.coordinatorGoes(at: start + .seconds(100))
        #expect(book.nextStart == start + .seconds(110) && book.due(at: start + .seconds(109)).isEmpty)
        // It is heard again, and then no longer.
        book.coordinatorGoes(at: start + .seconds(500))
        #expect(book.due(at: start + .seconds(509)).isEmpty)
        let due = book.due(at: start + .seconds(510))
        #expect(due.map(\.job.rawValue) == [1] && due[0].cause == .autonomous && !due[0].isHeld)
        // Gone long before the start: like any other slot.
        book.coordinatorGoes(at: start + .seconds(-500))
        #expect(book.nextStart == start + .seconds(10))
        // What is left of its time is not waited out, and past it there is nothing to wait for: it is reported skipped.
        book.coordinatorGoes(at: held.notAfter + .seconds(-8))
        #expect(book.nextStart == held.notAfter + .seconds(-4))
        book.coordinatorGoes(at: held.notAfter + .seconds(60))
        #expect(book.nextStart == held.notAfter + .seconds(60))
    }

    @Test func `a fingerprint tells one order from another, and not one cause from another`() {
        var other = slot()
        other.cause = .autonomous
        other.revision = 9
        other.notAfter = UnixTime(milliseconds: 0)
        #expect(other.fingerprint == slot().fingerprint)
        #expect(slot("b").fingerprint != slot().fingerprint)
        #expect(slot("a", policy: "q").fingerprint != slot().fingerprint)
        #expect(slot("ap", policy: "x").fingerprint != slot("a", policy: "px").fingerprint)
        other.scheduledStart = other.scheduledStart + .milliseconds(1)
        #expect(other.fingerprint != slot().fingerprint)
        // proto/bookend/v1/sync.proto says how it is made; another implementation must find the same number.
        #expect(slot().fingerprint == 11745378041054138573)
    }

    @Test func `a second's worth of hellos is answered, and the others are spread`() {
        var budget = HelloBudget()
        var now = BootTime(milliseconds: 0)
        var back: [BootTime] = []
        var answered = 0
        for _ in 0..<1_000 {
            if let delay = budget.take(perSecond: 200, at: now) { back.append(now + delay) } else { answered += 1 }
        }
        #expect(answered == 200)
        while !back.isEmpty {
            now = back.min() ?? now
            back.remove(at: back.firstIndex(of: now) ?? 0)
            if let delay = budget.take(perSecond: 200, at: now) { back.append(now + delay) } else { answered += 1 }
        }
        #expect(answered == 1_000 && now <= BootTime(milliseconds: 7_000), "\(now.milliseconds) ms")
    }

    @Test func `a restart is no clone, and two that live are`() {
        var watch = CloneWatch()
        var now = BootTime(milliseconds: 0)
        for instance in [1, 2, 3] as [UInt64] {
            for _ in 0..<10 {
                now = now + .seconds(15)
                watch.hear(instance, at: now)
                watch.hear(0, at: now)
            }
        }
        #expect(!watch.isCloned)
        watch.hear(2, at: now + .seconds(20))
        #expect(watch.isCloned)
        watch.hear(3, at: now + .seconds(25))
        for second in 1...60 { watch.hear(3, at: now + .seconds(25 + second * 15)) }
        #expect(!watch.isCloned, "the other one is gone")
    }

    @Test func `what was sent before a restart may be read behind it`() {
        var watch = CloneWatch()
        let now = BootTime(milliseconds: 0)
        watch.hear(1, at: now)
        watch.hear(2, at: now + .seconds(30))
        watch.hear(1, at: now + .seconds(31))
        watch.hear(2, at: now + .seconds(45))
        watch.hear(2, at: now + .seconds(60))
        #expect(!watch.isCloned)
    }
}
