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
        var clock: any AgentClock
        /// Asks for a turn; ``JobEvent/turn`` answers.
        var requestTurn: @Sendable (TurnQueue.Claim) async -> Void
        var releaseTurn: @Sendable (JobID) async -> Void
        /// The journal holds reports up to this number.
        var reported: @Sendable (UInt64) -> Void
        var progressed: @Sendable (Progress) -> Void
        var logger: Logger
    }

    private let job: JournaledJob
    private let rules: PipelineRules
    private let surroundings: Surroundings
    private let mailbox: AsyncStream<JobEvent>
    private let sender: AsyncStream<JobEvent>.Continuation
    private let activity: JobActivity

    /// - Parameter policy: The policy that the job runs under.
    init(job: JournaledJob, policy: PolicyRevision, activity: JobActivity, surroundings: Surroundings) {
        self.job = job
        self.activity = activity
        rules = PipelineRules(policy.policy)
        self.surroundings = surroundings
        // Unbounded is bounded here: one event a stage's start and end, and one for each cancel or shutdown, which
        // `send` drops once the mailbox is long.
        (mailbox, sender) = AsyncStream.makeStream(of: JobEvent.self, bufferingPolicy: .unbounded)
    }

    /// Tells the runner of something from outside the job: a turn, a cancel, a shutdown. Never waits.
    func send(_ event: JobEvent) {
        sender.yield(event)
    }

    /// Runs the job to its final status, or, when the agent is told to stop, to where it can be left.
    func run(startingWith first: JobEvent) async {
        var machine = JobMachine(
            rules: rules,
            facts: JobMachine.Facts(
                job.trigger, isFirstBackup: job.isFirstBackup, at: surroundings.clock.now))
        await withDiscardingTaskGroup { group in
            var stop = StopOrder()
            var isOver = false
            var isShuttingDown = false
            var timer: (deadline: BootTime, order: StopOrder)?
            sender.yield(first)
            if job.isCanceled { sender.yield(.cancel) }
            for await event in mailbox {
                if event == .shutdown { isShuttingDown = true }
                let actions = machine.handle(event, at: surroundings.clock.now)
                activity.update(attempt: machine.attemptNumber, phase: machine.phase)
                isOver = await perform(actions, machine: machine, stop: &stop, in: &group) || isOver
                if isOver || (isShuttingDown && !machine.isUnderWay) { break }
                setTimer(&timer, to: machine.nextDeadline, in: &group)
            }
            timer?.order.give()
            sender.finish()
        }
        await surroundings.releaseTurn(job.trigger.job)
    }
}

// MARK: - Carrying out

extension JobRunner {
    /// Performs the actions in order, those that the journal records together in one transaction.
    ///
    /// - Returns: The job is over.
    private func perform(
        _ actions: [JobAction], machine: JobMachine, stop: inout StopOrder, in group: inout DiscardingTaskGroup
    ) async -> Bool {
        guard record(actions, machine: machine) else { return false }
        var isOver = false
        for action in actions {
            switch action {
            case .report, .settleDebt: break  // recorded
            case .recordStart: sender.yield(.startRecorded)
            case .waitForTurn:
                await surroundings.requestTurn(
                    TurnQueue.Claim(
                        job: job.trigger.job, policy: job.trigger.policy,
                        group: job.policy.flatMap { TurnQueue.Group($0.policy) }))
            case .runPreScript(let attempt):
                stop = StopOrder()
                start(.preScript, attempt: attempt, pre: nil, backup: nil, stop: stop, in: &group)
            case .runPostScript(let attempt, let pre, let backup):
                stop = StopOrder()
                start(.postScript, attempt: attempt, pre: pre, backup: backup, stop: stop, in: &group)
            case .runBackup(let attempt):
                stop = StopOrder()
                startBackup(attempt: attempt, stop: stop, in: &group)
            case .endPreScript, .stopBackup: stop.give()
            case .scheduleRetry: await surroundings.releaseTurn(job.trigger.job)
            case .finish(let status):
                isOver = true
                surroundings.logger.notice(
                    "job ended", metadata: ["job.id": "\(job.trigger.job)", "status": "\(status)"])
            }
        }
        return isOver
    }

    /// Records what must be durable before anything of it is carried out.
    ///
    /// - Returns: False when an attempt must not start because its start could not be recorded; the machine is told.
    private func record(_ actions: [JobAction], machine: JobMachine) -> Bool {
        let now = surroundings.clock.now.wall
        let entries = actions.flatMap { self.entries(for: $0, at: now) }
        guard !entries.isEmpty else { return true }
        do throws(AgentError) {
            let highest = try surroundings.journal.record(entries, of: ReportedTrigger(job.trigger))
            surroundings.reported(highest)
            return true
        } catch {
            surroundings.logger.error(
                "the journal could not be written",
                metadata: ["job.id": "\(job.trigger.job)", "error": "\(error.message)"])
            let startsAttempt = actions.contains { if case .recordStart = $0 { true } else { false } }
            if startsAttempt { sender.yield(.journalFailed(reason: error.message)) }
            return !startsAttempt
        }
    }

    private func entries(for action: JobAction, at now: UnixTime) -> [JournalEntry] {
        switch action {
        case .report(let attempt, let stage, let status, let details):
            let report = JournalEntry.report(attempt: attempt, stage: stage, status: status, at: now, details: details)
            return stage == .backup && status.isSuccess ? [report, .goodBackup(job.trigger.policy)] : [report]
        case .recordStart(let attempt, let owes): return [.attemptStarted(attempt, owesPostScript: owes)]
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
                maxAttempts: rules.maxAttempts, deadline: job.trigger.windowEnd)
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
