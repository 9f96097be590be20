import BookendAgent
import BookendModel

/// One server with an agent: what stays when the agent dies, and what really happened there.
final class AgentHost: @unchecked Sendable {
    /// What the journal committed of a job, and what ran.
    struct Work {
        var trigger: Trigger
        var attempts: [Int: AttemptWork] = [:]
        /// The journal has its end.
        var isFinished = false
        var isWaiting = false
        /// When the journal had the cancel.
        var canceledAt: Int64?
        /// The journal had the cancel while the job waited for its next attempt.
        var wasWaitingAtCancel = false
        let calm: Calm
        /// The place of its trigger among all that the journal committed.
        var order = 0
        var acceptedAt: Int64 = 0
        /// The next attempt does not begin before.
        var waitsUntil: Int64?
        var finals: [(at: Int64, status: Status)] = []
    }

    struct AttemptWork {
        /// The journal says that its pre-script may start.
        var isIntended = false
        var owes = false
        var isSettled = false
        var isUnpaid = false
        var starts: [Stage: Int] = [:]
        /// Came to an end of its own, or to that of its timeout.
        var ends: [Stage: Int] = [:]
        /// The stage that came to such an end last, unless another was started since.
        var lastEnd: (stage: Stage, at: Int64)?
        /// It did not run: nothing was there, or it was refused.
        var postWasMissing = false
    }

    /// All that a copy of the machine has. The repository is elsewhere.
    struct Copy {
        fileprivate var journal: MemoryJournal.Copy
        fileprivate var work: [JobID: Work]
        fileprivate var goodBackups: [PolicyName: Int64]
        fileprivate var earlyCancels: [JobID: Int64]
        fileprivate var slotsHeardAt: Int64
    }

    let index: Int
    let id: AgentID
    let machine: Machine
    let disk = Disk()
    let journal: MemoryJournal
    unowned let world: World
    var scripts: [Stage: SimulatedServer.Script] = [:]
    var running: [RunningStage] = []
    /// Attempts of which the repository holds a snapshot.
    var snapshots: Set<String> = []
    private(set) var work: [JobID: Work] = [:]
    /// The starts that it carried when they came.
    private(set) var carried: [JobID: Trigger] = [:]
    /// When the journal had the end of each policy's last good backup.
    /// By this machine's wall clock, which is right as long as it has not jumped.
    private var goodBackups: [PolicyName: Int64] = [:]
    /// Cancels that came before their triggers.
    private var earlyCancels: [JobID: Int64] = [:]
    /// Reports of what never happened, as its machine was put back to before it.
    private(set) var lostReports: [Report] = []
    /// The same of ends of jobs.
    private(set) var lostFinals: [JobID: [Status]] = [:]
    /// When the journal last had slots of the coordinator's.
    var slotsHeardAt: Int64 = 0
    /// Cancels that came too late, and were forgotten as well.
    private(set) var lostCancels: Set<JobID> = []
    /// Cancels of jobs that are to be done again. They are told again, unless the job ends before anybody is heard.
    private var forgottenCancels: Set<JobID> = []
    /// When it heard a coordinator for the first time since it was put back.
    var heardAgainAt: Int64?
    /// Faults that wait for a state.
    private var waiting: [(state: AgentState, delay: Int64, strike: () -> Void)] = []

    init(index: Int, world: World) {
        self.index = index
        self.world = world
        id = AgentID(rawValue: "server-\(index + 1)")
        machine = Machine(world.timeline)
        journal = MemoryJournal(agent: id, incarnation: UInt64(index + 1) &* 1_000)
    }

    // MARK: What the journal committed

