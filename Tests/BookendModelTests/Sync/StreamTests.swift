import BookendModel
import Testing

/// Agents and collectors whose state went back in time, or lives twice: each report is folded once all the same.
@Suite struct StreamTests {
    @Test func `whatever goes back, is cloned, lost or doubled, each report that is kept is folded once`() {
        var struck: [String: Int] = [:]
        for seed in 0..<300 as Range<UInt64> {
            var world = StreamWorld(seed: seed)
            for _ in 0..<600 where world.mistakes.isEmpty { world.step() }
            world.settle()
            #expect(world.verdict() == [], "seed \(seed)")
            struck.merge(world.struck, uniquingKeysWith: +)
        }
        for fault in [
            "agent went back", "agent cloned", "collector restored", "collector copied back", "journal is behind",
            "diverged", "lost by collector", "sent again", "epoch renewed",
        ] {
            #expect(struck[fault, default: 0] > 80, "'\(fault)' hardly ever happened: \(struck)")
        }
    }

    /// Every history of five of these events, each of which comes to rest before the next or not.
    @Test func `every short history ends with each report folded once`() {
        let events: [(String, (inout StreamWorld) -> Void)] = [
            ("make", { $0.make(2) }), ("make on the clone", { $0.make(2, on: $0.agents - 1) }),
            ("settle", { $0.settle() }), ("snapshot", { $0.snapshot() }), ("go back", { $0.goBack() }),
            ("clone", { $0.clone() }), ("back up", { $0.backUp() }),
            ("restore the collector", { $0.restoreCollector(renewing: false) }),
        ]
        let length = 5
        var histories = 0
        for number in 0..<Int(pow(events.count, length)) {
            var rest = number
            var world = StreamWorld(seed: 1)
            var names: [String] = []
            world.make(2)
            world.settle()
            for _ in 0..<length {
                let event = events[rest % events.count]
                rest /= events.count
                names.append(event.0)
                event.1(&world)
            }
            world.settle()
            let faults = world.verdict()
            if !faults.isEmpty { Issue.record("\(names): \(faults)") }
            histories += 1
        }
        #expect(histories == 32_768)
    }

    private func pow(_ base: Int, _ exponent: Int) -> Int { (0..<exponent).reduce(1) { power, _ in power * base } }

    @Test func `a machine that goes back and has nothing new begins a stream in which everything is known`() {
        var world = StreamWorld(seed: 1)
        world.make(10)
        world.settle()
        world.snapshot()
        world.make(10)
        world.settle()
        world.goBack()
        world.settle()
        #expect(world.verdict() == [] && world.struck == ["agent went back": 1, "journal is behind": 1])
        world.make(3)
        world.settle()
        #expect(world.verdict() == [] && world.struck["diverged"] == nil)
    }

    @Test func `of two clones that speak in turn one begins a stream, once`() {
        var world = StreamWorld(seed: 1)
        world.make(10)
        world.settle()
        world.clone()
        for _ in 0..<20 {
            world.make(1, on: 0)
            world.make(1, on: 1)
            world.settle()
        }
        #expect(world.verdict() == [])
        #expect(world.struck["diverged", default: 0] + world.struck["journal is behind", default: 0] == 1)
    }

    @Test func `a collector that was copied back notices it by the agent's word, once`() {
        var world = StreamWorld(seed: 1)
        world.make(10)
        world.settle()
        world.backUp()
        world.make(10)
        world.settle()
        let epoch = world.epoch
        world.restoreCollector(renewing: false)
        world.settle()
        #expect(world.verdict() == [] && world.epoch != epoch)
        #expect(world.struck == ["collector copied back": 1, "epoch renewed": 1, "sent again": 1])
        world.restart()
        world.restartCollector()
        world.settle()
        #expect(world.struck["epoch renewed"] == 1)
    }

    @Test func `a digest names a report and all that came before it`() {
        var report = Report(
            origin: ReportOrigin(agent: AgentID(rawValue: "a"), incarnation: 1, sequence: 1),
            trigger: ReportedTrigger(
                job: JobID(rawValue: 1), policy: PolicyName(rawValue: "p"), revision: 1, cause: .manual,
                scheduledStart: UnixTime(milliseconds: 0)), attempt: 1, stage: .backup, status: .running,
            at: UnixTime(milliseconds: 5))
        let start = ReportDigest(rawValue: 7)
        let digest = start.followed(by: report)
        // What peers of other versions compute: it must never change.
        #expect(digest == ReportDigest(rawValue: 5_746_961_273_729_136_177))
        report.origin.sequence = 9
        #expect(start.followed(by: report) == digest, "the number is no part of it")
        #expect(digest.followed(by: report) != digest)
        report.status = .successful
        #expect(start.followed(by: report) != digest)
    }
}
