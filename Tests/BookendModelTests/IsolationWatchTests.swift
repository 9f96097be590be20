import BookendModel
import Testing

@Suite struct IsolationWatchTests {
    private let start = Moment(wall: UnixTime(milliseconds: 1_000_000_000), boot: BootTime(milliseconds: 50_000))
    private let day = Duration.seconds(86_400)

    @Test func `an isolation is told once, and the next one again`() {
        var watch = IsolationWatch(patience: day, lastHeard: nil, isTold: false, at: start)
        #expect(watch.tick(at: start.boot + day + .milliseconds(-1)) == false)
        #expect(watch.tick(at: start.boot + day) == true)
        #expect(watch.tick(at: start.boot + day * 30) == false)
        #expect(watch.hear(at: start.boot + day * 31) == true)
        #expect(watch.hear(at: start.boot + day * 31) == false)
        #expect(watch.tick(at: start.boot + day * 31) == false)
        #expect(watch.tick(at: start.boot + day * 32) == true)
    }

    @Test func `the time while the agent was not running counts, and a clock that was set back does not`() {
        let before = start.wall + (.zero - day / 2)
        var watch = IsolationWatch(patience: day, lastHeard: before, isTold: false, at: start)
        #expect(watch.tick(at: start.boot + day / 2 + .milliseconds(-1)) == false)
        #expect(watch.tick(at: start.boot + day / 2) == true)
        var back = IsolationWatch(patience: day, lastHeard: start.wall + day, isTold: false, at: start)
        #expect(back.tick(at: start.boot + day + .milliseconds(-1)) == false)
        #expect(back.tick(at: start.boot + day) == true)
    }

    @Test func `what was told before the agent started again is not told again`() {
        var watch = IsolationWatch(patience: day, lastHeard: start.wall + (.zero - day * 3), isTold: true, at: start)
        #expect(watch.tick(at: start.boot + day) == false)
        #expect(watch.hear(at: start.boot + day) == true)
    }
}
