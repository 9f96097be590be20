import BookendDaemon
import BookendModel
import Logging

/// Carries out what the ``JobMachine`` of one job decides.
///
/// One task takes the events in order and performs what each led to. Scripts, the engine and the timer run beside it and
/// tell their ends as events, so that a cancel is heard while a stage runs.
struct JobRunner: Sendable {
    /// What a runner needs of its agent.
    struct Surroundings: Sendable {
        var agent: AgentID
        var journal: any Journal
        var stages: any AttemptStages
        var clock: any DaemonClock
        /// Asks for a turn; ``JobEvent/turn`` answers.
        var requestTurn: @Sendable (TurnQueue.Claim) async -> Void
        var releaseTurn: @Sendable (TurnQueue.Claimant) async -> Void
        /// Given when the agent stops.
        var stopping: StopOrder
        /// The journal holds reports up to this number.
        var reported: @Sendable (UInt64) -> Void
        var progressed: @Sendable (Progress) -> Void
        var logger: Logger
    }

    private let job: JournaledJob
    private let rules: PipelineRules
    private let maxAttempts: Int
    private let lateStatus: Status
    private let skippedBecauseOf: JobID?
    private let isPremature: Bool
    private let surroundings: Surroundings
    private let mailbox: AsyncStream<JobEvent>
    private let sender: AsyncStream<JobEvent>.Continuation
    private let activity: JobActivity

    /// - Parameters:
    ///   - policy: The policy that the job runs under.
    ///   - skippedBecauseOf: An earlier job with which the policy does not let this one overlap.
    ///   - isPremature: A good backup was made after its start was planned, and the policy's jobs start so long after one.
    ///   - first: How the job begins. It is in the mailbox from here on, before anything that others send.
    init(
        job: JournaledJob, policy: PolicyRevision, startingWith first: JobEvent, skippedBecauseOf: JobID? = nil,
        isPremature: Bool = false, activity: JobActivity, surroundings: Surroundings
    ) {
        self.job = job
        self.activity = activity
        rules = PipelineRules(policy.policy)
        maxAttempts = job.trigger.cause == .rehearsal ? 1 : rules.maxAttempts
        lateStatus = policy.policy.lateStatus(of: job.trigger)
        self.skippedBecauseOf = skippedBecauseOf
        self.isPremature = isPremature
        self.surroundings = surroundings
        // Bounded by what there is: a stage tells its start and its end, there is one timer, the queue gives a turn for
        // a claim, and the director passes one cancel, one drain and one shutdown on.
        (mailbox, sender) = AsyncStream.makeStream(of: JobEvent.self, bufferingPolicy: .unbounded)
        sender.yield(first)
        if job.isCanceled { sender.yield(.cancel) }
    }

    /// Tells the runner of something from outside the job: a turn, a cancel, a drain, a shutdown; all but the turn once.
    /// Never waits.
    func send(_ event: JobEvent) {
        if event == .cancel { activity.cancel() }
        sender.yield(event)
    }

    /// Runs the job to its final status, or, when the agent is told to stop, to where it can be left.
    func run() async {
        var facts = JobMachine.Facts(job.trigger, isFirstBackup: job.isFirstBackup, at: surroundings.clock.now)
        (facts.lateStatus, facts.isSkippedBecauseOf) = (lateStatus, skippedBecauseOf)
        facts.isPremature = isPremature
        var machine = JobMachine(rules: rules, facts: facts)
        var ledger = JobLedger(
            journal: surroundings.journal, clock: surroundings.clock, trigger: ReportedTrigger(job.trigger),
            reported: surroundings.reported, logger: surroundings.logger)
        await withDiscardingTaskGroup { group in
            var course = Course()
            var isOver = false
            var isLeaving = false
            var timer: (deadline: BootTime, order: StopOrder)?
            for await var event in mailbox {
                if event == .shutdown || event == .drain { isLeaving = true }
                if case .recovered(let recovery) = event { event = .recovered(await lookedUp(recovery)) }
                let actions = machine.handle(event, at: surroundings.clock.now)
                activity.update(attempt: machine.attemptNumber, phase: machine.phase)
                ledger.catchUp()
                isOver = await perform(actions, &ledger, &course, in: &group) || isOver
                if course.isTurnKept, ledger.nextTry == nil {
                    course.isTurnKept = false
                    await surroundings.releaseTurn(TurnQueue.Claimant(job.trigger.job))
                }
                if isOver || (isLeaving && !machine.isUnderWay) { break }
                let deadlines = [machine.nextDeadline, ledger.nextTry].compactMap(\.self)
                setTimer(&timer, to: deadlines.min(), in: &group)
            }
            timer?.order.give()
            sender.finish()
        }
        // With the turn in hand: nothing else of this agent begins before the debt is known to be paid.
        await ledger.finish(stopping: surroundings.stopping)
        await surroundings.releaseTurn(TurnQueue.Claimant(job.trigger.job))
    }
}

