import BookendAgent
import BookendModel

let agentID = AgentID(rawValue: "a")
let policyName = PolicyName(rawValue: "p")

/// Seeded, so that a failure can be replayed.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension JobID: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: Int64) { self.init(rawValue: value) }
}

extension UnixTime {
    static func at(_ seconds: Int64) -> UnixTime { UnixTime(milliseconds: seconds * 1_000) }
}

extension Trigger {
    static func sample(
        _ job: JobID, policy: PolicyName = policyName, windowEnd: UnixTime? = nil, notAfter: UnixTime = .at(100_000)
    ) -> Trigger {
        Trigger(
            job: job, agent: agentID, policy: policy, revision: 1, cause: .manual, scheduledStart: .at(1_000),
            notAfter: notAfter, windowEnd: windowEnd)
    }
}

extension PolicyRevision {
    static func sample(
        _ name: PolicyName = policyName, scripts: ScriptPlan? = ScriptPlan(directory: "/scripts"),
        retry: RetryPlan = .none, engine: Engine = .command(CommandPlan(program: "/bin/true"))
    ) -> PolicyRevision {
        PolicyRevision(
            policy: Policy(
                name: name, selector: Selector(ids: [agentID]), engine: engine, scripts: scripts, retry: retry),
            revision: 1, appliedAt: .at(1), appliedBy: "test")
    }
}
