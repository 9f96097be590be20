import BookendTestSupport
import Testing

@testable import BookendModel

/// Tries every sequence of events, in possible and impossible orders, against the invariants.
///
/// Two sequences that lead to the same state of machine, checker and clock have the same futures. So states are tried,
/// each with every event, and sequences are counted. The machine's memory for people is cleared, because it tells them
/// apart.
@Suite struct ExhaustiveHistoryTests {
    @Test(arguments: [true, false])
    func `every sequence of events keeps every invariant`(scriptsEnabled: Bool) async {
        await besideOtherTests { explore(scriptsEnabled: scriptsEnabled) }
    }

    private func explore(scriptsEnabled: Bool) {
        var sequences = 0
        var states = 0
        var longest = 0
        let began = ContinuousClock.now
        for (rules, facts) in Self.settings where rules.scriptsEnabled == scriptsEnabled {
            let explored = Explorer(rules: rules, facts: facts).explore()
            sequences += explored.sequencesOfSix
            states += explored.states
            longest = max(longest, explored.depth)
            if let breach = explored.breach {
                Issue.record("\(breach.invariants.map(\.rawValue)) with \(rules), \(facts):\n\(breach.history)")
                return
            }
        }
        print(
            "scripts \(scriptsEnabled ? "on" : "off"): \(sequences) sequences of up to six events, "
                + "\(states) states; no new state after \(longest) events; \(ContinuousClock.now - began)")
        #expect(sequences > 1_000_000_000)
    }

    /// Scripts, keys, attempts, window and overrun; the keys decide nothing that depends on the overrun or on there
    /// being only one attempt, so those are tried without them.
    static var settings: [(PipelineRules, JobMachine.Facts)] {
        func setting(
            scripts: Bool = true, skipFails: Bool = false, skipMissing: Bool = false, attempts: Int = 2, window: Bool,
            overrun: Bool = false
        ) -> (PipelineRules, JobMachine.Facts) {
            let rules = PipelineRules(
                scriptsEnabled: scripts, skipBackupIfPreFails: skipFails, skipBackupIfPreMissing: skipMissing,
                retry: RetryPlan(attempts: attempts, interval: .seconds(60)), ignoreWindowForFirstBackup: overrun)
            let facts = JobMachine.Facts(
                notAfter: start.wall + .seconds(10), windowEnd: window ? start.boot + .seconds(100) : nil,
                isFirstBackup: overrun)
            return (rules, facts)
        }
        // Two attempts, and an overrun with each window, so that it shows that neither holds for it.
        let rehearsals = ([nil] + StagedFault.Kind.allCases.map(\.self)).map { fault in
            let hasWindow = fault == nil || fault == .timeout
            var setting = setting(skipFails: fault == nil, window: hasWindow, overrun: hasWindow)
            setting.1.isRehearsal = true
            setting.1.fault = fault.map { StagedFault($0) }
            return setting
        }
        return rehearsals + [
            setting(window: false), setting(window: true), setting(window: true, overrun: true),
            setting(skipFails: true, window: false), setting(skipFails: true, window: true),
            setting(skipMissing: true, window: false), setting(skipMissing: true, window: true),
            setting(attempts: 1, window: false), setting(attempts: 1, window: true),
            setting(attempts: 1, window: true, overrun: true),
            setting(scripts: false, window: false), setting(scripts: false, window: true),
            setting(scripts: false, window: true, overrun: true), setting(scripts: false, attempts: 1, window: true),
        ]
    }
}

/// One thing that can happen: something that the machine is told, or time that passes without its knowledge.
private enum Happening: Hashable {
    case event(JobEvent)
    /// To the end of the window.
    case windowPasses
    /// To the time of the retry.
    case intervalPasses
    /// To the time at which a rehearsal's fault strikes.
    case delayPasses

    static let alphabet: [Happening] =
        [
            .accepted, .turn, .startRecorded, .journalFailed(reason: "full"), .cancel, .shutdown, .drain, .tick,
            .replaced(by: JobID(rawValue: 7)),
            .scriptStarted(.preScript), .scriptEnded(.preScript, .missing),
            .scriptEnded(.preScript, .refused(reason: "")), .scriptEnded(.preScript, .couldNotStart(reason: "")),
            .scriptEnded(.preScript, .ended(StageEnd(.successful))),
            .scriptEnded(.preScript, .ended(StageEnd(.timedOut))),
            .backupEnded(StageEnd(.successful)), .backupEnded(StageEnd(.failed)),
            .backupEnded(StageEnd(.wrongCredentials)), .backupEnded(withSnapshot),
            .scriptStarted(.postScript), .scriptEnded(.postScript, .missing),
            .scriptEnded(.postScript, .refused(reason: "")),
            .scriptEnded(.postScript, .ended(StageEnd(.successful))),
            .scriptEnded(.postScript, .ended(StageEnd(.failed))),
            .recovered(JobRecovery(attempts: 0)),
            .recovered(JobRecovery(attempts: 1, brokenStage: .preScript)),
            .recovered(JobRecovery(attempts: 1, brokenStage: .preScript, owesPostScript: true)),
            .recovered(JobRecovery(attempts: 1, brokenStage: .backup, ends: [.preScript: StageEnd(.skipped)])),
            .recovered(
                JobRecovery(
                    attempts: 1, brokenStage: .postScript,
                    ends: [.preScript: StageEnd(.successful), .backup: StageEnd(.failed)], owesPostScript: true,
                    isPostScriptBroken: true)),
            .recovered(
                JobRecovery(
                    attempts: 1, brokenStage: .backup, ends: [.preScript: StageEnd(.failed)], owesPostScript: true,
                    isCanceled: true)),
        ].map { .event($0) } + [.windowPasses, .intervalPasses, .delayPasses]

