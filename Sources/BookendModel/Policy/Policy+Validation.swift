/// One thing that is wrong with a policy, whoever wrote it.
package struct PolicyProblem: Hashable, Sendable {
    /// The key as it stands in a policy file: `backup.sources[1]`.
    package var keyPath: String
    /// What was expected and what was found.
    package var message: String

    package init(keyPath: String, message: String) {
        self.keyPath = keyPath
        self.message = message
    }
}

/// What a policy may hold at most; beyond these it is refused, so that no policy can be a burden to the fleet.
package enum PolicyLimits {
    package static let descriptionBytes = 1024
    package static let agentIDs = 1000
    package static let patterns = 100
    package static let patternBytes = 128
    package static let labels = 32
    package static let sources = 256
    package static let excludes = 256
    package static let arguments = 256
    package static let argumentBytes = 4096
    package static let attempts = 1...100
    package static let schedules = 100
    /// Bytes a second: restic counts in KiB.
    package static let leastBandwidth: Int64 = 1_024
    package static let cronBytes = 256
    package static let zoneBytes = 64
    /// Starts lie in the years 2000 to 9999.
    package static let starts = UnixTime(milliseconds: 946_684_800_000)...UnixTime(milliseconds: 253_402_300_799_000)
    package static let objective = Duration.seconds(60)...longestDuration
    package static let longestDuration = Duration.seconds(366 * 86_400)
    /// All texts of a policy together.
    package static let totalBytes = 256 * 1024
}

extension Policy {
    /// All that is wrong with this policy by itself, in the order of the keys in a file; empty when nothing is.
    ///
    /// A policy that arrives from outside is used only if this is empty. What a server allows (repositories, script
    /// directories, programs) is that server's to say, and not asked here.
    package func problems() -> [PolicyProblem] {
        var problems = ProblemList()
        problems.add("policy", TextRules.nameProblem(name.rawValue), about: name.rawValue)
        problems.add(
            "description",
            TextRules.lineProblem(description, upTo: PolicyLimits.descriptionBytes, mayBeEmpty: true))
        selector.collectProblems(into: &problems)
        engine.collectProblems(into: &problems)
        scripts?.collectProblems(into: &problems)
        retry.collectProblems(into: &problems)
        if let window { problems.addDuration("window", window) }
        problems.addSplay("splay", splay, window: window)
        if let objective, !PolicyLimits.objective.contains(objective) {
            problems.add(
                "objective", "expected a duration from 1m to 366d: how old the last good backup of a server may be")
        }
        if catchUp == .latest, whenAgentOffline != .queue {
            problems.add(
                "catch_up",
                "latest takes when_agent_offline: queue; a start that does not wait for its agent is not made up for")
        }
        for (key, limit) in [
            ("per_agent", limits.perAgent), ("per_policy", limits.perPolicy), ("per_repository", limits.perRepository),
        ] {
            guard let limit, !StartLimits.range.contains(limit) else { continue }
            problems.add("limits.\(key)", "expected a whole number from 1 to 100000, found \(limit)")
        }
        if limits.perRepository != nil, repository == nil {
            problems.add("limits.per_repository", "is for restic, and this backup's engine is command: leave it out")
        }
        problems.addBandwidth("bandwidth_limit", bandwidthLimit, of: engine)
        collectScheduleProblems(into: &problems)
        if textBytes > PolicyLimits.totalBytes {
            problems.add("policy", "is too large: all its texts together exceed \(PolicyLimits.totalBytes / 1024) KiB")
        }
        return problems.found
    }

    private func collectScheduleProblems(into problems: inout ProblemList) {
        problems.addCount("schedules", schedules.count, upTo: PolicyLimits.schedules)
        var seen: Set<Schedule> = []
        for (index, schedule) in schedules.enumerated().prefix(PolicyLimits.schedules) {
            schedule.collectProblems(into: &problems, at: "schedules[\(index)]", of: self)
            if !seen.insert(schedule).inserted {
                problems.add("schedules[\(index)]", "says the same as an earlier one: leave one of them out")
            }
        }
    }

