import BookendModel

/// What people ask of the fleet.
enum Workload {
    enum Wish {
        case apply([Policy])
        case order(PolicyName, [AgentID], queueFor: Duration?, asScheduled: Bool)
        case rehearse(PolicyName, AgentID, StagedFault?)
        /// One of the jobs that were acknowledged in the last two hours.
        case cancel(pick: UInt64)
        /// A policy is paused, or an agent in maintenance, until then.
        case hold(Hold.Target, until: Int64)
        case release(Hold.Target)
    }

    static let names = ["files", "database", "plain", "strict", "nightly"].map { PolicyName(rawValue: $0) }

    /// Nobody orders it: its jobs start so long after its last good backup.
    static let steady = PolicyName(rawValue: "steady")

    static func policies(_ seed: UInt64) -> [Policy] {
        var random = Random(seed, "policies")
        let all = Selector(patterns: ["*"])
        let engine = Engine.command(CommandPlan(program: "/usr/bin/backup"))
        // Of all servers: three times a day is as often as faults can tell apart, and each costs a history a tenth of its time.
        let starts = (0..<3).map { index in
            UnixTime(milliseconds: Machine.epoch + Int64(index) * 28_800_000 + random.number(600_000...27_000_000))
        }
        var rules = Random(seed, "rules")
        var nightly = Policy(
            name: names[4], selector: all, engine: engine,
            scripts: ScriptPlan(directory: "/srv/nightly", preTimeout: .seconds(600)),
            retry: RetryPlan(attempts: 2, interval: .seconds(900)), window: .seconds(3 * 3_600),
            ignoreWindowForFirstBackup: true, schedules: starts.map { .at($0) })
        nightly.catchUp = rules.pick(CatchUpRule.allCases)
        if nightly.catchUp == .none { nightly.whenAgentOffline = rules.pick(OfflineRule.allCases) }
        nightly.overlap = rules.pick(OverlapRule.allCases)
        if rules.permille(500) { nightly.limits.perPolicy = Int(rules.number(2...8)) }
        if rules.permille(500) { nightly.limits.perAgent = Int(rules.number(1...2)) }
        let policies = [
            // A few servers: each of its jobs costs a history its time.
            Policy(
                name: steady,
                selector: Selector(ids: (1...4).map { AgentID(rawValue: "server-\($0)") }), engine: engine,
                scripts: ScriptPlan(directory: "/srv/steady", exclusiveGroup: "steady"),
                retry: RetryPlan(attempts: 2, interval: .seconds(600)),
                schedules: [Schedule(.afterSuccess(.seconds(rules.number(4...9) * 3_600)))]),
            Policy(name: names[0], selector: all, engine: engine, scripts: ScriptPlan(directory: "/srv/files")),
            Policy(
                name: names[1], selector: all, engine: engine,
                scripts: ScriptPlan(
                    directory: "/srv/database", preTimeout: .seconds(240), postTimeout: .seconds(300),
                    exclusiveGroup: "database"),
                retry: RetryPlan(
                    attempts: 4, interval: .seconds(300), backoff: 3, longestInterval: .seconds(1_200),
                    jitterPercent: 40),
                window: .seconds(4 * 3_600)),
            Policy(
                name: names[2], selector: all, engine: engine, retry: RetryPlan(attempts: 2, interval: .seconds(120))),
            Policy(
                name: names[3], selector: all, engine: engine,
                scripts: ScriptPlan(
                    directory: "/srv/strict", skipBackupIfPreFails: true, skipBackupIfPreMissing: true),
                retry: RetryPlan(attempts: 2, interval: .seconds(300)), window: .seconds(1_800)),
            nightly,
        ]
        return policies.map(FleetLimits(seed).applied)
    }

    private static func rehearsals(_ seed: UInt64, _ agents: [AgentID], until end: Int64) -> [(Int64, Wish)] {
        var random = Random(seed, "rehearsals")
        var wishes: [(Int64, Wish)] = []
        var time: Int64 = 120_000
        while true {
            time += random.skewed(600_000...10_800_000)
            guard time < end else { return wishes }
            let after = Duration.milliseconds(random.skewed(0...60_000))
            let fault = random.permille(200) ? nil : StagedFault(random.pick(StagedFault.Kind.allCases), after: after)
            wishes.append((time, .rehearse(random.pick(names), random.pick(agents), fault)))
        }
    }

    /// In order of time.
    static func wishes(_ seed: UInt64, _ policies: [Policy], agents: [AgentID], until end: Int64) -> [(Int64, Wish)] {
        var random = Random(seed, "wishes")
        var wishes = [(5_000, .apply(policies)), (60_000, .apply(policies))] + rehearsals(seed, agents, until: end)
        wishes += holds(seed, agents: agents, until: end)
        var time: Int64 = 120_000
        while true {
            time += random.skewed(1_000...7_200_000)
            guard time < end else { return wishes.sorted { $0.0 < $1.0 } }
            switch random.number(0...99) {
            case 0..<80:
                let count = Int(random.number(1...Int64(min(3, agents.count))))
                let chosen = Set((0..<count).map { _ in random.pick(agents) }).sorted()
                let queue: Duration? = random.permille(600) ? .seconds(random.number(600...14_400)) : nil
                wishes.append(
                    (time, .order(random.pick(names), chosen, queueFor: queue, asScheduled: random.permille(300))))
            case 80..<97: wishes.append((time, .cancel(pick: random.next())))
            default:
                var changed = random.pick(policies)
                changed.description = "as of \(time)"
                wishes.append((time, .apply([changed])))
            }
        }
    }
}
