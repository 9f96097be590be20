package import BookendDaemon
package import BookendModel
package import Logging

/// Owns the agent's jobs: records triggers, gives each job a runner, hands out turns, passes cancels on.
///
/// Runs as long as ``run()`` does; each job's runner is a child task of it.
package actor JobDirector {
    /// What the director needs of its agent.
    package struct Surroundings: Sendable {
        package var agent: AgentID
        package var journal: any Journal
        package var stages: any AttemptStages
        package var clock: any DaemonClock
        package var reported: @Sendable (UInt64) -> Void
        package var progressed: @Sendable (Progress) -> Void
        package var logger: Logger

        package init(
            agent: AgentID, journal: any Journal, stages: any AttemptStages, clock: any DaemonClock,
            reported: @escaping @Sendable (UInt64) -> Void, progressed: @escaping @Sendable (Progress) -> Void,
            logger: Logger
        ) {
            self.agent = agent
            self.journal = journal
            self.stages = stages
            self.clock = clock
            self.reported = reported
            self.progressed = progressed
            self.logger = logger
        }
    }

    private struct Entry {
        var runner: JobRunner
        var activity: JobActivity
        var isCanceled: Bool
        /// It is not skipped at once: later jobs of its policy may overlap with it.
        var isExpected: Bool
    }

    let surroundings: Surroundings
    private var turns: TurnQueue
    private var policies: [PolicyName: PolicyRevision]
    private var jobs: [JobID: Entry] = [:]
    private var slots: SlotBook
    /// When the coordinator counts as gone unless it is heard before.
    private var goneAt: BootTime
    /// As of the last time that the journal could be read.
    private var goodBackups: [PolicyName: UnixTime] = [:]
    /// Given when the slots change, for what waits for the next one.
    private var slotOrder: StopOrder?
    /// The highest job id that the journal has ever had.
    package private(set) var highestJob: JobID
    /// Debts that are being paid or forgiven, or wait for their turn.
    private var payments: [TurnQueue.Claimant: StopOrder] = [:]
    /// For the heartbeat: as of the last time that it could be read.
    package private(set) var openDebtCount = 0
    private var isShuttingDown = false
    /// No new attempts. What runs may be let to its end, until ``isShuttingDown``.
    private var isLeaving = false
    /// Given by ``shutDown()`` and ``drain()``, for what waits.
    private let stopping = StopOrder()
    /// Jobs that are to be run by ``run()``; bounded by the triggers that the journal holds.
    private let starts: AsyncStream<Start>
    private let starter: AsyncStream<Start>.Continuation

    /// Hears of each job that is over.
    private var ends: AsyncStream<Void>.Continuation?

    private struct Start: Sendable {
        var claimant: TurnQueue.Claimant
        var run: @Sendable () async -> Void
    }

    private let slotPause: Duration
    /// How long a journal that cannot be written is left alone.
    private static let journalPause = Duration.seconds(5)

    /// - Parameters:
    ///   - contents: Of the journal, as it is now.
    ///   - slotPause: Slots are looked at again after so long at the latest: the wall clock may have been set.
    package init(
        jobLimit: Int, contents: JournalContents, slotRules: SlotBook.Rules = SlotBook.Rules(),
        slotPause: Duration = .seconds(30), surroundings: Surroundings
    ) {
        self.slotPause = slotPause
        slots = SlotBook(contents.slots, rules: slotRules)
        goneAt = surroundings.clock.now.boot
        highestJob = contents.highestJob
        let policies = contents.policies
        self.surroundings = surroundings
        turns = TurnQueue(limit: jobLimit)
        self.policies = Dictionary(policies.map { ($0.policy.name, $0) }, uniquingKeysWith: { $1 })
        (starts, starter) = AsyncStream.makeStream(of: Start.self, bufferingPolicy: .unbounded)
    }

    /// Runs every job that is given, until ``shutDown()`` and the end of what must not be left.
    package func run() async {
        await withDiscardingTaskGroup { group in
            for await start in starts {
                group.addTask { [weak self] in
                    await start.run()
                    await self?.forget(start.claimant)
                }
            }
        }
    }

    /// From now on.
    package func tellEnds(to listener: AsyncStream<Void>.Continuation) { ends = listener }

    /// For the heartbeat, in ascending order of job.
    package var activeJobs: [ActiveJob] {
        jobs.values.map(\.activity.activeJob).sorted { $0.job < $1.job }
    }

    /// For the heartbeat: why nothing new begins; empty: it can.
    package var journalProblem: String {
        (surroundings.journal.problem() ?? "").cut(toBytes: Heartbeat.journalProblemLimit)
    }

    /// For the heartbeat: of the policies whose jobs start so long after a good backup.
    package var lastGoodBackups: [PolicyName: LastGoodBackup] {
        policies.filter { $0.value.policy.afterSuccess != nil }.mapValues { revision in
            goodBackups[revision.policy.name].map(LastGoodBackup.at) ?? .never
        }
    }

    // MARK: Policies

    /// In no order.
    package var policyRevisions: [PolicyRevision] { Array(policies.values) }

    package func replacePolicies(
        _ revisions: [PolicyRevision], generation: Int64, slots new: [Trigger], epoch: UInt64
    ) throws(AgentError) {
        let fresh = try withoutJobs(new)
        try surroundings.journal.replacePolicies(revisions, generation: generation, slots: fresh, epoch: epoch)
        policies = Dictionary(revisions.map { ($0.policy.name, $0) }, uniquingKeysWith: { $1 })
        readGoodBackups()
        slots.replace(fresh)
        slotsChanged()
    }

    package func changePolicy(_ change: PolicyChange) throws(AgentError) {
        try surroundings.journal.changePolicy(change)
        policies[change.name] = change.revision
        readGoodBackups()
        guard change.revision == nil else { return }
        slots.remove(change.name)
        slotsChanged()
    }

    package func changeSlots(_ changed: [Trigger], withdrawn: [JobID]) throws(AgentError) {
        let fresh = try withoutJobs(changed)
        try surroundings.journal.changeSlots(fresh, withdrawn: withdrawn)
        slots.change(fresh, withdrawn: withdrawn)
        slotsChanged()
    }

    /// The coordinator counts as gone from then on, unless it is heard before.
    package func coordinatorGoes(at time: BootTime) {
        defer { goneAt = time }
        // If it is later, what waits for it wakes up too early, and sleeps again.
        if time < goneAt { slotsChanged() }
    }

    /// The slots whose jobs have not begun.
    private func withoutJobs(_ slots: [Trigger]) throws(AgentError) -> [Trigger] {
        var fresh: [Trigger] = []
        for slot in slots where try surroundings.journal.trigger(of: slot.job) == nil { fresh.append(slot) }
        return fresh
    }

    // MARK: Slots

    /// Starts each slot whose trigger did not come, until ``shutDown()``.
    ///
    /// Looks again after a while: the wall clock may be set at any time, and a journal that was full may have room.
    package func runSlots() async {
        while !isLeaving, !Task.isCancelled {
            let shortest = startDueSlots() ? Duration.milliseconds(10) : Self.journalPause
            let order = StopOrder()
            slotOrder = order
            let now = surroundings.clock.now
            let pause = slots.nextStart.map { min(max($0 - now.wall, shortest), slotPause) }
            // Either way it is looked at again.
            _ = await surroundings.clock.sleep(until: now.boot + (pause ?? .seconds(3_600)), unless: order)
        }
    }

    private func readGoodBackups() {
        guard policies.values.contains(where: { $0.policy.afterSuccess != nil }) else { return }
        // What was read before is the best that there is; the journal says so wherever it matters.
        goodBackups = (try? surroundings.journal.goodBackups()) ?? goodBackups
    }

    /// Slots that would come too soon after a good backup wait. One in the future says nothing: the clock was set back.
    private func restSlots(at now: UnixTime) {
        var rests: [PolicyName: UnixTime] = [:]
        for (name, revision) in policies {
            guard let interval = revision.policy.afterSuccess, let last = goodBackups[name], last <= now else {
                continue
            }
            rests[name] = last + interval
        }
        slots.rest(rests)
    }

    /// - Returns: `false`: one could not be recorded, and is due still.
    private func startDueSlots() -> Bool {
        let now = surroundings.clock.now
        restSlots(at: now.wall)
        slots.coordinatorGoes(at: now.wall + (goneAt - now.boot))
        for trigger in slots.due(at: now.wall) {
            do throws(AgentError) {
                _ = try accept(trigger)
            } catch {
                surroundings.logger.error(
                    "a job of the schedule could not be recorded; it is tried again",
                    metadata: ["job.id": "\(trigger.job)", "error": "\(error)"])
                return false
            }
        }
        return true
    }

    private func slotsChanged() { slotOrder?.give() }

    // MARK: Jobs

    /// Records a trigger and starts its job; its slot is consumed. A trigger that is known does nothing.
    ///
    /// - Returns: `false`: the journal has another job by this id, or this start of the schedule under another id. The trigger
    ///   must not be acknowledged.
    /// - Throws: When the journal cannot be written: the trigger must not be acknowledged, and comes again.
    @discardableResult
    package func accept(_ trigger: Trigger) throws(AgentError) -> Bool {
        let now = surroundings.clock.now.wall
        let policy = policies[trigger.policy]
        let order = policy?.policy.catchUp == .latest ? trigger.caughtUp(at: now) : trigger
        guard let job = try surroundings.journal.accept(order, under: policy, at: now) else {
            let known = try surroundings.journal.trigger(of: trigger.job)
            slots.consume(trigger.job)
            return known?.fingerprint == trigger.fingerprint
        }
        slots.consume(trigger.job)
        highestJob = max(highestJob, trigger.job)
        begin(job, with: .accepted)
        return true
    }

    /// The journal has a job by this id.
    func has(_ job: JobID) throws(AgentError) -> Bool { try surroundings.journal.trigger(of: job) != nil }

    /// What a hello says of the journal's jobs.
    func knownJobs() throws(AgentError) -> (jobs: [KnownJob], since: UnixTime) {
        try surroundings.journal.knownJobs(limit: Hello.knownJobLimit)
    }

    /// Remembers a cancel, and passes it to the job if that is here.
    package func cancel(_ job: JobID) throws(AgentError) {
        try surroundings.journal.recordCancel(of: job, at: surroundings.clock.now.wall)
        guard let entry = jobs[job], !entry.isCanceled else { return }
        jobs[job]?.isCanceled = true
        entry.runner.send(.cancel)
    }

    /// Takes up the jobs that the journal holds from before. To be called before anything else.
    ///
    /// Attempts that broke have their turns before anyone can ask for one: their debts are paid first.
    package func recover(_ contents: JournalContents) throws(AgentError) {
        var recoveries: [(job: JournaledJob, recovery: JobRecovery)] = []
        for job in contents.unfinishedJobs {
            let reports = try surroundings.journal.reports(of: job.trigger.job)
            recoveries.append((job, JobRecovery(job, reports: reports, now: surroundings.clock.now)))
        }
        for (job, recovery) in recoveries where recovery.brokenStage != nil {
            turns.take(TurnQueue.Claim(job))
        }
        // Those that could not be paid before are tried again, after what broke just now.
        readGoodBackups()
        let debts = try openDebts()
        openDebtCount = debts.count
        for debt in debts {
            let payment = payment(of: debt)
            let turn = StopOrder()
            payments[payment.claimant] = turn
            give(turns.request(payment.claim))
            starter.yield(
                Start(claimant: payment.claimant) { [stopping] in
                    guard await Self.comes(turn, unless: stopping) else { return }
                    _ = await payment.pay()  // It reports by itself.
                })
        }
        // Whom a policy lets overlap is judged by those that were there before; ids tell nothing, as a start has its id
        // long before it comes.
        recoveries.sort { left, right in
            (left.job.attempts == 0 ? 1 : 0, left.job.acceptedAt, left.job.trigger.job)
                < (right.job.attempts == 0 ? 1 : 0, right.job.acceptedAt, right.job.trigger.job)
        }
        for (job, recovery) in recoveries { begin(job, with: .recovered(recovery)) }
    }

    // MARK: Debts

    func payment(of debt: JournaledDebt) -> DebtPayment {
        DebtPayment(debt: debt, surroundings: surroundings, stopping: stopping)
    }

    func countDebts() {
        // A journal that cannot be read says so wherever it matters.
        openDebtCount = (try? openDebts().count) ?? openDebtCount
    }

    /// A debt of the job is being paid or forgiven, or waits for its turn.
    package func isPayingDebt(of job: JobID) -> Bool { payments.keys.contains { $0.job == job } }

    /// Takes these debts in hand.
    ///
    /// - Returns: `false`: one of them is in somebody's hands; none was taken.
    func begin(_ debts: [DebtPayment]) -> Bool {
        guard !debts.contains(where: { payments[$0.claimant] != nil }) else { return false }
        for debt in debts { payments[debt.claimant] = StopOrder() }
        return true
    }

    /// Whoever took the debt in hand is done with it. Twice does no harm.
    func end(_ payment: DebtPayment) {
        guard payments.removeValue(forKey: payment.claimant) != nil else { return }
        releaseTurn(payment.claimant)
    }

    /// Pays one debt that was taken in hand when its turn comes, as a child of ``run()``, so that an agent that stops waits
    /// for its end.
    ///
    /// - Returns: `nil` when the agent stops, or nobody wants it any more, before the turn came.
    func pay(_ payment: DebtPayment) async -> DebtSettlement? {
        guard !isLeaving, let turn = payments[payment.claimant] else { return nil }
        give(turns.request(payment.claim))
        guard await Self.comes(turn, unless: stopping), !isLeaving else {
            forget(payment.claimant)
            return nil
        }
        return await withCheckedContinuation { continuation in
            let start = Start(claimant: payment.claimant) { continuation.resume(returning: await payment.pay()) }
            if case .terminated = starter.yield(start) {
                forget(payment.claimant)
                continuation.resume(returning: nil)
            }
        }
    }

    /// - Returns: The turn came before the agent was told to stop.
    private static func comes(_ turn: StopOrder, unless stopping: StopOrder) async -> Bool {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await turn.wait() }
            group.addTask { await stopping.wait() }
            await group.next()
            group.cancelAll()
        }
        return turn.isGiven && !stopping.isGiven
    }

    /// No new attempts; engines are stopped, owed post-scripts run. ``run()`` returns when that is done.
    package func shutDown() {
        guard !isShuttingDown else { return }
        isShuttingDown = true
        leave(telling: .shutdown)
    }

    /// No new attempts; those that are under way go on to their own ends. ``run()`` returns when that is done.
    ///
    /// ``shutDown()`` may follow, and then stops the engines.
    package func drain() {
        guard !isLeaving else { return }
        leave(telling: .drain)
    }

    private func leave(telling event: JobEvent) {
        isLeaving = true
        stopping.give()
        slotOrder?.give()
        for entry in jobs.values { entry.runner.send(event) }
        starter.finish()
    }

    private func begin(_ job: JournaledJob, with event: JobEvent) {
        guard !isLeaving else { return }  // in the journal, and taken up by the agent that starts next
        guard let policy = job.policy else { return refuse(job) }
        let activity = JobActivity(job: job.trigger.job, policy: job.trigger.policy)
        let earlier = overlap(of: job, policy.policy)
        let isPremature = policy.policy.isPremature(
            job.trigger, after: goodBackups[policy.policy.name], at: surroundings.clock.now.wall)
        let runner = JobRunner(
            job: job, policy: policy, startingWith: event, skippedBecauseOf: earlier, isPremature: isPremature,
            activity: activity,
            surroundings: JobRunner.Surroundings(
                agent: surroundings.agent, journal: surroundings.journal, stages: surroundings.stages,
                clock: surroundings.clock,
                requestTurn: { [weak self] claim in await self?.requestTurn(claim) },
                releaseTurn: { [weak self] claimant in await self?.releaseTurn(claimant) }, stopping: stopping,
                reported: surroundings.reported, progressed: surroundings.progressed, logger: surroundings.logger))
        jobs[job.trigger.job] = Entry(
            runner: runner, activity: activity, isCanceled: job.isCanceled,
            isExpected: job.trigger.cause != .rehearsal && earlier == nil && !isPremature
                && !job.isLate(at: surroundings.clock.now.wall))
        surroundings.logger.notice(
            "job begins",
            metadata: [
                "job.id": "\(job.trigger.job)", "policy": "\(job.trigger.policy)",
                "cause": "\(job.trigger.cause.rawValue)",
            ])
        starter.yield(Start(claimant: TurnQueue.Claimant(job.trigger.job)) { await runner.run() })
    }

    /// Lets the policy's rule have its effect on earlier jobs that are not over.
    ///
    /// - Returns: The job because of which this one is skipped; `nil`: it is not.
    private func overlap(of job: JournaledJob, _ policy: Policy) -> JobID? {
        guard job.attempts == 0 else { return nil }
        let earlier = jobs.filter { $0.value.isExpected && $0.value.activity.activeJob.policy == policy.name }
        switch policy.verdict(on: job.trigger, beside: Array(earlier.keys)) {
        case .queues: return nil
        case .isSkipped(let other): return other
        case .replaces(let others):
            for other in others { earlier[other]?.runner.send(.replaced(by: job.trigger.job)) }
            return nil
        }
    }

    /// The policy was withdrawn between the trigger and its arrival.
    private func refuse(_ job: JournaledJob) {
        var details = ReportDetails()
        details.reason = "policy \(job.trigger.policy) is no longer this agent's; nothing ran"
        let report = JournalEntry.report(
            attempt: 0, stage: nil, status: .couldNotStart, at: surroundings.clock.now.wall, details: details)
        var ledger = JobLedger(
            journal: surroundings.journal, clock: surroundings.clock, trigger: ReportedTrigger(job.trigger),
            reported: surroundings.reported, logger: surroundings.logger)
        guard ledger.record([report, .finished]) != nil else { return }
        starter.yield(
            Start(claimant: TurnQueue.Claimant(job.trigger.job)) { [ledger, stopping] in
                var ledger = ledger
                await ledger.finish(stopping: stopping)
            })
    }

    private func forget(_ claimant: TurnQueue.Claimant) {
        countDebts()
        readGoodBackups()
        guard claimant.debt != nil else {
            jobs[claimant.job] = nil
            ends?.yield()
            return
        }
        payments[claimant] = nil
        releaseTurn(claimant)
    }

    private func requestTurn(_ claim: TurnQueue.Claim) {
        give(turns.request(claim))
    }

    private func releaseTurn(_ claimant: TurnQueue.Claimant) {
        give(turns.release(claimant))
    }

    private func give(_ granted: [TurnQueue.Claimant]) {
        for claimant in granted {
            if claimant.debt == nil { jobs[claimant.job]?.runner.send(.turn) } else { payments[claimant]?.give() }
        }
    }
}

extension JournaledJob {
    /// It is skipped, unless an attempt has begun.
    fileprivate func isLate(at now: UnixTime) -> Bool {
        attempts == 0 && (now > trigger.notAfter || trigger.windowEnd.map { now >= $0 } ?? false)
    }
}