// MARK: - Recovering

extension JobRunner {
    /// An agent that died during a backup does not know how it ended: the repository may. Looking there takes its time: a cancel
    /// that comes meanwhile counts.
    private func lookedUp(_ recovery: JobRecovery) async -> JobRecovery {
        guard job.trigger.cause != .rehearsal, recovery.brokenStage == .backup, recovery.ends[.backup] == nil,
            let context = context(recovery.attempts)
        else { return recovery }
        var recovery = recovery
        recovery.ends[.backup] = await surroundings.stages.findBackup(of: context, unless: surroundings.stopping)
        recovery.isCanceled = recovery.isCanceled || activity.isCanceled
        return recovery
    }
}

// MARK: - Carrying out

extension JobRunner {
    /// What one attempt leaves to the next step.
    private struct Course {
        /// Ends the stage that runs.
        var stop = StopOrder()
        /// The turn is not needed any more, and kept until the journal knows that the debt is paid: what an agent that dies
        /// now pays once more must not come between another job's scripts.
        var isTurnKept = false
        /// The attempt whose stages were prepared, until it is over.
        var prepared: AttemptContext?
    }

    /// Performs the actions in order, those that the journal records together in one transaction.
    ///
    /// An attempt whose start, or whose stages, cannot be recorded does not start. Anything else is carried out all the same, an owed
    /// post-script above all; its reports wait in the ledger.
    ///
    /// - Returns: The job is over.
    private func perform(
        _ actions: [JobAction], _ ledger: inout JobLedger, _ course: inout Course, in group: inout DiscardingTaskGroup
    ) async -> Bool {
        let now = surroundings.clock.now.wall
        let obstacle = prepare(actions, &course)
        let entries = actions.flatMap { self.entries(for: $0, at: now) }
        let failure = ledger.record(obstacle == nil ? entries : entries.filter { !$0.startsAttempt })
        var isOver = false
        for action in actions {
            switch action {
            case .report, .settleDebt: break  // recorded
            case .recordStart: sender.yield((obstacle ?? failure).map { .journalFailed(reason: $0) } ?? .startRecorded)
            case .waitForTurn where course.isTurnKept:
                course.isTurnKept = false
                sender.yield(.turn)
            case .waitForTurn: await surroundings.requestTurn(TurnQueue.Claim(job))
            case .runPreScript(let attempt):
                course.stop = StopOrder()
                start(.preScript, attempt: attempt, pre: nil, backup: nil, stop: course.stop, in: &group)
            case .runPostScript(let attempt, let pre, let backup):
                course.stop = StopOrder()
                start(.postScript, attempt: attempt, pre: pre, backup: backup, stop: course.stop, in: &group)
            case .runBackup(let attempt):
                course.stop = StopOrder()
                startBackup(attempt: attempt, stop: course.stop, in: &group)
            case .endPreScript, .killPreScript, .stopBackup: course.stop.give()
            case .cancelJob: cancelItself()
            case .scheduleRetry: course.isTurnKept = true
            case .finish(let status):
                isOver = true
                surroundings.logger.notice(
                    "job ended", metadata: ["job.id": "\(job.trigger.job)", "status": "\(status)"])
            }
        }
        return isOver
    }