    func accepted(_ trigger: Trigger) {
        world.note("\(id)", "has job \(trigger.job) of \(trigger.policy), \(trigger.cause.rawValue)")
        if trigger.isOfSchedule {
            for (job, other) in work.sorted(by: { $0.key < $1.key })
            where other.trigger.fingerprint == trigger.fingerprint && other.trigger.isOfSchedule {
                world.violate("\(id): job \(trigger.job) is the start of \(trigger.policy) that was job \(job)")
            }
        }
        work[trigger.job] = Work(
            trigger: trigger, canceledAt: earlyCancels[trigger.job], calm: Calm(world, index), order: work.count,
            acceptedAt: world.timeline.now)
        checkStart(trigger)
        if trigger.cause == .catchUp, world.policy(trigger.policy)?.catchUp != .latest {
            world.violate("\(id): job \(trigger.job) catches up, and its policy does not")
        }
        enters(.queued)
    }

    /// The journal has these slots, in place of all that have not come yet.
    func carries(_ slots: [Trigger]) {
        carried = carried.filter { world.hasCome($0.value) }
        carries(slots, without: [])
    }

    func carries(_ slots: [Trigger], without withdrawn: [JobID]) {
        for job in withdrawn { if let slot = carried[job], !world.hasCome(slot) { carried[job] = nil } }
        for slot in slots where !world.hasCome(slot) { carried[slot.job] = slot }
    }

    func canceled(_ job: JobID) {
        guard var known = work[job] else {
            if earlyCancels[job] == nil { earlyCancels[job] = world.timeline.now }
            return
        }
        guard known.canceledAt == nil else { return }
        known.canceledAt = world.timeline.now
        known.wasWaitingAtCancel = known.isWaiting
        work[job] = known
    }

    func wasCanceled(_ job: JobID) -> Bool { earlyCancels[job] != nil || work[job]?.canceledAt != nil }

    func recorded(_ entries: [JournalEntry], of job: JobID) {
        for entry in entries {
            switch entry {
            case .report(let attempt, let stage, let status, _, let details):
                world.note(
                    "\(id)", "job \(job), attempt \(attempt), \(stage?.rawValue ?? "job"): \(status) \(details.reason)")
                guard stage == nil else { continue }
                work[job]?.isWaiting = status == .waitingForRetry
                if status == .waitingForRetry {
                    waits(job, after: attempt, until: details.nextAttemptAt)
                    enters(.waiting)
                }
                if status.isFinal { work[job]?.finals.append((world.timeline.now, status)) }
            case .attemptStarted(let attempt, let owes):
                startsAttempt(attempt, of: job)
                work[job]?.isWaiting = false
                work[job]?.attempts[attempt, default: AttemptWork()].isIntended = true
                work[job]?.attempts[attempt, default: AttemptWork()].owes = owes
            case .debtSettled(let attempt, let end):
                if case .unpaid = end {
                    work[job]?.attempts[attempt]?.isUnpaid = true
                } else {
                    work[job]?.attempts[attempt]?.isSettled = true
                    work[job]?.attempts[attempt]?.isUnpaid = false
                }
            case .finished:
                work[job]?.isFinished = true
                enters(.flushing)
            // When it ended, not when that could be written down.
            case .goodBackup(let policy, let end):
                if work[job]?.trigger.cause == .rehearsal {
                    world.violate("\(id): job \(job) is a rehearsal and counts as a good backup")
                }
                goodBackups[policy] = end.milliseconds - Machine.epoch
            case .postScriptStarting: break
            }
        }
    }

    // MARK: The rules for starts

    /// The wait is the policy's, for this attempt of this job.
    private func waits(_ job: JobID, after attempt: Int, until next: UnixTime?) {
        guard let trigger = work[job]?.trigger, let policy = world.policy(trigger.policy) else { return }
        let wait = policy.retry.wait(after: attempt, seed: trigger.fingerprint)
        work[job]?.waitsUntil = world.timeline.now + wait.milliseconds
        if !machine.hasJumped, let next, (next - machine.now.wall).milliseconds > wait.milliseconds {
            world.violate("\(id): job \(job) waits longer after attempt \(attempt) than its policy says")
        }
        if let end = trigger.windowEnd, let next, next >= end, !machine.hasJumped {
            world.violate("\(id): job \(job) waits for an attempt past its window")
        }
    }

