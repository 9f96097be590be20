import BookendModel

/// What one agent of a ``RuleFleet`` has.
final class RuleAgent {
    struct Job {
        var machine: JobMachine
        var isExpected: Bool
        /// `nil`: no backup runs.
        var runsUntil: Int64?
        var outcome = Status.successful
    }

    let id: AgentID
    let row: RuleRow.AgentRow
    var isUp = false
    var isConnected = false
    /// A minute, and no splay.
    var slots = SlotBook([], rules: SlotBook.Rules(splay: .zero))
    var turns: TurnQueue
    var jobs: [JobID: Job] = [:]
    /// Every job that ever came, as its journal has it.
    private(set) var known: [JobID: Trigger] = [:]
    private var begun: [PolicyName: Int] = [:]
    private(set) var goodBackups: [PolicyName: UnixTime] = [:]
    private var replaced: [JobID] = []
    /// Cancels that came before their triggers, and all others.
    private var canceled: Set<JobID> = []
    /// Jobs that broke when the agent died.
    private var broken: [(job: JobID, recovery: JobRecovery)] = []

    init(id: AgentID, row: RuleRow.AgentRow) {
        self.id = id
        self.row = row
        turns = TurnQueue(limit: row.jobs_at_once ?? 2)
    }

    var activeJobs: [ActiveJob] {
        jobs.keys.sorted().compactMap { job in
            known[job].map { ActiveJob(job: job, policy: $0.policy, attempt: 1, stage: .backup) }
        }
    }

    func accept(_ trigger: Trigger, under policy: Policy, at now: Moment) -> [JobAction]? {
        slots.consume(trigger.job)
        guard known[trigger.job] == nil else { return nil }
        let order = policy.catchUp == .latest ? trigger.caughtUp(at: now.wall) : trigger
        known[trigger.job] = order
        return begin(order, under: policy, with: .accepted, at: now)
    }

    private func begin(
        _ trigger: Trigger, under policy: Policy, with event: JobEvent, at now: Moment
    ) -> [JobAction] {
        var facts = JobMachine.Facts(trigger, isFirstBackup: false, at: now)
        facts.lateStatus = policy.lateStatus(of: trigger)
        let earlier = jobs.filter { $0.value.isExpected && known[$0.key]?.policy == policy.name }.keys
        switch policy.verdict(on: trigger, beside: Array(earlier)) {
        case .queues: break
        case .isSkipped(let job): facts.isSkippedBecauseOf = job
        case .replaces(let jobs): replaced += jobs
        }
        facts.isPremature = policy.isPremature(trigger, after: goodBackups[policy.name], at: now.wall)
        let isLate = now.wall > trigger.notAfter || trigger.windowEnd.map { now.wall >= $0 } ?? false
        let machine = JobMachine(rules: PipelineRules(policy), facts: facts)
        jobs[trigger.job] = Job(
            machine: machine, isExpected: facts.isSkippedBecauseOf == nil && !facts.isPremature && !isLate)
        return (canceled.contains(trigger.job) ? tell(trigger.job, .cancel, at: now) : [])
            + tell(trigger.job, event, at: now)
    }

    func tell(_ job: JobID, _ event: JobEvent, at now: Moment) -> [JobAction] {
        jobs[job]?.machine.handle(event, at: now) ?? []
    }

    func cancel(_ job: JobID, at now: Moment) -> [JobAction] {
        canceled.insert(job)
        return tell(job, .cancel, at: now)
    }

    func takeReplaced() -> [JobID] {
        defer { replaced = [] }
        return replaced
    }

    func begin(_ job: JobID, for seconds: Int64, failures: Int, at second: Int64) {
        guard let policy = known[job]?.policy else { return }
        begun[policy, default: 0] += 1
        jobs[job]?.runsUntil = second + seconds
        jobs[job]?.outcome = begun[policy, default: 0] <= failures ? .failed : .successful
    }

    func noteGood(_ job: JobID, _ outcome: Status, at now: UnixTime) {
        guard outcome.isSuccess, let policy = known[job]?.policy else { return }
        goodBackups[policy] = now
    }

    func rest(_ policies: [PolicyName: Policy]) {
        var rests: [PolicyName: UnixTime] = [:]
        for (name, last) in goodBackups {
            if let interval = policies[name]?.afterSuccess { rests[name] = last + interval }
        }
        slots.rest(rests)
    }

    // MARK: Dying

    func die() {
        broken = jobs.sorted { $0.key < $1.key }.map { job, entry in
            var recovery = JobRecovery(attempts: entry.machine.attemptNumber)
            if entry.machine.isUnderWay { recovery.brokenStage = .backup }
            if case .waiting(let retry) = entry.machine.phase {
                recovery.retryAt = retry
                recovery.ends = [.backup: StageEnd(.failed)]
            }
            return (job, recovery)
        }
        jobs = [:]
        turns = TurnQueue(limit: row.jobs_at_once ?? 2)
    }

    func recover(_ policies: [PolicyName: Policy], at now: Moment) -> [(job: JobID, actions: [JobAction])] {
        defer { broken = [] }
        return broken.compactMap { job, recovery in
            guard let trigger = known[job], let policy = policies[trigger.policy] else { return nil }
            return (job, begin(trigger, under: policy, with: .recovered(recovery), at: now))
        }
    }
}
