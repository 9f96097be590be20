import BookendModel

/// Turns one document of a policy file into a policy.
///
/// The reader asks for shapes and types only. What a policy may say is asked of the policy itself afterwards
/// (``Policy/problems()``), since the coordinator must ask the same of a policy that comes over the wire. Where a
/// value is missing or wrong a stand-in takes its place, so that the rest is judged too; problems of stand-ins are not
/// reported.
enum PolicyReader {
    /// The policy, or nil when anything in its document is wrong.
    ///
    /// - Parameter zones: `nil`: whether there is such a time zone is not asked.
    static func read(_ document: YAMLValue, zones: (any ZoneCatalog)?) -> Policy? {
        let findings = document.findings
        let mark = findings.mark
        guard let keys = document.mapping(PolicyKeys.policy) else { return nil }
        var policy = Policy(
            name: PolicyName(rawValue: keys.required("policy")?.string() ?? "x"),
            description: keys["description"]?.string() ?? "",
            selector: selector(keys.required("agents")),
            engine: engine(keys.required("backup")),
            scripts: keys["scripts"].flatMap(scripts),
            retry: keys["retry"].map(retry) ?? .none,
            window: keys["window"]?.duration(), splay: keys["splay"]?.duration() ?? .zero,
            ignoreWindowForFirstBackup: keys["ignore_window_for_first_backup"]?.bool() ?? false,
            catchUp: keys["catch_up"]?.enumeration(CatchUpRule.self) ?? .none,
            whenAgentOffline: keys["when_agent_offline"]?.enumeration(OfflineRule.self) ?? .queue,
            overlap: keys["overlap"]?.enumeration(OverlapRule.self) ?? .queue,
            limits: keys["limits"].map(limits) ?? .none,
            bandwidthLimit: keys["bandwidth_limit"]?.bandwidth(),
            schedules: keys["schedules"].flatMap(schedules) ?? [])
        policy.objective = keys["objective"]?.duration()
        let foundSoFar = findings.since(mark)
        var reported: Set<PolicyProblem> = []
        for var problem in policy.problems() + (zones.map { policy.zoneProblems($0) } ?? []) {
            problem.keyPath = filePath(problem.keyPath, keys)
            guard reported.insert(problem).inserted else { continue }
            findings.report(problemAt: problem.keyPath, in: foundSoFar, problem.message)
        }
        return findings.mark == mark ? policy : nil
    }

    /// Both timeouts may have come from the one key `timeout`.
    private static func filePath(_ keyPath: String, _ keys: MappingReader) -> String {
        guard keyPath == "scripts.pre_timeout" || keyPath == "scripts.post_timeout" else { return keyPath }
        return keys.value.findings.place(of: keyPath) != nil ? keyPath : "scripts.timeout"
    }

    private static func selector(_ value: YAMLValue?) -> Selector {
        guard let keys = value?.mapping(PolicyKeys.agents) else { return Selector(ids: [AgentID(rawValue: "x")]) }
        return Selector(
            ids: (keys["ids"]?.texts(standIn: "x") ?? []).map(AgentID.init(rawValue:)),
            patterns: keys["patterns"]?.texts(standIn: "x") ?? [],
            labels: keys["labels"]?.dictionary { _, value in value.string() } ?? [:])
    }

    private static func engine(_ value: YAMLValue?) -> Engine {
        let standIn = Engine.command(CommandPlan(program: "/x"))
        guard let keys = value?.mapping(PolicyKeys.backup) else { return standIn }
        let engine: String
        if let chosen = keys["engine"] {
            guard let word = chosen.choice(of: ["restic", "command"]) else { return standIn }
            engine = word
        } else {
            engine = "restic"
        }
        for (other, names) in PolicyKeys.engineKeys where other != engine {
            for name in names {
                guard let stray = keys[name] else { continue }
                stray.findings.report(
                    at: stray.keyPlace ?? stray.place, keyPath: stray.keyPath,
                    "is a key of engine \(other), and this backup's engine is \(engine)",
                    suggestion: "leave it out or write engine: \(other)")
            }
        }
        if engine == "command" {
            return .command(
                CommandPlan(
                    program: keys.required("program")?.string() ?? "/x",
                    arguments: keys["arguments"]?.texts(standIn: "x") ?? []))
        }
        return .restic(
            ResticPlan(
                repository: RepositoryName(rawValue: keys.required("repository")?.string() ?? "x"),
                sources: keys.required("sources")?.texts(standIn: "/x") ?? ["/x"],
                excludes: keys["exclude"]?.texts(standIn: "x") ?? []))
    }

