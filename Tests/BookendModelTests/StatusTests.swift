import BookendModel
import Testing

@Suite struct StatusTests {
    /// Written out once more, because the numbers are frozen.
    private let frozen: [Int32: String] = [
        0: "successful", 1: "failed", 2: "skipped", 3: "not-enabled", 4: "not-available", 5: "successful-with-errors",
        6: "canceled", 10: "queued", 11: "running", 12: "waiting-for-retry", 13: "canceling", 20: "timed-out",
        21: "killed-by-signal", 22: "window-expired", 23: "refused", 24: "could-not-start", 25: "interrupted",
        26: "not-run", 27: "left-processes-behind", 28: "repository-locked", 29: "repository-missing",
        30: "wrong-credentials", 31: "agent-offline", 40: "agent-lost", 41: "missed",
    ]

    @Test func `every number has its name, and no other number has one`() {
        for number in Int32(-5)...100 {
            let status = Status(rawValue: number)
            #expect(status.name == frozen[number] ?? "unknown(\(number))")
            #expect((status.family == .unknown) == (frozen[number] == nil))
        }
        #expect(Status.table.map(\.status.rawValue) == frozen.keys.sorted())
    }

    @Test func `a number without a meaning is a failure, final, and kept`() {
        for number: Int32 in [-1, 7, 19, 32, 39, 42, 77, .max] {
            let status = Status(rawValue: number)
            #expect(status.isFailure && status.isFinal && !status.isSuccess)
            #expect(status.rawValue == number)
        }
    }

    @Test func `basic folds to 0 to 4`() {
        for (number, basic) in [0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 0, 6: 1, 20: 1, 31: 1, 40: 1, 49: 1, 77: 1] {
            #expect(Status(rawValue: Int32(number)).basic.rawValue == Int32(basic), "\(number)")
        }
    }

    @Test func `a map gives its own numbers, and folds what it does not name`() {
        let map = StatusMap(numbers: [.successful: 100, .failed: 200, .canceled: 300])
        #expect(map(.successful) == 100)
        #expect(map(.canceled) == 300)
        #expect(map(.successfulWithErrors) == 100)
        #expect(map(.timedOut) == 200)
        #expect(map(.skipped) == 2)
    }
}

@Suite struct PipelineDecisionsTests {
    @Test func `the keys decide on the backup, each for its own case`() {
        let fails: [Status] = [
            .failed, .timedOut, .killedBySignal, .windowExpired, .refused, .couldNotStart, .interrupted,
            .leftProcessesBehind, Status(rawValue: 77),
        ]
        for skipFails in [false, true] {
            for skipMissing in [false, true] {
                let rules = PipelineRules(
                    scriptsEnabled: true, skipBackupIfPreFails: skipFails, skipBackupIfPreMissing: skipMissing)
                #expect(rules.allowsBackup(after: .successful) && rules.allowsBackup(after: .notEnabled))
                #expect(rules.allowsBackup(after: .skipped) == !skipMissing)
                #expect(fails.allSatisfy { rules.allowsBackup(after: $0) == !skipFails })
            }
        }
    }

    @Test func `failures are worth a retry but those that no retry mends`() {
        let plan = RetryPlan(attempts: 2, interval: .zero)
        let hopeless: Set<Status> = [.windowExpired, .refused, .wrongCredentials]
        for (status, _) in Status.table where status.isFinal {
            let expected = status.isFailure && !hopeless.contains(status)
            #expect(plan.isWorthRetry(preScript: .successful, backup: status) == expected, "\(status)")
        }
        #expect(!plan.isWorthRetry(preScript: .refused, backup: .notRun))
        #expect(plan.isWorthRetry(preScript: .failed, backup: .notRun))
        #expect(plan.isWorthRetry(preScript: .refused, backup: .failed))
    }

    @Test func `the window's end moves from the wall clock to the clock that only goes forward`() {
        let trigger = Trigger(
            job: JobID(rawValue: 1), agent: AgentID(rawValue: "a"), policy: PolicyName(rawValue: "p"), revision: 1,
            cause: .schedule, scheduledStart: start.wall, notAfter: start.wall + .seconds(5),
            windowEnd: start.wall + .seconds(100))
        let facts = JobMachine.Facts(trigger, isFirstBackup: false, at: start + .seconds(30))
        #expect(facts.windowEnd == start.boot + .seconds(100))
        #expect(facts.notAfter == start.wall + .seconds(5))
    }

    @Test func `a wall clock that jumps neither ends a window nor starts a retry`() {
        let rules = PipelineRules(scriptsEnabled: false, retry: RetryPlan(attempts: 2, interval: .seconds(60)))
        var machine = JobMachine(
            rules: rules,
            facts: JobMachine.Facts(notAfter: start.wall + .seconds(9), windowEnd: start.boot + .seconds(500)))
        for event in [JobEvent.accepted, .turn, .startRecorded, .backupEnded(StageEnd(.failed))] {
            _ = machine.handle(event, at: start)
        }
        #expect(machine.nextDeadline == start.boot + .seconds(60))
        let jumped = Moment(wall: start.wall + .seconds(9_999), boot: start.boot + .seconds(59))
        #expect(machine.handle(.tick, at: jumped).isEmpty)
        #expect(machine.phase == .waiting(until: start.boot + .seconds(60)))
        let behind = Moment(wall: start.wall + .seconds(-9_999), boot: start.boot + .seconds(60))
        _ = machine.handle(.tick, at: behind)
        #expect(machine.phase == .queued)
    }
}

@Suite struct SelectorTests {
    private let web = AgentID(rawValue: "web1")

    @Test func `an empty selector picks nobody`() {
        #expect(!Selector().picks(web, labels: [:]))
    }

    @Test func `an id or a pattern names an agent, and every label must hold`() {
        let selector = Selector(ids: [AgentID(rawValue: "db1")], patterns: ["web*"], labels: ["site": "berlin"])
        #expect(selector.picks(web, labels: ["site": "berlin", "os": "linux"]))
        #expect(!selector.picks(web, labels: ["site": "paris"]))
        #expect(!selector.picks(AgentID(rawValue: "mail1"), labels: ["site": "berlin"]))
        #expect(Selector(labels: ["site": "berlin"]).picks(web, labels: ["site": "berlin"]))
    }

    @Test(arguments: [
        ("*", "", true), ("*", "web1", true), ("web?", "web1", true), ("web?", "web12", false), ("w*1", "web1", true),
        ("w*1", "web12", false), ("*b*", "web1", true), ("web1", "web1", true), ("web1", "web", false), ("", "", true),
        ("?", "", false), ("a*b*c", "a-b-b-c", true), ("a*b*c", "a-c-b", false),
    ])
    func `a star stands for any characters, a question mark for one`(pattern: String, text: String, matches: Bool) {
        #expect(Glob(pattern).matches(text) == matches)
    }

    @Test func `a hostile pattern takes no time`() {
        let pattern = Glob(String(repeating: "*a", count: 200) + "b")
        #expect(!pattern.matches(String(repeating: "a", count: 5_000)))
    }

    @Test func `a name begins with a letter or a digit and has at most 128 characters`() {
        for good in ["a", "9", "web-1.example_x", String(repeating: "a", count: 128)] {
            #expect(PolicyName(checking: good) != nil)
        }
        for bad in ["", ".a", "-a", "_a", "a b", "a/b", "ä", "a\n", String(repeating: "a", count: 129)] {
            #expect(PolicyName(checking: bad) == nil)
        }
    }
}
