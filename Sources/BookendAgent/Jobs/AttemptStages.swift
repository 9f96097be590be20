package import BookendModel

/// One attempt of one job, as its stages need to know it.
package struct AttemptContext: Hashable, Sendable {
    package var agent: AgentID
    package var trigger: Trigger
    package var policy: PolicyRevision
    package var attempt: Int
    package var maxAttempts: Int
    /// When the job's window ends; `nil`: it has none.
    package var deadline: UnixTime?
    /// How often this attempt's post-script was started before; more than 0 only after the agent died.
    package var postRuns: Int

    package init(
        agent: AgentID, trigger: Trigger, policy: PolicyRevision, attempt: Int, maxAttempts: Int, deadline: UnixTime?,
        postRuns: Int = 0
    ) {
        self.agent = agent
        self.trigger = trigger
        self.policy = policy
        self.attempt = attempt
        self.maxAttempts = maxAttempts
        self.deadline = deadline
        self.postRuns = postRuns
    }
}

/// What a running engine says of its progress.
package struct EngineProgress: Hashable, Sendable {
    /// 0…1; `nil` while the engine does not know the total.
    package var fraction: Double?
    package var bytesDone: Int64 = 0
    package var bytesTotal: Int64 = 0
    package var filesDone: Int64 = 0
    package var filesTotal: Int64 = 0

    package init() {}
}

/// Runs the stages of an attempt on this server.
package protocol AttemptStages: Sendable {
    /// Takes what an attempt's stages need to be found again if the agent dies; to be called before the attempt's start is
    /// recorded.
    ///
    /// - Returns: Why it is not to be had: the attempt must not start. `nil`: it is taken.
    func prepare(_ context: AttemptContext) -> String?

    /// Gives back what was prepared for stages of the attempt that did not run; to be called once it is over.
    func cleanUp(after context: AttemptContext)

    /// Runs one of the two scripts to its end.
    ///
    /// - Parameters:
    ///   - pre: How the pre-script ended; for the post-script only.
    ///   - backup: How the backup ended; for the post-script only.
    ///   - stop: Ends the script's whole process tree when it is ordered.
    ///   - started: Called once the program has begun; never for a script that could not be started.
    func runScript(
        _ stage: Stage, of context: AttemptContext, pre: StageEnd?, backup: StageEnd?, stop: StopOrder,
        started: @escaping @Sendable () async -> Void
    ) async -> ScriptOutcome

    /// Runs the engine to its end, or until it is ordered to stop.
    ///
    /// - Returns: The status by what the engine did; ``Status/interrupted`` when it was stopped before it had a snapshot.
    func runBackup(
        of context: AttemptContext, stop: StopOrder, progress: @escaping @Sendable (EngineProgress) -> Void
    ) async -> StageEnd

    /// Looks whether an attempt that broke in its backup has made it all the same, after nothing of it runs any more.
    ///
    /// A post-script waits meanwhile: it takes a minute at most, and returns when it is ordered to stop.
    ///
    /// - Returns: How that backup ended; `nil` when there is none, or nobody can tell.
    func findBackup(of context: AttemptContext, unless stop: StopOrder) async -> StageEnd?
}
