/// What a policy says about the pipeline, and nothing else of it: all that the machine needs to decide.
package struct PipelineRules: Hashable, Sendable {
    package var scriptsEnabled: Bool
    package var skipBackupIfPreFails: Bool
    package var skipBackupIfPreMissing: Bool
    package var retry: RetryPlan
    package var preLeftProcesses: ScriptPlan.LeftProcesses
    package var postLeftProcesses: ScriptPlan.LeftProcesses
    /// A first backup may overrun the window.
    package var ignoreWindowForFirstBackup: Bool

    package init(
        scriptsEnabled: Bool, skipBackupIfPreFails: Bool = false, skipBackupIfPreMissing: Bool = false,
        retry: RetryPlan = .none,
        preLeftProcesses: ScriptPlan.LeftProcesses = .end, postLeftProcesses: ScriptPlan.LeftProcesses = .keep,
        ignoreWindowForFirstBackup: Bool = false
    ) {
        self.scriptsEnabled = scriptsEnabled
        self.skipBackupIfPreFails = skipBackupIfPreFails
        self.skipBackupIfPreMissing = skipBackupIfPreMissing
        self.retry = retry
        self.preLeftProcesses = preLeftProcesses
        self.postLeftProcesses = postLeftProcesses
        self.ignoreWindowForFirstBackup = ignoreWindowForFirstBackup
    }

    package init(_ policy: Policy) {
        self.init(
            scriptsEnabled: policy.scripts != nil,
            skipBackupIfPreFails: policy.scripts?.skipBackupIfPreFails ?? false,
            skipBackupIfPreMissing: policy.scripts?.skipBackupIfPreMissing ?? false,
            retry: policy.retry,
            preLeftProcesses: policy.scripts?.preLeftProcesses ?? .end,
            postLeftProcesses: policy.scripts?.postLeftProcesses ?? .keep,
            ignoreWindowForFirstBackup: policy.ignoreWindowForFirstBackup)
    }
}

extension PipelineRules {
    /// In all; at least 1.
    package var maxAttempts: Int { retry.attempts }
}

/// One thing that happened to a job, as it is kept for `bookend explain`.
package struct PipelineEventRecord: Hashable, Sendable {
    package var at: UnixTime
    package var attempt: Int
    /// A short word for the event, such as `pre-script-ended`, `cancel`, `window-expired`.
    package var event: String
    /// One sentence on what it led to.
    package var consequence: String

    package init(at: UnixTime, attempt: Int, event: String, consequence: String) {
        self.at = at
        self.attempt = attempt
        self.event = event
        self.consequence = consequence
    }
}