    /// What must hold whenever an attempt begins, whatever crashed before.
    private func startsAttempt(_ attempt: Int, of job: JobID) {
        guard let own = work[job], let policy = world.policy(own.trigger.policy) else { return }
        let name = "\(id): job \(job) of \(policy.name), attempt \(attempt)"
        if let until = own.waitsUntil, own.isWaiting, !machine.hasJumped, world.timeline.now < until - 1_000 {
            world.violate("\(name) begins before its wait is over")
        }
        if own.trigger.cause == .rehearsal, attempt > 1 { world.violate("\(name) is another attempt of a rehearsal") }
        guard attempt == 1, !own.trigger.cause.isAsked else { return }
        let others = work.filter {
            $0.key != job && $0.value.trigger.policy == policy.name && !$0.value.isFinished
                && $0.value.trigger.cause != .rehearsal
        }
        if policy.overlap != .queue || policy.afterSuccess != nil {
            for (other, work) in others.sorted(by: { $0.key < $1.key })
            where work.order < own.order && !work.attempts.isEmpty {
                world.violate("\(name) begins, and job \(other) is not over")
            }
        }
        // Either clock decides when it is planned, so neither may have jumped.
        if let interval = policy.afterSuccess, let last = goodBackups[policy.name], !machine.hasJumped,
            !world.coordinatorMachine.hasJumped, world.timeline.now < last + interval.milliseconds - 1_000
        {
            world.violate("\(name) begins too soon after the last good backup")
        }
    }

    // MARK: What ran

    /// A stage begins to run; says so at once when it must not.
    func begins(_ stage: Stage, of context: AttemptContext) {
        let (job, attempt) = (context.trigger.job, context.attempt)
        world.note("\(id)", "job \(job), attempt \(attempt): the \(stage.rawValue) runs")
        let name = "\(id): job \(job), attempt \(attempt): the \(stage.rawValue)"
        guard var record = work[job]?.attempts[attempt], record.isIntended else {
            return world.violate("\(name) runs, and the journal has no start of that attempt")
        }
        record.starts[stage, default: 0] += 1
        record.lastEnd = nil
        work[job]?.attempts[attempt] = record
        switch stage {
        case .preScript:
            if record.starts[stage] != 1 { world.violate("\(name) runs for the second time") }
            if !record.owes { world.violate("\(name) runs, and the journal does not owe its post-script") }
        case .backup:
            if context.trigger.cause == .rehearsal { world.violate("\(name) runs in a rehearsal") }
            if record.starts[stage] != 1 { world.violate("\(name) runs for the second time") }
        case .postScript:
            if record.isSettled { world.violate("\(name) runs again after its end was recorded") }
            // Also without its pre-script, when the agent died where that may have started.
            if !record.owes { world.violate("\(name) runs, and was never owed") }
        }
        let isFirst = stage == .preScript || context.policy.policy.scripts == nil
        if isFirst, let room = context.policy.policy.limits.perAgent {
            let others = running.filter { !$0.isOver && $0.job != job }
            if Set(others.map(\.job)).count >= room { world.violate("\(name) runs beside \(others.count) others") }
        }
        guard context.policy.policy.scripts != nil else { return enters(Self.state(of: stage)) }
        let group = context.policy.policy.scripts?.exclusiveGroup
        for other in running where !other.isOver && other.hasScripts && other.group == group {
            world.violate(
                "\(name) runs beside the \(other.stage.rawValue) of job \(other.job), attempt \(other.attempt)")
        }
        if stage == .preScript {
            for (otherJob, other) in work.sorted(by: { $0.key < $1.key }) where otherJob != job {
                let isOpen = other.attempts.values.contains {
                    $0.starts[.preScript] != nil && $0.owes && !$0.isSettled && !$0.isUnpaid
                }
                let policy = world.policies.first { $0.name == other.trigger.policy }
                if isOpen, policy?.scripts?.exclusiveGroup == group {
                    world.violate("\(name) runs before the post-script of job \(otherJob)")
                }
            }
        }
        enters(Self.state(of: stage))
    }

