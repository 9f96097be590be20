package import BookendModel

/// Runs the stages of attempts with what this server's configuration says: its repositories, its permissions.
package struct ServerStages: AttemptStages {
    /// How long a post-script waits for the answer of a repository.
    private static let lookUpPatience = Duration.seconds(60)

    private let scripts: ScriptStage
    private let process: StageProcess
    private let repositories: [RepositoryName: RepositoryConfiguration]
    private let permissions: GuardConfiguration
    private let output: OutputStore
    private let running: RunningStages
    private let freeSpace: @Sendable () -> Bool
    private let outputLimit: Int
    private let stateDirectory: String
    private let restic: String
    private let copies: ScriptCopies

    /// - Parameter freeSpace: Gives back space on the disk that is kept for what must be done when it is full; `false`: there
    ///   was none.
    package init(
        process: StageProcess, repositories: [RepositoryName: RepositoryConfiguration],
        permissions: GuardConfiguration, statusMaps: [String: StatusMap], output: OutputStore,
        running: RunningStages, freeSpace: @escaping @Sendable () -> Bool, outputLimit: Int, stateDirectory: String,
        restic: String, home: String,
        copies: ScriptCopies, start: ScriptStart
    ) {
        self.process = process
        self.repositories = repositories
        self.permissions = permissions
        self.output = output
        self.running = running
        self.freeSpace = freeSpace
        self.outputLimit = outputLimit
        self.stateDirectory = stateDirectory
        self.restic = restic
        self.copies = copies
        scripts = ScriptStage(
            process: process, guarding: permissions, statusMaps: statusMaps, home: home, copies: copies, start: start)
    }

    package func prepare(_ context: AttemptContext) -> String? {
        for stage in Stage.allCases {
            if let reason = running.reserve(record(stage, of: context)) {
                cleanUp(after: context)
                return reason
            }
        }
        return nil
    }

    package func cleanUp(after context: AttemptContext) {
        for stage in Stage.allCases { running.forget(record(stage, of: context)) }
    }

    package func runScript(
        _ stage: Stage, of context: AttemptContext, pre: StageEnd?, backup: StageEnd?, stop: StopOrder,
        started: @escaping @Sendable () async -> Void
    ) async -> ScriptOutcome {
        guard let plan = context.policy.policy.scripts else {
            return .couldNotStart(reason: "the policy has no scripts")
        }
        if let reason = context.policy.policy.refusal { return .refused(reason: reason) }
        switch scripts.find(stage, of: plan) {
        case .missing: return .missing
        case .refused(let reason): return .refused(reason: reason)
        case .ready: break
        }
        let job = context.trigger.job
        let facts = context.facts(pre: pre, backup: backup)
        let files = files(stage, of: context)
        defer { forget(files) }
        // An owed post-script runs in any case, if possible so that an agent that starts meanwhile finds it.
        if stage == .postScript, let record = files.result, running.reserve(record) != nil, freeSpace() {
            _ = running.reserve(record)  // The same.
        }
        let isKilled = stage == .preScript && context.trigger.fault?.kind == .kill
        let result = await stoppable(stop, by: { isKilled ? $0.kill() : $0.end() }) { handle in
            guard stage == .postScript, let pre, let backup else {
                return await scripts.runPre(
                    plan, job: job, facts: facts, files: files, handle: handle, started: started)
            }
            return await scripts.runPost(
                plan, job: job, pre: pre.status, backup: backup.status, facts: facts, files: files, handle: handle,
                started: started)
        }
        guard !result.didRun else { return .ended(StageEnd(result.status, details: result.details)) }
        switch result.status {
        case .skipped: return .missing
        case .refused: return .refused(reason: result.details.reason)
        default: return .couldNotStart(reason: result.details.reason)
        }
    }

    package func runBackup(
        of context: AttemptContext, stop: StopOrder, progress: @escaping @Sendable (EngineProgress) -> Void
    ) async -> StageEnd {
        if let reason = context.policy.policy.refusal { return StageEnd(.refused, reason: reason) }
        let files = files(.backup, of: context)
        defer { forget(files) }
        let order = EngineOrder(
            policy: context.trigger.policy, job: context.trigger.job, agent: context.agent, attempt: context.attempt,
            files: files, bandwidthLimit: context.trigger.bandwidthLimit ?? context.policy.policy.bandwidthLimit)
        let engine: any BackupEngine
        switch context.policy.policy.engine {
        case .command(let plan):
            engine = CommandEngine(plan: plan, process: process, guarding: permissions, copies: copies)
        case .restic(let plan):
            if let reason = permissions.refusal(ofSources: plan.sources) { return StageEnd(.refused, reason: reason) }
            do throws(RemoteFailure) {
                engine = try self.engine(for: plan)
            } catch {
                return StageEnd(.refused, reason: error.message)
            }
        }
        let result = await stoppable(stop, by: { $0.interrupt() }) { handle in
            await engine.backup(order, handle: handle) { update in
                var value = EngineProgress()
                value.fraction = update.fractionDone
                value.bytesDone = update.bytesDone
                value.bytesTotal = update.bytesTotal
                value.filesDone = update.filesDone
                progress(value)
            }
        }
        return StageEnd(result.status, details: result.details)
    }

    package func findBackup(of context: AttemptContext, unless stop: StopOrder) async -> StageEnd? {
        // A repository that this server no longer has cannot be asked, and a command leaves no snapshots.
        guard case .restic(let plan) = context.policy.policy.engine, let engine = try? engine(for: plan) else {
            return nil
        }
        let order = EngineOrder(
            policy: context.trigger.policy, job: context.trigger.job, agent: context.agent, attempt: context.attempt)
        let snapshots = await withTaskGroup(of: Void.self) { group in
            let handle = StageHandle()
            group.addTask {
                await stop.wait()
                handle.interrupt()
            }
            group.addTask {
                // Canceled: it was quicker.
                if (try? await Task.sleep(for: Self.lookUpPatience)) != nil { handle.interrupt() }
            }
            defer { group.cancelAll() }
            // It was ended together with the agent, and may not have had the time to take its lock away.
            await engine.removeStaleLocks(handle)
            return await engine.snapshots(tags: order.tags, handle: handle).snapshots
        }
        guard let snapshot = snapshots?.last else { return nil }
        // A snapshot does not say whether files could not be read.
        var end = StageEnd(
            .successfulWithErrors,
            reason: "the agent died during the backup; the snapshot is there, and whether files are missing is unknown")
        end.details.snapshotID = snapshot.id
        return end
    }

    /// The engine for a repository that a policy or an operator names.
    ///
    /// - Throws: ``RemoteFailure`` when this server's configuration has no such repository, or others can use its secrets.
    func engine(for plan: ResticPlan) throws(RemoteFailure) -> ResticEngine {
        guard let repository = repositories[plan.repository] else {
            let known = repositories.keys.sorted().map(\.rawValue).joined(separator: ", ")
            throw RemoteFailure(
                .refused,
                "this agent's configuration has no repository '\(plan.repository)'"
                    + (known.isEmpty ? "" : "; it has \(known)"))
        }
        if let problem = repository.openSecret { throw RemoteFailure(.refused, problem) }
        return ResticEngine(
            plan: plan, repository: repository, process: process, stateDirectory: stateDirectory, restic: restic)
    }

    private func files(_ stage: Stage, of context: AttemptContext) -> StageFiles {
        let job = context.trigger.job
        return StageFiles(
            stdout: output.file(job: job, attempt: context.attempt, stage: stage, stream: .standardOutput),
            stderr: output.file(job: job, attempt: context.attempt, stage: stage, stream: .standardError),
            result: record(stage, of: context), limit: outputLimit)
    }

    private func record(_ stage: Stage, of context: AttemptContext) -> String {
        running.record(job: context.trigger.job, attempt: context.attempt, stage: stage)
    }

    private func forget(_ files: StageFiles) {
        if let record = files.result { running.forget(record) }
    }

    /// Runs the body with a handle that the order stops.
    private func stoppable(
        _ order: StopOrder, by stop: @escaping @Sendable (StageHandle) -> Void,
        _ body: @Sendable (StageHandle) async -> StageResult
    ) async -> StageResult {
        let handle = StageHandle()
        return await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await order.wait()
                if order.isGiven { stop(handle) }
            }
            defer { group.cancelAll() }
            return await body(handle)
        }
    }
}