    fileprivate var textBytes: Int {
        var texts = [description] + selector.ids.map(\.rawValue) + selector.patterns
        texts += selector.labels.flatMap { [$0.key, $0.value] }
        texts += schedules.map { if case .cron(let text) = $0.rule { text } else { "" } }
        switch engine {
        case .restic(let plan): texts += plan.sources + plan.excludes
        case .command(let plan): texts += [plan.program] + plan.arguments
        }
        return texts.reduce(0) { $0 + $1.utf8.count }
    }
}

extension Schedule {
    fileprivate func collectProblems(into problems: inout ProblemList, at keyPath: String, of policy: Policy) {
        switch rule {
        case .at(let start):
            if !PolicyLimits.starts.contains(start) {
                problems.add("\(keyPath).at", "expected a time in the years 2000 to 9999")
            }
            if zone != .utc {
                problems.add("\(keyPath).timezone", "says nothing beside at, which is in UTC: leave it out")
            }
        case .cron(let text):
            if let problem = TextRules.lineProblem(text, upTo: PolicyLimits.cronBytes) {
                problems.add("\(keyPath).cron", problem, about: text)
            } else {
                do throws(CronExpression.Problem) {
                    if try CronExpression(text).isImpossible {
                        problems.add("\(keyPath).cron", "never starts: no such month has such a day", about: text)
                    }
                } catch {
                    problems.add("\(keyPath).cron", error.message, about: text)
                }
            }
        case .days(let days, let start):
            if days.bits == 0 {
                problems.add("\(keyPath).days", "is empty: expected daily, or days such as [mon, thu]")
            }
            if !(0..<1_440).contains(start.minutes) {
                problems.add("\(keyPath).start", "expected a time of the day such as \"02:30\"")
            }
        case .afterSuccess(let interval):
            if !SuccessChain.intervals.contains(interval) {
                problems.add("\(keyPath).after_success", "expected a duration from 1m to 7d")
            } else {
                problems.addDuration("\(keyPath).after_success", interval)
            }
            if policy.schedules.count > 1 {
                problems.add(
                    "\(keyPath).after_success",
                    "stands alone: a policy that starts so long after its last good backup has no other schedule")
            }
            if zone != .utc {
                problems.add("\(keyPath).timezone", "says nothing beside after_success: leave it out")
            }
        }
        if case .named(let name) = zone, !Self.mayBeZone(name) {
            problems.add(
                "\(keyPath).timezone", "is no time zone: expected a name such as Europe/Berlin, UTC, or agent",
                about: name)
        }
        problems.addBandwidth("\(keyPath).bandwidth_limit", bandwidthLimit, of: policy.engine)
        if let window { problems.addDuration("\(keyPath).window", window) }
        let window = self.window ?? policy.window
        if let splay {
            problems.addSplay("\(keyPath).splay", splay, window: window)
        } else if self.window != nil, let window, policy.splay >= window, window > .zero {
            problems.add("\(keyPath).window", "expected more than the policy's splay, or a splay of its own beside it")
        }
    }

    private static func mayBeZone(_ name: String) -> Bool {
        (1...PolicyLimits.zoneBytes).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & ~0x20) || "/_+-".utf8.contains(byte)
            }
    }
}

extension Selector {
    fileprivate func collectProblems(into problems: inout ProblemList) {
        if isEmpty {
            problems.add("agents", "picks nobody: expected at least one of ids, patterns and labels")
        }
        problems.addCount("agents.ids", ids.count, upTo: PolicyLimits.agentIDs)
        for (index, id) in ids.enumerated().prefix(PolicyLimits.agentIDs) {
            problems.add("agents.ids[\(index)]", TextRules.nameProblem(id.rawValue), about: id.rawValue)
        }
        problems.addCount("agents.patterns", patterns.count, upTo: PolicyLimits.patterns)
        for (index, pattern) in patterns.enumerated().prefix(PolicyLimits.patterns) {
            let keyPath = "agents.patterns[\(index)]"
            problems.add(keyPath, TextRules.lineProblem(pattern, upTo: PolicyLimits.patternBytes), about: pattern)
            if let stray = pattern.unicodeScalars.first(where: { !Self.mayStandInPattern($0) }) {
                problems.add(
                    keyPath,
                    "can never match: '\(stray)' stands in no agent's id; a pattern is made of A–Z a–z 0–9 . _ - * ?")
            }
        }
        problems.addCount("agents.labels", labels.count, upTo: PolicyLimits.labels)
        for (key, value) in labels.sorted(by: { $0.key < $1.key }).prefix(PolicyLimits.labels) {
            problems.add("agents.labels.\(key)", TextRules.labelProblem(key: key, value: value))
        }
    }