    func ended(_ running: RunningStage) {
        world.note("\(id)", "job \(running.job), attempt \(running.attempt): the \(running.stage.rawValue) is over")
        work[running.job]?.attempts[running.attempt]?.ends[running.stage, default: 0] += 1
        work[running.job]?.attempts[running.attempt]?.lastEnd = (running.stage, world.timeline.now)
    }

    func missing(_ stage: Stage, _ job: JobID, _ attempt: Int) {
        if stage == .postScript { work[job]?.attempts[attempt]?.postWasMissing = true }
    }

    /// The machine loses its power.
    func losePower() {
        for stage in running { stage.kill() }
        running = []
    }

    func copy() -> Copy {
        Copy(
            journal: journal.copy(), work: work, goodBackups: goodBackups, earlyCancels: earlyCancels,
            slotsHeardAt: slotsHeardAt)
    }

    func restore(_ copy: Copy) {
        let made = reports
        for (job, work) in work {
            lostFinals[job, default: []] += work.finals.map(\.status)
            guard work.canceledAt != nil, let known = copy.work[job] else { continue }
            if known.isFinished { lostCancels.insert(job) } else { forgottenCancels.insert(job) }
        }
        journal.restore(copy.journal)
        (work, goodBackups, earlyCancels) = (copy.work, copy.goodBackups, copy.earlyCancels)
        slotsHeardAt = copy.slotsHeardAt
        heardAgainAt = nil
        lostReports += Self.without(reports, made)
    }

    /// What the journal holds. In memory it can be read.
    var reports: [Report] { (try? journal.reports(1 ... .max)) ?? [] }

    /// What was made, but for what is known: by what they say, as each stream has numbers of its own.
    private static func without(_ known: [Report], _ made: [Report]) -> [Report] {
        var known = Dictionary(known.map { ($0.content, 1) }, uniquingKeysWith: +)
        return made.filter { report in
            let left = known[report.content] ?? 0
            known[report.content] = left - 1
            return left <= 0
        }
    }

    /// What a clone did is as if it had happened here and was lost.
    ///
    /// - Parameter shared: What both had when they parted.
    func forget(_ clone: AgentHost, shared: [Report]) {
        lostReports += Self.without(shared, clone.reports)
        for (job, theirs) in clone.work {
            lostFinals[job, default: []] += theirs.finals.map(\.status)
            if theirs.canceledAt != nil, work[job]?.isFinished == true { lostCancels.insert(job) }
        }
    }

    /// The job was canceled, and this agent could not know so: it had forgotten it, and heard nobody before the end.
    func couldNotKnow(ofCancel job: JobID) -> Bool {
        guard forgottenCancels.contains(job), let end = work[job]?.finals.last else { return false }
        return end.status == .skipped || heardAgainAt.map { end.at <= $0 } ?? true
    }

    // MARK: States

    func state(life: Life?) -> AgentState {
        if let stage = running.last(where: { !$0.isOver && $0.life === life }) { return Self.state(of: stage.stage) }
        let open = work.values.filter { !$0.isFinished }
        if open.contains(where: \.isWaiting) { return .waiting }
        if !open.isEmpty { return .queued }
        return hasUnacknowledged ? .flushing : .idle
    }

    /// There are jobs of which no attempt has begun.
    var hasQueuedJobs: Bool { work.values.contains { !$0.isFinished && $0.attempts.isEmpty } }

    var hasUnacknowledged: Bool {
        guard let contents else { return false }
        return contents.highestReport > (contents.streams.values.map(\.acknowledged).min() ?? 0)
    }

    /// A journal in memory can be read.
    var contents: JournalContents? { try? journal.load() }

    func whenIn(_ state: AgentState, after delay: Int64, _ strike: @escaping () -> Void) {
        waiting.append((state, delay, strike))
    }

    private func enters(_ state: AgentState) {
        guard !waiting.isEmpty else { return }
        for waiter in waiting where waiter.state == state { world.timeline.after(waiter.delay, waiter.strike) }
        waiting.removeAll { $0.state == state }
    }

    static func state(of stage: Stage) -> AgentState {
        switch stage {
        case .preScript: .preScript
        case .backup: .backup
        case .postScript: .postScript
        }
    }
}
