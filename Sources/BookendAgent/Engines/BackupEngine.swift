package import BookendModel

/// What makes a backup: one call that returns once it has ended, stopped through the handle.
package protocol BackupEngine: Sendable {
    func backup(
        _ order: EngineOrder, handle: StageHandle, onProgress: @escaping @Sendable (BackupProgress) -> Void
    ) async -> StageResult
}

/// What a backup is made for; it becomes the snapshot's tags.
package struct EngineOrder: Sendable {
    package var policy: PolicyName
    package var job: JobID
    package var agent: AgentID
    package var attempt: Int
    package var files: StageFiles
    /// In bytes a second; `nil`: as much as there is.
    package var bandwidthLimit: Int64?

    package init(
        policy: PolicyName, job: JobID, agent: AgentID, attempt: Int, files: StageFiles = StageFiles(),
        bandwidthLimit: Int64? = nil
    ) {
        self.bandwidthLimit = bandwidthLimit
        self.policy = policy
        self.job = job
        self.agent = agent
        self.attempt = attempt
        self.files = files
    }

    var tags: [String] {
        ["bookend-policy=\(policy)", "bookend-job=\(job)", "bookend-agent=\(agent)", "bookend-attempt=\(attempt)"]
    }
}

/// How far a backup is; at most one a second.
package struct BackupProgress: Hashable, Sendable {
    /// 0 to 1.
    package var fractionDone: Double
    package var bytesDone: Int64
    package var bytesTotal: Int64
    package var filesDone: Int64
}
