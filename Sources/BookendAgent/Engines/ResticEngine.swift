package import BookendModel
import Synchronization

/// Makes backups with restic, whose secrets travel in its environment only.
package struct ResticEngine: BackupEngine {
    let plan: ResticPlan
    let repository: RepositoryConfiguration
    let process: StageProcess
    private let restic: String
    let stateDirectory: String

    /// - Parameter restic: A path, or a name that is looked for in the usual folders.
    package init(
        plan: ResticPlan, repository: RepositoryConfiguration, process: StageProcess, stateDirectory: String,
        restic: String = "restic"
    ) {
        self.plan = plan
        self.repository = repository
        self.process = process
        self.stateDirectory = stateDirectory
        self.restic = restic
    }

    package func backup(
        _ order: EngineOrder, handle: StageHandle, onProgress: @escaping @Sendable (BackupProgress) -> Void
    ) async -> StageResult {
        var arguments = ["backup", "--json", "--host", "\(order.agent)"]
        for tag in order.tags { arguments += ["--tag", tag] }
        // It counts in KiB a second.
        if let limit = order.bandwidthLimit { arguments += ["--limit-upload", "\(max(1, limit / 1_024))"] }
        for exclude in plan.excludes { arguments += ["--exclude", exclude] }
        let (outcome, tally) = await run(arguments + ["--"] + plan.sources, order.files, handle, onProgress)
        let result = tally.result(of: outcome)
        if outcome.stopCause != nil {
            // Stopped within a fifth of a second of locking, restic forgets its lock; this removes those of dead processes.
            await removeStaleLocks()
        }
        guard result.status == .repositoryMissing, repository.initializes, outcome.stopCause == nil else {
            return result
        }
        // Whoever loses the race to make it finds it there: the second attempt at the backup decides. What the first one
        // said is not kept: its "Fatal" in the output of a successful backup has frightened people.
        let (made, words) = await run(["init"], order.files, handle)
        guard case .exited(let code) = made.ending, made.stopCause == nil,
            code == 0
                || words.unredactedTexts.contains(where: {
                    $0.contains("already exists") || $0.contains("already initialized")
                })
        else { return words.result(of: made) }
        var (again, sum) = await run(
            arguments + ["--"] + plan.sources, order.files, handle, onProgress, appends: true)
        // The stage is all three.
        again.duration += outcome.duration + made.duration
        return sum.result(of: again)
    }

    /// Removes the locks of processes that are dead. One that stays does no harm to backups, but keeps others from pruning.
    func removeStaleLocks(_ handle: StageHandle = StageHandle()) async {
        _ = await run(["unlock"], StageFiles(), handle)
    }

    /// Runs restic with this repository, its output through a tally.
    func run(
        _ arguments: [String], _ files: StageFiles, _ handle: StageHandle,
        _ onProgress: (@Sendable (BackupProgress) -> Void)? = nil, appends: Bool = false
    ) async -> (StageOutcome, ResticTally) {
        var environment = StageProgram.cleanEnvironment(home: stateDirectory)
        guard let path = ExecutablePath.find(restic, in: environment["PATH"]!) else {
            return (
                StageOutcome(ending: .couldNotStart("\(restic) is not installed: apt-get install restic")),
                ResticTally()
            )
        }
        environment.merge(repository.environment) { $1 }
        switch repository.location {
        case .plain(let location): environment["RESTIC_REPOSITORY"] = location
        case .file(let path): environment["RESTIC_REPOSITORY_FILE"] = path
        }
        environment["RESTIC_PASSWORD_FILE"] = repository.passwordFile
        environment["RESTIC_PROGRESS_FPS"] = "1"
        environment["RESTIC_CACHE_DIR"] = stateDirectory + "/cache"
        var program = StageProgram(path: path, arguments: arguments, environment: environment)
        program.outputLimit = files.limit
        program.appendsOutput = appends
        program.stdoutFile = files.stdout
        program.stderrFile = files.stderr
        program.resultFile = files.result
        program.isInterruptedWithoutAgent = true
        let shared = SharedTally(hiding: repository.secrets)
        let outcome = await process.run(
            program, handle: handle,
            onLine: { line in
                if let progress = shared.take(line) { onProgress?(progress) }
            })
        return (outcome, shared.value)
    }
}

/// The tally of one run, and the clock that keeps its progress to one a second.
private final class SharedTally: Sendable {
    private let state: Mutex<(tally: ResticTally, next: ContinuousClock.Instant)>

    init(hiding secrets: SecretTexts) {
        state = Mutex((tally: ResticTally(hiding: secrets), next: ContinuousClock.now))
    }

    var value: ResticTally { state.withLock { $0.tally } }

    func take(_ line: StageLine) -> BackupProgress? {
        state.withLock { state in
            guard let progress = state.tally.take(line), ContinuousClock.now >= state.next else { return nil }
            state.next = .now + .seconds(1)
            return progress
        }
    }
}
