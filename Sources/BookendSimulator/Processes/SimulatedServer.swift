import BookendAgent
import BookendModel

/// What one life of an agent does on its server: stages that take their time, end well or badly, and go on when the agent
/// dies.
struct SimulatedServer: AgentServer, AttemptStages, AskAnswering {
    enum Script: String {
        case missing, refused
    }

    let host: AgentHost
    let life: Life

    var stages: any AttemptStages { self }

    func answering(for director: JobDirector) -> any AskAnswering { self }

    func tidy() {}

    func survey(
        _ policies: [PolicyRevision], at now: UnixTime,
        _ found: @escaping @Sendable ([PolicyName: ScriptSurvey]?) -> Void
    ) {
        found([:])
    }

    func answer(_ request: AskRequest, send: @Sendable (AskAnswer) async throws -> Void) async throws {
        throw RemoteFailure(.unavailable, "a simulated server answers no questions")
    }

    /// Takes a while, as ending a process tree does; may die in the middle.
    func endLeftovers() async -> [String] {
        var ended: [String] = []
        for stage in host.running where !stage.isOver {
            // Dead: nobody hears of what was not done.
            guard (try? await life.sleep(until: host.world.timeline.now + 2_000)) != nil else { return ended }
            stage.kill()
            ended.append("\(stage.stage.rawValue) of job \(stage.job)")
        }
        host.running.removeAll(where: \.isOver)
        return ended
    }

    // MARK: Scripts

    /// What it runs is always found again.
    func prepare(_ context: AttemptContext) -> String? { nil }

    func cleanUp(after context: AttemptContext) {}

    func runScript(
        _ stage: Stage, of context: AttemptContext, pre: StageEnd?, backup: StageEnd?, stop: StopOrder,
        started: @escaping @Sendable () async -> Void
    ) async -> ScriptOutcome {
        let (job, attempt) = (context.trigger.job, context.attempt)
        guard let plan = context.policy.policy.scripts else {
            return .couldNotStart(reason: "the policy has no scripts")
        }
        guard life.passes(.beforeStage(stage)) else { return await dead() }
        var random = Random(
            host.world.seed, "script", Int64(host.index), job.rawValue, Int64(attempt), stage == .preScript ? 0 : 1,
            Int64(context.postRuns))
        switch host.scripts[stage] {
        case .missing:
            host.missing(stage, job, attempt)
            return .missing
        case .refused:
            host.missing(stage, job, attempt)
            return .refused(reason: "others can write it")
        case nil: break
        }
        if host.world.quiet == nil, random.permille(10) {
            host.missing(stage, job, attempt)
            return .couldNotStart(reason: "no such interpreter")
        }
        host.begins(stage, of: context)
        let timeout = stage == .preScript ? plan.preTimeout : plan.postTimeout
        let running = RunningStage(
            stage, of: context, on: host, life: life,
            lasting: host.world.quiet == nil ? random.skewed(500...600_000) : random.number(20_000...40_000),
            timeout: timeout.map { $0.milliseconds }, onEnd: {})
        host.running.append(running)
        guard life.passes(.afterStart(stage)) else { return await dead() }
        await started()
        let ending = await end(of: running, stop, within: random.number(0...10_000))
        if host.world.quiet != nil, case .own = ending { return .ended(StageEnd(.successful)) }
        if case .ordered = ending, stage == .preScript, context.trigger.fault?.kind == .kill {
            return .ended(StageEnd(.killedBySignal, reason: "signal 9 from outside ended it"))
        }
        return .ended(Self.scriptEnd(ending, &random))
    }

    /// Nobody hears of this outcome.
    private func dead() async -> ScriptOutcome {
        await life.whenGone()
        return .couldNotStart(reason: "the agent is dead")
    }

