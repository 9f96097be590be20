import BookendModel

extension ProtoSelector {
    init(_ selector: Selector) {
        self.init()
        ids = selector.ids.map(\.rawValue)
        patterns = selector.patterns
        labels = selector.labels
    }
}

extension Selector {
    init(_ proto: ProtoSelector) throws(WireError) {
        self.init(
            ids: try proto.ids.bounded(10_000, "selector.ids").map { id throws(WireError) in
                try AgentID(wire: id, "selector.ids")
            },
            patterns: try proto.patterns.bounded(1_000, "selector.patterns").map { pattern throws(WireError) in
                try pattern.bounded(256, "selector.patterns")
            },
            labels: try proto.labels.checkedAsLabels("selector.labels"))
    }
}

extension ProtoLeftProcesses {
    init(_ rule: ScriptPlan.LeftProcesses) {
        switch rule {
        case .end: self = .end
        case .keep: self = .keep
        case .allow: self = .allow
        }
    }
}

extension ScriptPlan.LeftProcesses {
    init(_ proto: ProtoLeftProcesses, _ field: String) throws(WireError) {
        switch proto {
        case .end: self = .end
        case .keep: self = .keep
        case .allow: self = .allow
        case .unspecified, .UNRECOGNIZED: throw WireError(.invalid, "\(field): unknown value \(proto.rawValue)")
        }
    }
}

extension ProtoScriptPlan {
    init(_ plan: ScriptPlan) {
        self.init()
        directory = plan.directory
        if let timeout = plan.preTimeout { preTimeoutMs = timeout.milliseconds }
        if let timeout = plan.postTimeout { postTimeoutMs = timeout.milliseconds }
        skipBackupIfPreFails = plan.skipBackupIfPreFails
        skipBackupIfPreMissing = plan.skipBackupIfPreMissing
        preLeftProcesses = ProtoLeftProcesses(plan.preLeftProcesses)
        postLeftProcesses = ProtoLeftProcesses(plan.postLeftProcesses)
        statusProfile = plan.statusProfile.name
        if let group = plan.exclusiveGroup { exclusiveGroup = group }
        if let digest = plan.preSHA256 { preSha256 = digest }
        if let digest = plan.postSHA256 { postSha256 = digest }
    }
}

extension ScriptPlan {
    init(_ proto: ProtoScriptPlan) throws(WireError) {
        self.init(
            directory: try proto.directory.bounded(4_096, "scripts.directory"),
            preTimeout: proto.hasPreTimeoutMs ? .milliseconds(proto.preTimeoutMs) : nil,
            postTimeout: proto.hasPostTimeoutMs ? .milliseconds(proto.postTimeoutMs) : nil,
            skipBackupIfPreFails: proto.skipBackupIfPreFails,
            skipBackupIfPreMissing: proto.skipBackupIfPreMissing,
            preLeftProcesses: try LeftProcesses(proto.preLeftProcesses, "scripts.pre_left_processes"),
            postLeftProcesses: try LeftProcesses(proto.postLeftProcesses, "scripts.post_left_processes"),
            statusProfile: StatusProfile(name: try proto.statusProfile.bounded(128, "scripts.status_profile")),
            exclusiveGroup: proto.hasExclusiveGroup
                ? try proto.exclusiveGroup.bounded(128, "scripts.exclusive_group") : nil,
            preSHA256: proto.hasPreSha256 ? try proto.preSha256.bounded(64, "scripts.pre_sha256") : nil,
            postSHA256: proto.hasPostSha256 ? try proto.postSha256.bounded(64, "scripts.post_sha256") : nil)
    }
}