    /// The plan; nil when the scripts are not enabled. What stands under a section that is switched off is read all the
    /// same, so that switching it on again brings no surprise.
    private static func scripts(_ value: YAMLValue) -> ScriptPlan? {
        guard let keys = value.mapping(PolicyKeys.scripts) else { return nil }
        let isEnabled = keys["enabled"].map { $0.bool() ?? true } ?? true
        let both = keys["timeout"]?.duration()
        if let timeout = keys["timeout"], let single = keys["pre_timeout"] ?? keys["post_timeout"] {
            timeout.findings.report(
                at: single.keyPlace ?? single.place, keyPath: single.keyPath,
                "timeout in line \(timeout.place.position.line) stands for both scripts already",
                suggestion: "write pre_timeout and post_timeout, or timeout alone")
        }
        let left = keys["left_processes"]?.mapping(PolicyKeys.leftProcesses)
        let plan = ScriptPlan(
            directory: (isEnabled ? keys.required("directory") : keys["directory"])?.string() ?? "/x",
            preTimeout: keys["pre_timeout"]?.duration() ?? both,
            postTimeout: keys["post_timeout"]?.duration() ?? both,
            skipBackupIfPreFails: keys["skip_backup_if_pre_fails"]?.bool() ?? false,
            skipBackupIfPreMissing: keys["skip_backup_if_pre_missing"]?.bool() ?? false,
            preLeftProcesses: left?["pre"]?.enumeration(ScriptPlan.LeftProcesses.self) ?? .end,
            postLeftProcesses: left?["post"]?.enumeration(ScriptPlan.LeftProcesses.self) ?? .keep,
            statusProfile: (keys["status_profile"]?.string()).map(StatusProfile.init(name:)) ?? .native,
            exclusiveGroup: keys["exclusive"]?.string(), preSHA256: keys["pre_sha256"]?.string(),
            postSHA256: keys["post_sha256"]?.string())
        return isEnabled ? plan : nil
    }

    private static func limits(_ value: YAMLValue) -> StartLimits {
        guard let keys = value.mapping(PolicyKeys.limits) else { return .none }
        return StartLimits(
            perPolicy: keys["per_policy"]?.int(in: StartLimits.range),
            perRepository: keys["per_repository"]?.int(in: StartLimits.range),
            perAgent: keys["per_agent"]?.int(in: StartLimits.range))
    }

    private static func retry(_ value: YAMLValue) -> RetryPlan {
        guard let keys = value.mapping(PolicyKeys.retry) else { return .none }
        return RetryPlan(
            attempts: keys.required("attempts")?.int(in: PolicyLimits.attempts) ?? 1,
            interval: keys["interval"]?.duration() ?? .zero,
            backoff: keys["backoff"]?.int(in: RetryPlan.backoffs) ?? 1,
            longestInterval: keys["longest_interval"]?.duration(),
            jitterPercent: keys["jitter_percent"]?.int(in: RetryPlan.jitters) ?? 0,
            onlyAfter: keys["only_after"]?.list(retryable))
    }

    /// A wrong one leaves a stand-in.
    private static func retryable(_ value: YAMLValue) -> Status? {
        let words = RetryPlan.allRetryable.map(\.name)
        return value.choice(of: words).flatMap { word in RetryPlan.allRetryable.first { $0.name == word } } ?? .failed
    }
}

extension YAMLValue {
    /// A list of texts in which a wrong item leaves a stand-in, so that the items behind it keep their numbers.
    fileprivate func texts(standIn: String) -> [String]? {
        list { $0.string() ?? standIn }
    }
}