extension Policy {
    /// Why this server runs nothing of the policy: the coordinator that sent it should have refused it. `nil`: all is well.
    fileprivate var refusal: String? {
        problems().first.map { "the policy is not a valid one: \($0.keyPath): \($0.message)" }
    }
}

extension AttemptContext {
    /// What the scripts are told in their environment, without the prefix `BOOKEND_`.
    func facts(pre: StageEnd?, backup: StageEnd?) -> [String: String] {
        var facts = [
            "JOB_ID": "\(trigger.job)", "POLICY": "\(trigger.policy)", "POLICY_REVISION": "\(policy.revision)",
            "AGENT": "\(agent)", "ATTEMPT": "\(attempt)", "MAX_ATTEMPTS": "\(maxAttempts)",
            "TRIGGER": trigger.cause.rawValue,
        ]
        if let fault = trigger.fault { facts["REHEARSAL_FAULT"] = fault.kind.rawValue }
        // In seconds since 1970, for `date -d @…`.
        if let deadline { facts["DEADLINE"] = "\(deadline.milliseconds / 1_000)" }
        if let pre {
            facts["PRE_STATUS"] = "\(pre.status.rawValue)"
            facts["PRE_STATUS_NAME"] = pre.status.name
            if let code = pre.details.exitCode { facts["PRE_EXIT_CODE"] = "\(code)" }
        }
        if let backup {
            facts["BACKUP_STATUS"] = "\(backup.status.rawValue)"
            facts["BACKUP_STATUS_NAME"] = backup.status.name
            if let id = backup.details.snapshotID { facts["SNAPSHOT_ID"] = id }
            if let bytes = backup.details.bytesAdded { facts["BYTES_ADDED"] = "\(bytes)" }
            facts["POST_RUN"] = "\(postRuns + 1)"
        }
        return facts
    }
}