    private static func mayStandInPattern(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "*" || scalar == "?" || scalar == "." || scalar == "_" || scalar == "-"
            || scalar.isASCII && scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
            || TextRules.isControl(scalar)
    }
}

extension Engine {
    fileprivate func collectProblems(into problems: inout ProblemList) {
        switch self {
        case .restic(let plan): plan.collectProblems(into: &problems)
        case .command(let plan): plan.collectProblems(into: &problems)
        }
    }
}

extension ResticPlan {
    fileprivate func collectProblems(into problems: inout ProblemList) {
        let name = repository.rawValue
        if name.utf8.contains(UInt8(ascii: "/")) || name.utf8.contains(UInt8(ascii: ":")) {
            problems.add(
                "backup.repository",
                "'\(clipped(name))' is a location: expected a name such as main, because each server says in its "
                    + "agent.yaml where that repository is and with which password")
        } else {
            problems.add("backup.repository", TextRules.nameProblem(name), about: name)
        }
        if sources.isEmpty { problems.add("backup.sources", "is empty: expected at least one absolute path") }
        problems.addCount("backup.sources", sources.count, upTo: PolicyLimits.sources)
        for (index, source) in sources.enumerated().prefix(PolicyLimits.sources) {
            problems.add("backup.sources[\(index)]", TextRules.absolutePathProblem(source), about: source)
        }
        problems.addCount("backup.exclude", excludes.count, upTo: PolicyLimits.excludes)
        for (index, pattern) in excludes.enumerated().prefix(PolicyLimits.excludes) {
            problems.add(
                "backup.exclude[\(index)]", TextRules.lineProblem(pattern, upTo: TextRules.longestPath), about: pattern)
        }
    }
}

extension CommandPlan {
    fileprivate func collectProblems(into problems: inout ProblemList) {
        problems.add("backup.program", TextRules.absolutePathProblem(program), about: program)
        problems.addCount("backup.arguments", arguments.count, upTo: PolicyLimits.arguments)
        for (index, argument) in arguments.enumerated().prefix(PolicyLimits.arguments) {
            if argument.utf8.contains(0) {
                problems.add("backup.arguments[\(index)]", "holds a NUL character, which no program can be given")
            } else if argument.utf8.count > PolicyLimits.argumentBytes {
                problems.add("backup.arguments[\(index)]", "is longer than \(PolicyLimits.argumentBytes) bytes")
            }
        }
    }
}

extension ScriptPlan {
    fileprivate func collectProblems(into problems: inout ProblemList) {
        problems.add("scripts.directory", TextRules.absolutePathProblem(directory), about: directory)
        if let preTimeout { problems.addDuration("scripts.pre_timeout", preTimeout) }
        if let postTimeout { problems.addDuration("scripts.post_timeout", postTimeout) }
        if preLeftProcesses == .keep {
            problems.add(
                "scripts.left_processes.pre",
                "'keep' is for the post-script only: expected end or allow, because what a pre-script leaves running "
                    + "would run on under the backup")
        }
        if case .map(let name) = statusProfile {
            problems.add("scripts.status_profile", TextRules.nameProblem(name), about: name)
        }
        if let exclusiveGroup {
            problems.add("scripts.exclusive", TextRules.nameProblem(exclusiveGroup), about: exclusiveGroup)
        }
        for (key, digest) in [("pre_sha256", preSHA256), ("post_sha256", postSHA256)] {
            if let digest { problems.add("scripts.\(key)", TextRules.sha256Problem(digest), about: digest) }
        }
    }
}