    private static let withSnapshot: StageEnd = {
        var end = StageEnd(.successfulWithErrors)
        end.details.snapshotID = "4f2a"
        return end
    }()
}

private struct World: Hashable {
    var machine: JobMachine
    var checker: HistoryChecker
    var now = start

    mutating func happen(_ happening: Happening) {
        switch happening {
        case .windowPasses:
            guard let end = machine.facts.windowEnd, end > now.boot else { return }
            now = now + (end - now.boot)
        case .intervalPasses:
            guard case .waiting(let until) = machine.phase, until > now.boot else { return }
            now = now + (until - now.boot)
        case .delayPasses:
            guard let due = machine.attempt.faultDueAt, due > now.boot else { return }
            now = now + (due - now.boot)
        case .event(let event):
            let before = machine.phase
            let actions = machine.handle(event, at: now)
            checker.check(event, actions, before: before, after: machine, at: now)
            machine.events = []
        }
    }

    /// A daemon that answers every order, until nothing is left to answer.
    mutating func runToItsEnd() {
        for _ in 0..<30 {
            switch machine.phase {
            case .new, .ended: return
            case .queued, .waiting:
                if machine.isShuttingDown { return }
                if machine.phase == .queued {
                    happen(.event(.turn))
                } else {
                    happen(.intervalPasses)
                    happen(.event(.tick))
                }
            case .starting: happen(.event(.startRecorded))
            case .preScript: happen(.event(.scriptEnded(.preScript, .ended(StageEnd(.successful)))))
            case .backup: happen(.event(.backupEnded(StageEnd(.failed))))
            case .postScript: happen(.event(.scriptEnded(.postScript, .ended(StageEnd(.successful)))))
            }
        }
    }
}

/// Walks through all states, shortest histories first.
private struct Explorer {
    struct Breach {
        var invariants: Set<Invariant>
        var history: String
    }

    let rules: PipelineRules
    let facts: JobMachine.Facts

    /// A recovery that could not come from these rules is left out.
    private var alphabet: [Happening] {
        Happening.alphabet.filter { happening in
            guard case .event(.recovered(let recovery)) = happening, !rules.scriptsEnabled else { return true }
            return !recovery.owesPostScript && recovery.ends.isEmpty
        }
    }

    func explore() -> (sequencesOfSix: Int, states: Int, depth: Int, breach: Breach?) {
        let first = World(
            machine: JobMachine(rules: rules, facts: facts), checker: HistoryChecker(rules: rules, facts: facts))
        var worlds = [first]
        var numbers = [first: 0]
        var origins: [(from: Int, by: Happening)?] = [nil]
        var frontier = [0]
        var edges: [[Int]] = []
        var depth = 0
        let alphabet = alphabet
        while !frontier.isEmpty {
            var next: [Int] = []
            for number in frontier {
                var targets: [Int] = []
                for happening in alphabet {
                    var world = worlds[number]
                    world.happen(happening)
                    if world == worlds[number] {
                        targets.append(number)
                        continue
                    }
                    if let known = numbers[world] {
                        targets.append(known)
                        continue
                    }
                    let new = worlds.count
                    worlds.append(world)
                    numbers[world] = new
                    origins.append((number, happening))
                    targets.append(new)
                    next.append(new)
                    var end = world
                    end.runToItsEnd()
                    end.checker.checkEnd(end.machine)
                    if !end.checker.breaches.isEmpty {
                        let breach = Breach(invariants: end.checker.breaches, history: history(of: new, origins))
                        return (0, worlds.count, depth, breach)
                    }
                }
                edges.append(targets)
            }
            frontier = next
            if !next.isEmpty { depth += 1 }
        }
        return (count(edges, length: 6), worlds.count, depth, nil)
    }

    /// How many sequences of up to `length` events there are; every one of them leads to a state that was tried.
    private func count(_ edges: [[Int]], length: Int) -> Int {
        var counts = [Int](repeating: 0, count: edges.count)
        counts[0] = 1
        var total = 0
        for _ in 0..<length {
            var next = [Int](repeating: 0, count: edges.count)
            for (number, count) in counts.enumerated() where count > 0 {
                for target in edges[number] { next[target] += count }
            }
            counts = next
            total += counts.reduce(0, +)
        }
        return total
    }

    private func history(of number: Int, _ origins: [(from: Int, by: Happening)?]) -> String {
        var lines: [String] = []
        var number = number
        while let origin = origins[number] {
            lines.append("\(origin.by)")
            number = origin.from
        }
        return lines.reversed().joined(separator: "\n")
    }
}
