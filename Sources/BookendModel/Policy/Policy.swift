/// What to protect, where, when, between which scripts.
package struct Policy: Hashable, Sendable {
    package var name: PolicyName
    package var description: String
    /// Which agents run it.
    package var selector: Selector
    package var engine: Engine
    /// `nil`: scripts are not enabled; both script stages are 3 and the backup runs.
    package var scripts: ScriptPlan?
    package var retry: RetryPlan
    /// How long after its scheduled start a job may run; `nil`: no window. Positive.
    package var window: Duration?
    /// Each agent starts up to so much later than a schedule says, always by the same, so that not all start at once. Less
    /// than the window; not negative.
    package var splay: Duration
    /// A first backup of this policy on an agent may overrun the window.
    package var ignoreWindowForFirstBackup: Bool
    package var catchUp: CatchUpRule
    package var whenAgentOffline: OfflineRule
    package var overlap: OverlapRule
    package var limits: StartLimits
    /// What a backup may send, in bytes a second; `nil`: no limit. At least ``PolicyLimits/leastBandwidth``; for restic only.
    package var bandwidthLimit: Int64?
    /// When jobs start by themselves; empty: only when somebody asks.
    package var schedules: [Schedule]
    /// Each server is to have a good backup that is no older; `nil`: nobody is told. At least a minute.
    package var objective: Duration?

    package init(
        name: PolicyName, description: String = "", selector: Selector, engine: Engine, scripts: ScriptPlan? = nil,
        retry: RetryPlan = .none, window: Duration? = nil, splay: Duration = .zero,
        ignoreWindowForFirstBackup: Bool = false, catchUp: CatchUpRule = .none,
        whenAgentOffline: OfflineRule = .queue, overlap: OverlapRule = .queue, limits: StartLimits = .none,
        bandwidthLimit: Int64? = nil,
        schedules: [Schedule] = []
    ) {
        self.name = name
        self.description = description
        self.selector = selector
        self.engine = engine
        self.scripts = scripts
        self.retry = retry
        self.window = window
        self.splay = splay
        self.ignoreWindowForFirstBackup = ignoreWindowForFirstBackup
        self.catchUp = catchUp
        self.whenAgentOffline = whenAgentOffline
        self.overlap = overlap
        self.limits = limits
        self.bandwidthLimit = bandwidthLimit
        self.schedules = schedules
    }
}

/// What makes the backup.
package enum Engine: Hashable, Sendable {
    case restic(ResticPlan)
    case command(CommandPlan)
}

package struct ResticPlan: Hashable, Sendable {
    package var repository: RepositoryName
    /// Absolute paths on the agent's server; at least one.
    package var sources: [String]
    /// Patterns as restic's `--exclude` takes them.
    package var excludes: [String]

    package init(repository: RepositoryName, sources: [String], excludes: [String] = []) {
        self.repository = repository
        self.sources = sources
        self.excludes = excludes
    }
}

/// A program that the agent's own configuration must allow; its exit status is the outcome.
package struct CommandPlan: Hashable, Sendable {
    /// An absolute path.
    package var program: String
    package var arguments: [String]

    package init(program: String, arguments: [String] = []) {
        self.program = program
        self.arguments = arguments
    }
}

/// The scripts around the backup, and what follows from how they end.
package struct ScriptPlan: Hashable, Sendable {
    /// What to do with processes that a script left running.
    package enum LeftProcesses: String, Hashable, Sendable, CaseIterable {
        /// Name them, end them; the status is 27.
        case end
        /// Name them, leave them running; the status is 27.
        case keep
        /// Leave them running; no trace in the status.
        case allow
    }

    /// An absolute path on the agent's server; holds `pre_script.sh` and `post_script.sh`.
    package var directory: String
    /// `nil`: the pre-script may run for ever. Positive.
    package var preTimeout: Duration?
    /// `nil`: the post-script may run for ever. Positive.
    package var postTimeout: Duration?
    package var skipBackupIfPreFails: Bool
    package var skipBackupIfPreMissing: Bool
    package var preLeftProcesses: LeftProcesses
    package var postLeftProcesses: LeftProcesses
    package var statusProfile: StatusProfile
    /// Attempts with scripts never overlap on one agent unless their groups differ; `nil` is a group too.
    package var exclusiveGroup: String?
    /// The pre-script runs only if this is its SHA-256, and from a copy that was checked: 64 hexadecimal digits in lower
    /// case. `nil`: the policy takes what is there.
    package var preSHA256: String?
    /// The same for the post-script.
    package var postSHA256: String?

    package init(
        directory: String, preTimeout: Duration? = nil, postTimeout: Duration? = nil,
        skipBackupIfPreFails: Bool = false, skipBackupIfPreMissing: Bool = false,
        preLeftProcesses: LeftProcesses = .end, postLeftProcesses: LeftProcesses = .keep,
        statusProfile: StatusProfile = .native, exclusiveGroup: String? = nil, preSHA256: String? = nil,
        postSHA256: String? = nil
    ) {
        self.directory = directory
        self.preTimeout = preTimeout
        self.postTimeout = postTimeout
        self.skipBackupIfPreFails = skipBackupIfPreFails
        self.skipBackupIfPreMissing = skipBackupIfPreMissing
        self.preLeftProcesses = preLeftProcesses
        self.postLeftProcesses = postLeftProcesses
        self.statusProfile = statusProfile
        self.exclusiveGroup = exclusiveGroup
        self.preSHA256 = preSHA256
        self.postSHA256 = postSHA256
    }

    package func sha256(of stage: Stage) -> String? { stage == .preScript ? preSHA256 : postSHA256 }
}

/// One policy as it was applied at one time.
package struct PolicyRevision: Hashable, Sendable {
    package var policy: Policy
    /// 1 for the first; grows by one with each change.
    package var revision: Int64
    package var appliedAt: UnixTime
    package var appliedBy: String

    package init(policy: Policy, revision: Int64, appliedAt: UnixTime, appliedBy: String) {
        self.policy = policy
        self.revision = revision
        self.appliedAt = appliedAt
        self.appliedBy = appliedBy
    }
}