    private static func scriptEnd(_ ending: RunningStage.Ending, _ random: inout Random) -> StageEnd {
        switch ending {
        case .timeout: return StageEnd(.timedOut, reason: "it did not end within its timeout")
        case .ordered: return StageEnd(.windowExpired, reason: "the job's window expired")
        case .killed, .unknown: return StageEnd(.killedBySignal, reason: "signal 9 from outside ended it")
        case .own:
            var end: StageEnd
            switch random.number(0...99) {
            case 0..<80: end = StageEnd(.successful)
            case 80..<92:
                end = StageEnd(.failed, reason: "it ended with exit code 3")
                end.details.exitCode = 3
            case 92..<96:
                end = StageEnd(.killedBySignal, reason: "signal 11 from outside ended it")
                end.details.signal = 11
            default:
                end = StageEnd(.leftProcessesBehind, reason: "it left processes running")
                end.details.leftProcesses = ["4711 daemon"]
            }
            return end
        }
    }

    private func end(of running: RunningStage, _ stop: StopOrder, within delay: Int64) async -> RunningStage.Ending {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await stop.wait()
                if stop.isGiven { running.order(within: delay) }
            }
            defer { group.cancelAll() }
            return await running.wait()
        }
    }

    // MARK: Backups

    func runBackup(
        of context: AttemptContext, stop: StopOrder, progress: @escaping @Sendable (EngineProgress) -> Void
    ) async -> StageEnd {
        let (job, attempt) = (context.trigger.job, context.attempt)
        guard life.passes(.beforeStage(.backup)) else {
            await life.whenGone()
            return StageEnd(.interrupted)
        }
        var random = Random(host.world.seed, "backup", Int64(host.index), job.rawValue, Int64(attempt))
        let outcome = host.world.quiet == nil ? random.number(0...99) : 0
        let snapshot = Self.snapshot(job, attempt)
        host.begins(.backup, of: context)
        let running = RunningStage(
            .backup, of: context, on: host, life: life,
            lasting: host.world.quiet == nil ? random.skewed(2_000...3_600_000) : random.number(600_000...900_000),
            timeout: nil
        ) { [host] in
            if outcome < 85 { host.snapshots.insert(snapshot) }
        }
        host.running.append(running)
        guard life.passes(.afterStart(.backup)) else {
            await life.whenGone()
            return StageEnd(.interrupted)
        }
        var first = EngineProgress()
        first.fraction = 0
        progress(first)
        let isTooLate = random.permille(100)
        let ending = await end(of: running, stop, within: random.number(0...30_000))
        switch ending {
        case .own: return Self.backupEnd(outcome, snapshot)
        case .ordered where isTooLate:
            host.snapshots.insert(snapshot)
            return Self.backupEnd(0, snapshot)
        case .ordered, .unknown, .timeout: return StageEnd(.interrupted, reason: "it was stopped")
        case .killed: return StageEnd(.killedBySignal, reason: "signal 9 from outside ended it")
        }
    }

    func findBackup(of context: AttemptContext, unless stop: StopOrder) async -> StageEnd? {
        // Dead: nobody hears of the answer.
        try? await life.sleep(until: host.world.timeline.now + 3_000)
        let snapshot = Self.snapshot(context.trigger.job, context.attempt)
        guard life.isAlive, host.snapshots.contains(snapshot) else { return nil }
        var end = StageEnd(.successfulWithErrors, reason: "the agent died during the backup; the snapshot is there")
        end.details.snapshotID = snapshot
        return end
    }

    private static func snapshot(_ job: JobID, _ attempt: Int) -> String { "\(job)-\(attempt)" }

    private static func backupEnd(_ outcome: Int64, _ snapshot: String) -> StageEnd {
        switch outcome {
        case 0..<75, 75..<85:
            var end = StageEnd(outcome < 75 ? .successful : .successfulWithErrors)
            end.details.snapshotID = snapshot
            return end
        case 85..<95: return StageEnd(.failed, reason: "the engine ended with exit code 1")
        default: return StageEnd(.repositoryLocked, reason: "somebody else holds the lock")
        }
    }
}