extension RetryPlan {
    fileprivate func collectProblems(into problems: inout ProblemList) {
        if !PolicyLimits.attempts.contains(attempts) {
            problems.add("retry.attempts", "expected a whole number from 1 to 100, found \(attempts)")
        }
        problems.addDuration("retry.interval", interval, mayBeZero: true)
        if !Self.backoffs.contains(backoff) {
            problems.add("retry.backoff", "expected a whole number from 1 to 10, found \(backoff)")
        } else if backoff > 1, interval == .zero {
            problems.add("retry.backoff", "says nothing without an interval: write interval: 1m beside it")
        }
        if let longestInterval {
            problems.addDuration("retry.longest_interval", longestInterval)
            if longestInterval > .zero, longestInterval < interval {
                problems.add("retry.longest_interval", "expected no less than the interval")
            }
        }
        if !Self.jitters.contains(jitterPercent) {
            problems.add("retry.jitter_percent", "expected a whole number from 0 to 100, found \(jitterPercent)")
        }
        if let onlyAfter {
            if onlyAfter.isEmpty {
                problems.add("retry.only_after", "is empty: leave it out for every status worth it")
            }
            problems.addCount("retry.only_after", onlyAfter.count, upTo: Self.allRetryable.count)
            for (index, status) in onlyAfter.enumerated().prefix(Self.allRetryable.count)
            where !Self.allRetryable.contains(status) {
                problems.add("retry.only_after[\(index)]", "no attempt is tried again after \(status.name)")
            }
        }
    }
}

/// What was found so far.
private struct ProblemList {
    var found: [PolicyProblem] = []

    /// Adds a message unless it is nil; `about` is the text that is wrong, and is shown clipped.
    mutating func add(_ keyPath: String, _ message: String?, about text: String? = nil) {
        guard let message else { return }
        let subject = text.map { $0.isEmpty ? "" : "'\(clipped($0))' " } ?? ""
        found.append(PolicyProblem(keyPath: keyPath, message: subject + message))
    }

    mutating func addCount(_ keyPath: String, _ count: Int, upTo limit: Int) {
        if count > limit { add(keyPath, "has \(count) entries: expected at most \(limit)") }
    }

    mutating func addDuration(_ keyPath: String, _ duration: Duration, mayBeZero: Bool = false) {
        if duration < .zero || duration == .zero && !mayBeZero {
            add(keyPath, mayBeZero ? "is negative" : "expected more than 0s; leave the key out for no limit")
        } else if duration > PolicyLimits.longestDuration {
            add(keyPath, "expected at most 366 days")
        } else if .milliseconds(duration.milliseconds) != duration {
            add(keyPath, "is not a whole number of milliseconds")
        }
    }
}

extension ProblemList {
    fileprivate mutating func addBandwidth(_ keyPath: String, _ limit: Int64?, of engine: Engine) {
        guard let limit else { return }
        if limit < PolicyLimits.leastBandwidth {
            add(keyPath, "expected at least 1KiB (a second)")
        } else if case .command = engine {
            add(keyPath, "is for restic, and this backup's engine is command: leave it out")
        }
    }

    /// Whole seconds, and a start that lies within the window.
    fileprivate mutating func addSplay(_ keyPath: String, _ splay: Duration, window: Duration?) {
        addDuration(keyPath, splay, mayBeZero: true)
        if splay > .zero, splay.milliseconds % 1_000 != 0 {
            add(keyPath, "expected whole seconds")
        } else if let window, window > .zero, splay >= window {
            add(keyPath, "expected less than the window: an agent may start so much later")
        }
    }
}

/// At most 60 characters, without control characters, so that a message stays one readable line.
private func clipped(_ text: String) -> String {
    let visible = text.unicodeScalars.prefix(61).map { TextRules.isControl($0) ? "\u{FFFD}" : String($0) }
    return visible.count > 60 ? visible.prefix(59).joined() + "…" : visible.joined()
}