extension ProtoPolicy {
    init(_ policy: Policy) {
        self.init()
        name = policy.name.rawValue
        description_p = policy.description
        selector = ProtoSelector(policy.selector)
        switch policy.engine {
        case .restic(let plan):
            var proto = ProtoResticPlan()
            proto.repository = plan.repository.rawValue
            proto.sources = plan.sources
            proto.excludes = plan.excludes
            engine = .restic(proto)
        case .command(let plan):
            var proto = ProtoCommandPlan()
            proto.program = plan.program
            proto.arguments = plan.arguments
            engine = .command(proto)
        }
        if let plan = policy.scripts { scripts = ProtoScriptPlan(plan) }
        maxAttempts = Int32(clamping: policy.retry.attempts)
        retryIntervalMs = policy.retry.interval.milliseconds
        if let window = policy.window { windowMs = window.milliseconds }
        splayMs = policy.splay.milliseconds
        ignoreWindowForFirstBackup = policy.ignoreWindowForFirstBackup
        schedules = policy.schedules.map(ProtoSchedule.init)
        catchUp = ProtoCatchUp(policy.catchUp)
        whenAgentOffline = ProtoWhenOffline(policy.whenAgentOffline)
        overlap = ProtoOverlap(policy.overlap)
        if let limit = policy.bandwidthLimit { bandwidthLimitBytes = limit }
        limitPerPolicy = Int32(clamping: policy.limits.perPolicy ?? 0)
        limitPerRepository = Int32(clamping: policy.limits.perRepository ?? 0)
        if let objective = policy.objective { objectiveMs = objective.milliseconds }
        limitPerAgent = Int32(clamping: policy.limits.perAgent ?? 0)
        retryRules = ProtoRetryRules(policy.retry)
    }
}

extension Policy {
    /// What a policy must be beyond its shape is judged by its own rules, where it is applied.
    init(_ proto: ProtoPolicy) throws(WireError) {
        self.init(
            name: try PolicyName(wire: proto.name, "policy.name"),
            description: try proto.description_p.bounded(4_096, "policy.description"),
            selector: try Selector(proto.selector),
            engine: try Engine(try required(proto.engine, "policy.engine")),
            scripts: proto.hasScripts ? try ScriptPlan(proto.scripts) : nil,
            retry: try RetryPlan(
                proto.retryRules, attempts: try proto.maxAttempts.within(1...10_000, "policy.max_attempts"),
                interval: .milliseconds(proto.retryIntervalMs)),
            window: proto.hasWindowMs ? .milliseconds(proto.windowMs) : nil,
            splay: .milliseconds(proto.splayMs),
            ignoreWindowForFirstBackup: proto.ignoreWindowForFirstBackup,
            catchUp: try CatchUpRule(proto.catchUp), whenAgentOffline: try OfflineRule(proto.whenAgentOffline),
            overlap: try OverlapRule(proto.overlap),
            limits: StartLimits(
                perPolicy: proto.limitPerPolicy == 0 ? nil : Int(proto.limitPerPolicy),
                perRepository: proto.limitPerRepository == 0 ? nil : Int(proto.limitPerRepository),
                perAgent: proto.limitPerAgent == 0 ? nil : Int(proto.limitPerAgent)),
            bandwidthLimit: proto.hasBandwidthLimitBytes ? proto.bandwidthLimitBytes : nil,
            schedules: try proto.schedules.bounded(1_000, "policy.schedules").map { schedule throws(WireError) in
                try Schedule(schedule)
            })
        objective = proto.hasObjectiveMs ? .milliseconds(proto.objectiveMs) : nil
    }
}

extension Engine {
    init(_ proto: ProtoPolicy.OneOf_Engine) throws(WireError) {
        switch proto {
        case .restic(let plan):
            self = .restic(
                ResticPlan(
                    repository: try RepositoryName(wire: plan.repository, "restic.repository"),
                    sources: try plan.sources.bounded(10_000, "restic.sources"),
                    excludes: try plan.excludes.bounded(10_000, "restic.excludes")))
        case .command(let plan):
            self = .command(
                CommandPlan(
                    program: try plan.program.bounded(4_096, "command.program"),
                    arguments: try plan.arguments.bounded(1_000, "command.arguments")))
        }
    }
}

extension ProtoPolicyRevision {
    init(_ revision: PolicyRevision) {
        self.init()
        policy = ProtoPolicy(revision.policy)
        self.revision = revision.revision
        appliedUnixMs = revision.appliedAt.milliseconds
        appliedBy = revision.appliedBy
    }
}

extension PolicyRevision {
    init(_ proto: ProtoPolicyRevision) throws(WireError) {
        self.init(
            policy: try Policy(proto.policy), revision: proto.revision,
            appliedAt: UnixTime(milliseconds: proto.appliedUnixMs),
            appliedBy: try proto.appliedBy.bounded(256, "applied_by"))
    }
}
