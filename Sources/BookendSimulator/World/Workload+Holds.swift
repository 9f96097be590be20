import BookendModel

extension Workload {
    /// In every other history; in order of time.
    static func holds(_ seed: UInt64, agents: [AgentID], until end: Int64) -> [(Int64, Wish)] {
        var random = Random(seed, "holds")
        guard random.permille(500) else { return [] }
        var wishes: [(Int64, Wish)] = []
        var time: Int64 = 300_000
        while true {
            time += random.skewed(900_000...14_400_000)
            guard time < end else { return wishes }
            let target: Hold.Target =
                random.permille(500) ? .policy(random.pick([names[4], steady])) : .agent(random.pick(agents))
            let length = random.skewed(600_000...10_800_000)
            wishes.append((time, .hold(target, until: time + length)))
            if random.permille(300) { wishes.append((time + random.number(0...length), .release(target))) }
        }
    }
}

/// Limits over several agents, in some histories.
struct FleetLimits {
    let jobsAtOnce: Int?
    /// Of all policies whose jobs start by themselves: they share one.
    let perRepository: Int?

    static let none = FleetLimits(jobsAtOnce: nil, perRepository: nil)
    static let repository = RepositoryName(rawValue: "vault")

    private init(jobsAtOnce: Int?, perRepository: Int?) {
        self.jobsAtOnce = jobsAtOnce
        self.perRepository = perRepository
    }

    init(_ seed: UInt64) {
        var random = Random(seed, "limits")
        jobsAtOnce = random.permille(250) ? Int(random.number(4...16)) : nil
        perRepository = random.permille(350) ? Int(random.number(2...8)) : nil
    }

    func applied(to policy: Policy) -> Policy {
        guard let perRepository, !policy.schedules.isEmpty else { return policy }
        var policy = policy
        policy.engine = .restic(ResticPlan(repository: Self.repository, sources: ["/srv"]))
        policy.limits.perRepository = perRepository
        return policy
    }
}
