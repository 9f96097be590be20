import BookendModel

/// Small, fast, seeded; a failure is replayed by its seed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// The reports that one agent's jobs lead to, numbered as its outbox numbers them.
struct RandomAgent {
    let id: AgentID
    var reports: [Report] = []
    private(set) var incarnation: UInt64 = 7
    private var sequence: UInt64 = 0

    init(id: AgentID) { self.id = id }

    /// The journal starts anew.
    mutating func renew() {
        incarnation += 1
        sequence = 0
    }

    /// Runs a job with random answers, and now and then a cancel, to its end.
    mutating func run(_ job: JobID, using generator: inout SeededGenerator, renewing: Bool = false) {
        let trigger = ReportedTrigger(
            job: job, policy: PolicyName(rawValue: job.rawValue.isMultiple(of: 2) ? "even" : "odd"), revision: 3,
            cause: .manual, scheduledStart: start.wall)
        let rules = PipelineRules(
            scriptsEnabled: Bool.random(using: &generator), retry: RetryPlan(attempts: 2, interval: .zero))
        var machine = JobMachine(rules: rules, facts: JobMachine.Facts(notAfter: start.wall + .seconds(60)))
        var now = start + .seconds(job.rawValue)
        var event = JobEvent.accepted
        while machine.phase != .ended {
            for case .report(let attempt, let stage, let status, let details) in machine.handle(event, at: now) {
                if renewing, Int.random(in: 0..<6, using: &generator) == 0 { renew() }
                sequence += 1
                reports.append(
                    Report(
                        origin: ReportOrigin(agent: id, incarnation: incarnation, sequence: sequence), trigger: trigger,
                        attempt: attempt, stage: stage, status: status, at: now.wall, details: details))
            }
            now = now + .milliseconds(Int.random(in: 1...900, using: &generator))
            event = answer(to: machine.phase, using: &generator)
        }
    }

    private func answer(to phase: JobMachine.Phase, using generator: inout SeededGenerator) -> JobEvent {
        if Int.random(in: 0..<20, using: &generator) == 0 { return .cancel }
        let status = [Status.successful, .failed, .timedOut, .successful].randomElement(using: &generator) ?? .failed
        switch phase {
        case .new, .ended, .waiting: return .tick
        case .queued: return .turn
        case .starting: return .startRecorded
        case .preScript:
            if Bool.random(using: &generator) { return .scriptStarted(.preScript) }
            return .scriptEnded(.preScript, Bool.random(using: &generator) ? .missing : .ended(StageEnd(status)))
        case .backup: return .backupEnded(StageEnd(status))
        case .postScript: return .scriptEnded(.postScript, .ended(StageEnd(status)))
        }
    }
}

/// Merges queues in a random order that keeps the order of each.
func interleaved(_ queues: [[Report]], using generator: inout SeededGenerator) -> [Report] {
    var queues = queues.map { Array($0.reversed()) }
    var merged: [Report] = []
    while let place = queues.indices.filter({ !queues[$0].isEmpty }).randomElement(using: &generator) {
        merged.append(queues[place].removeLast())
    }
    return merged
}