    /// Prepares the attempt that the actions start, and cleans up after the one that they end: before the journal says so,
    /// for then an operator may have its post-script run once more.
    ///
    /// - Returns: Why the attempt cannot start; `nil`: it can, or none is to.
    private func prepare(_ actions: [JobAction], _ course: inout Course) -> String? {
        var obstacle: String?
        for action in actions {
            switch action {
            case .recordStart(let attempt, _):
                guard let context = context(attempt) else { continue }
                obstacle = surroundings.stages.prepare(context)
                course.prepared = context
            case .scheduleRetry, .finish:
                if let context = course.prepared { surroundings.stages.cleanUp(after: context) }
                course.prepared = nil
            default: break
            }
        }
        return obstacle
    }

    /// As when an operator cancels the job.
    private func cancelItself() {
        do throws(AgentError) {
            try surroundings.journal.recordCancel(of: job.trigger.job, at: surroundings.clock.now.wall)
        } catch {
            surroundings.logger.warning(
                "a cancel could not be recorded", metadata: ["job.id": "\(job.trigger.job)", "error": "\(error)"])
        }
        send(.cancel)
    }

    private func entries(for action: JobAction, at now: UnixTime) -> [JournalEntry] {
        switch action {
        case .report(let attempt, let stage, let status, let details):
            let report = JournalEntry.report(attempt: attempt, stage: stage, status: status, at: now, details: details)
            return stage == .backup && status.isSuccess && job.trigger.cause != .rehearsal
                ? [report, .goodBackup(job.trigger.policy, at: now)] : [report]
        case .recordStart(let attempt, let owes): return [.attemptStarted(attempt, owesPostScript: owes)]
        case .runPostScript(let attempt, let pre, let backup):
            return [.postScriptStarting(attempt: attempt, pre: pre, backup: backup)]
        case .settleDebt(let attempt, let end): return [.debtSettled(attempt: attempt, end)]
        case .finish: return [.finished]
        default: return []
        }
    }

    private func start(
        _ stage: Stage, attempt: Int, pre: StageEnd?, backup: StageEnd?, stop: StopOrder,
        in group: inout DiscardingTaskGroup
    ) {
        guard let context = context(attempt) else { return }
        group.addTask { [sender, surroundings] in
            let outcome = await surroundings.stages.runScript(
                stage, of: context, pre: pre, backup: backup, stop: stop,
                started: { sender.yield(.scriptStarted(stage)) })
            sender.yield(.scriptEnded(stage, outcome))
        }
    }

    private func startBackup(attempt: Int, stop: StopOrder, in group: inout DiscardingTaskGroup) {
        guard let context = context(attempt) else { return }
        let trigger = job.trigger
        group.addTask { [sender, surroundings] in
            let end = await surroundings.stages.runBackup(of: context, stop: stop) { progress in
                surroundings.progressed(
                    Progress(
                        job: trigger.job, agent: trigger.agent, policy: trigger.policy, attempt: attempt,
                        stage: .backup,
                        fraction: progress.fraction, bytesDone: progress.bytesDone, bytesTotal: progress.bytesTotal,
                        filesDone: progress.filesDone, filesTotal: progress.filesTotal,
                        at: surroundings.clock.now.wall))
            }
            sender.yield(.backupEnded(end))
        }
    }

    private func context(_ attempt: Int) -> AttemptContext? {
        job.policy.map { policy in
            AttemptContext(
                agent: surroundings.agent, trigger: job.trigger, policy: policy, attempt: attempt,
                maxAttempts: maxAttempts, deadline: job.trigger.windowEnd,
                postRuns: attempt == job.attempts ? job.postRuns : 0)
        }
    }

    private func setTimer(
        _ timer: inout (deadline: BootTime, order: StopOrder)?, to deadline: BootTime?,
        in group: inout DiscardingTaskGroup
    ) {
        guard timer?.deadline != deadline else { return }
        timer?.order.give()
        timer = nil
        guard let deadline else { return }
        let order = StopOrder()
        timer = (deadline, order)
        group.addTask { [sender, clock = surroundings.clock] in
            if await clock.sleep(until: deadline, unless: order) { sender.yield(.tick) }
        }
    }
}

extension TurnQueue.Claim {
    init(_ job: JournaledJob) {
        self.init(
            TurnQueue.Claimant(job.trigger.job), policy: job.trigger.policy,
            group: job.policy.flatMap { TurnQueue.Group($0.policy) }, room: job.policy?.policy.limits.perAgent)
    }
}
