import BookendModel

let web1 = AgentID(rawValue: "web-1")
let web2 = AgentID(rawValue: "web-2")
let db1 = AgentID(rawValue: "db-1")

extension Policy {
    static func sample(
        _ name: String = "daily", agents: Selector = Selector(patterns: ["web-*"]), program: String = "/bin/true",
        window: Duration? = nil
    ) -> Policy {
        Policy(
            name: PolicyName(rawValue: name), selector: agents, engine: .command(CommandPlan(program: program)),
            window: window)
    }
}

extension Hello {
    static func sample(
        labels: [String: String] = [:], generation: Int64 = 0, highestJob: Int64 = 0, activeJobs: [ActiveJob] = [],
        wall: UnixTime
    ) -> Hello {
        Hello(
            incarnation: 1, version: "0.1.0", labels: labels, generation: generation, activeJobs: activeJobs,
            highestJob: JobID(rawValue: highestJob), wall: wall)
    }
}

extension Moment {
    static let start = Moment(wall: UnixTime(milliseconds: 1_800_000_000_000), boot: BootTime(milliseconds: 5_000))
}

extension BackupOrder {
    static func sample(
        _ policy: String = "daily", agents: [AgentID] = [], queueFor: Duration? = nil, asScheduled: Bool = false
    ) -> BackupOrder {
        BackupOrder(
            policy: PolicyName(rawValue: policy), narrowing: Selector(ids: agents), queueFor: queueFor,
            asScheduled: asScheduled)
    }
}

/// A generator that makes the same numbers from the same seed on every machine (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// True in so many of a hundred cases.
    mutating func happens(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self) < percent }
}
