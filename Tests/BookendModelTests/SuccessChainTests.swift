import BookendModel
import Testing

@Suite struct SuccessChainTests {
    private static let day = Duration.seconds(86_400)

    /// In hours.
    private func chain(_ last: LastGoodBackup, known: [Int64] = [], now: Int64, through: Int64 = 24 * 14) -> [Int64] {
        SuccessChain.starts(
            every: Self.day, after: last, known: known.map(time), from: time(now), through: time(now + through)
        ).map { $0.milliseconds / 3_600_000 }
    }

    private func time(_ hours: Int64) -> UnixTime { UnixTime(milliseconds: hours * 3_600_000) }

    @Test func `starts follow the last good backup, fourteen at most, within the horizon`() {
        #expect(chain(.at(time(1_000)), now: 1_010, through: 60) == [1_024, 1_048])
        #expect(chain(.at(time(1_000)), now: 1_010, through: 9_999).count == 14)
    }

    @Test func `without a good backup, or long after it, the first is at once, and stays where it is`() {
        #expect(chain(.never, now: 1_000).prefix(3) == [1_000, 1_024, 1_048])
        #expect(chain(.at(time(900)), now: 1_000).prefix(2) == [1_000, 1_024])
        // It was planned, and its time passes: the next one does not move.
        #expect(chain(.never, known: [1_000, 1_024, 1_048], now: 1_001).prefix(2) == [1_024, 1_048])
        #expect(chain(.never, known: [1_000, 1_024, 1_048], now: 1_023).prefix(2) == [1_024, 1_048])
        #expect(chain(.never, known: [1_000, 1_024, 1_048], now: 1_024).prefix(2) == [1_048, 1_072])
        // A coordinator that was started anew knows only what is to come.
        #expect(chain(.never, known: [1_024, 1_048], now: 1_001).prefix(2) == [1_024, 1_048])
        // It was down for days.
        #expect(chain(.never, known: [1_000, 1_024], now: 1_100).prefix(2) == [1_120, 1_144])
    }

    @Test func `an interval that became shorter is not waited out`() {
        #expect(chain(.never, known: [1_100], now: 1_000).first == 1_000)
    }

    @Test func `a clock that is far ahead says nothing`() {
        #expect(chain(.at(time(5_000)), now: 1_000).first == 1_000)
        #expect(chain(.at(time(1_002)), now: 1_000).first == 1_026)
    }

    @Test func `cut off, a slot waits for so long after a good backup, and its window with it`() {
        let start = time(1_000)
        let slot = Trigger(
            job: JobID(rawValue: 1), agent: AgentID(rawValue: "a"), policy: PolicyName(rawValue: "p"), revision: 1,
            cause: .schedule, scheduledStart: start, notAfter: start + .seconds(3_600),
            windowEnd: start + .seconds(3_600))
        var book = SlotBook([slot], rules: SlotBook.Rules(splay: .zero))
        #expect(book.nextStart == start + .seconds(60))
        book.rest([
            PolicyName(rawValue: "p"): start + .seconds(7_200), PolicyName(rawValue: "q"): .init(milliseconds: 0),
        ])
        #expect(book.nextStart == start + .seconds(7_200) && book.due(at: start + .seconds(7_199)) == [])
        let due = book.due(at: start + .seconds(7_200))
        #expect(due.map(\.windowEnd) == [start + .seconds(10_800)] && due.map(\.notAfter) == [start + .seconds(10_800)])
        #expect(due.map(\.fingerprint) == [slot.fingerprint])
        book.rest([:])
        #expect(book.due(at: start + .seconds(60)).map(\.windowEnd) == [slot.windowEnd])
    }

    @Test func `what was planned before a good backup is premature until so long after it`() {
        var policy = Policy(
            name: PolicyName(rawValue: "p"), selector: Selector(patterns: ["*"]),
            engine: .command(CommandPlan(program: "/bin/true")), schedules: [Schedule(.afterSuccess(Self.day))])
        var trigger = Trigger(
            job: JobID(rawValue: 1), agent: AgentID(rawValue: "a"), policy: policy.name, revision: 1, cause: .schedule,
            scheduledStart: time(1_000), notAfter: time(1_001))
        #expect(policy.isPremature(trigger, after: time(990), at: time(1_000)))
        #expect(!policy.isPremature(trigger, after: time(976), at: time(1_000)))
        #expect(!policy.isPremature(trigger, after: time(976), at: time(999)), "the coordinator's clock decides")
        #expect(!policy.isPremature(trigger, after: time(990), at: time(1_014)), "it came late")
        #expect(!policy.isPremature(trigger, after: time(1_001), at: time(1_000)), "the clock was set back")
        #expect(!policy.isPremature(trigger, after: nil, at: time(1_000)))
        trigger.cause = .manual
        #expect(!policy.isPremature(trigger, after: time(990), at: time(1_000)))
        trigger.cause = .schedule
        policy.schedules = [Schedule(.cron("@daily"))]
        #expect(!policy.isPremature(trigger, after: time(990), at: time(1_000)))
    }
}
