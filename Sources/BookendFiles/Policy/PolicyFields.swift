import BookendModel

/// A policy laid out as the keys of its file, in the file's order, without those that say what goes without saying.
///
/// The one place that knows the way back: what ``PolicyFile/render(_:)`` writes and what ``PolicyDiff`` compares.
struct PolicyFields {
    enum Value: Hashable {
        /// A word, a number, a duration: never in need of quotes.
        case word(String)
        case text(String)
        case list([String])
        /// Items that are mappings, each a list of lines: `at: 2026-11-24T02:00:00Z`.
        case mappings([[String]])
    }

    private(set) var fields: [(keyPath: [String], value: Value)] = []

    init(_ policy: Policy) {
        add(["policy"], .text(policy.name.rawValue))
        if !policy.description.isEmpty { add(["description"], .text(policy.description)) }
        add(policy.selector)
        add(policy.engine)
        if let scripts = policy.scripts { add(scripts) }
        if policy.retry != .none {
            add(["retry", "attempts"], .word(String(policy.retry.attempts)))
            add(["retry", "interval"], .word(DurationText.render(policy.retry.interval)))
            if policy.retry.backoff != 1 { add(["retry", "backoff"], .word(String(policy.retry.backoff))) }
            add(["retry", "longest_interval"], policy.retry.longestInterval)
            if policy.retry.jitterPercent != 0 {
                add(["retry", "jitter_percent"], .word(String(policy.retry.jitterPercent)))
            }
            if let statuses = policy.retry.onlyAfter { add(["retry", "only_after"], .list(statuses.map(\.name))) }
        }
        add(["window"], policy.window)
        if policy.splay != .zero { add(["splay"], policy.splay) }
        add(["ignore_window_for_first_backup"], isTrue: policy.ignoreWindowForFirstBackup)
        if policy.catchUp != .none { add(["catch_up"], .word(policy.catchUp.rawValue)) }
        if policy.whenAgentOffline != .queue {
            add(["when_agent_offline"], .word(policy.whenAgentOffline.rawValue))
        }
        if policy.overlap != .queue { add(["overlap"], .word(policy.overlap.rawValue)) }
        if let limit = policy.limits.perAgent { add(["limits", "per_agent"], .word(String(limit))) }
        if let limit = policy.limits.perPolicy { add(["limits", "per_policy"], .word(String(limit))) }
        if let limit = policy.limits.perRepository { add(["limits", "per_repository"], .word(String(limit))) }
        if let limit = policy.bandwidthLimit { add(["bandwidth_limit"], .word(ByteCount(bytes: limit).description)) }
        add(["objective"], policy.objective)
        if !policy.schedules.isEmpty { add(["schedules"], .mappings(policy.schedules.map(Self.text))) }
    }

    private static func text(_ schedule: Schedule) -> [String] {
        var lines =
            switch schedule.rule {
            case .at(let start): ["at: \(InstantText.render(start))"]
            case .cron(let text): ["cron: \(YAMLText.scalar(text))"]
            case .days(let days, let start):
                [
                    "days: " + (days == .daily ? "daily" : "[\(days.chosenNames.joined(separator: ", "))]"),
                    "start: \(YAMLText.scalar(start.text))",
                ]
            case .afterSuccess(let interval): ["after_success: \(DurationText.render(interval))"]
            }
        if schedule.zone != .utc { lines.append("timezone: \(YAMLText.scalar(schedule.zone.text))") }
        if let window = schedule.window { lines.append("window: \(DurationText.render(window))") }
        if let splay = schedule.splay { lines.append("splay: \(DurationText.render(splay))") }
        if let limit = schedule.bandwidthLimit { lines.append("bandwidth_limit: \(ByteCount(bytes: limit))") }
        return lines
    }

    private mutating func add(_ selector: Selector) {
        add(["agents", "ids"], list: selector.ids.map(\.rawValue))
        add(["agents", "patterns"], list: selector.patterns)
        for (key, value) in selector.labels.sorted(by: { $0.key < $1.key }) {
            add(["agents", "labels", key], .text(value))
        }
    }

    private mutating func add(_ engine: Engine) {
        switch engine {
        case .restic(let plan):
            add(["backup", "repository"], .text(plan.repository.rawValue))
            add(["backup", "sources"], .list(plan.sources))
            add(["backup", "exclude"], list: plan.excludes)
        case .command(let plan):
            add(["backup", "engine"], .word("command"))
            add(["backup", "program"], .text(plan.program))
            add(["backup", "arguments"], list: plan.arguments)
        }
    }

    private mutating func add(_ scripts: ScriptPlan) {
        add(["scripts", "directory"], .text(scripts.directory))
        if scripts.preTimeout == scripts.postTimeout {
            add(["scripts", "timeout"], scripts.preTimeout)
        } else {
            add(["scripts", "pre_timeout"], scripts.preTimeout)
            add(["scripts", "post_timeout"], scripts.postTimeout)
        }
        add(["scripts", "skip_backup_if_pre_fails"], isTrue: scripts.skipBackupIfPreFails)
        add(["scripts", "skip_backup_if_pre_missing"], isTrue: scripts.skipBackupIfPreMissing)
        if scripts.preLeftProcesses != .end {
            add(["scripts", "left_processes", "pre"], .word(scripts.preLeftProcesses.rawValue))
        }
        if scripts.postLeftProcesses != .keep {
            add(["scripts", "left_processes", "post"], .word(scripts.postLeftProcesses.rawValue))
        }
        if scripts.statusProfile != .native {
            add(["scripts", "status_profile"], .text(scripts.statusProfile.name))
        }
        if let group = scripts.exclusiveGroup { add(["scripts", "exclusive"], .text(group)) }
        if let digest = scripts.preSHA256 { add(["scripts", "pre_sha256"], .text(digest)) }
        if let digest = scripts.postSHA256 { add(["scripts", "post_sha256"], .text(digest)) }
    }

    private mutating func add(_ keyPath: [String], _ value: Value) {
        fields.append((keyPath, value))
    }

    private mutating func add(_ keyPath: [String], _ duration: Duration?) {
        if let duration { add(keyPath, .word(DurationText.render(duration))) }
    }

    private mutating func add(_ keyPath: [String], isTrue: Bool) {
        if isTrue { add(keyPath, .word("true")) }
    }

    private mutating func add(_ keyPath: [String], list: [String]) {
        if !list.isEmpty { add(keyPath, .list(list)) }
    }
}
