/// Nothing of a policy, or nothing on an agent, starts by itself for a while. What somebody orders does.
package struct Hold: Hashable, Sendable {
    package enum Target: Hashable, Sendable, Comparable {
        /// Paused.
        case policy(PolicyName)
        /// In maintenance.
        case agent(AgentID)
    }

    package var target: Target
    /// One line for people, not empty; at most ``reasonBytes``.
    package var reason: String
    package var since: UnixTime
    package var until: UnixTime
    package var madeBy: String

    package static let reasonBytes = 512
    package static let longest = Duration.seconds(366 * 86_400)

    package init(target: Target, reason: String, since: UnixTime, until: UnixTime, madeBy: String) {
        self.target = target
        self.reason = reason
        self.since = since
        self.until = until
        self.madeBy = madeBy
    }

    package func covers(_ time: UnixTime) -> Bool { time >= since && time < until }
}

extension Hold.Target {
    package var isPolicy: Bool {
        if case .policy = self { true } else { false }
    }
}

extension Hold.Target: CustomStringConvertible {
    /// `policy nightly-web`, `agent web-1`
    package var description: String {
        switch self {
        case .policy(let name): "policy \(name)"
        case .agent(let id): "agent \(id)"
        }
    }

    /// The same text back; `nil`: it is none.
    package init?(_ text: String) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 2 else { return nil }
        switch words[0] {
        case "policy":
            guard let name = PolicyName(checking: String(words[1])) else { return nil }
            self = .policy(name)
        case "agent":
            guard let id = AgentID(checking: String(words[1])) else { return nil }
            self = .agent(id)
        default: return nil
        }
    }
}

/// What an operator asks for.
package struct HoldDraft: Hashable, Sendable {
    package var target: Hold.Target
    package var reason: String
    package var until: UnixTime

    package init(target: Hold.Target, reason: String, until: UnixTime) {
        self.target = target
        self.reason = reason
        self.until = until
    }

    /// What is wrong with it, or nil.
    package func problem(at now: UnixTime) -> String? {
        if let problem = TextRules.lineProblem(reason, upTo: Hold.reasonBytes) { return "the reason \(problem)" }
        if until <= now { return "the end has passed already" }
        if until - now > Hold.longest { return "the end is more than 366 days away" }
        return nil
    }
}

/// What is held now, and what was held a short while ago.
package struct CoordinatorHolds: Hashable, Sendable {
    /// Starts that passed while they were held are not planned afterwards: planning looks back a little.
    private static let memory = Duration.seconds(86_400)

    private var holds: [Hold.Target: Hold]

    package init(_ holds: [Hold] = []) {
        self.holds = Dictionary(holds.map { ($0.target, $0) }, uniquingKeysWith: { $1 })
    }

    package subscript(target: Hold.Target) -> Hold? { holds[target] }

    package mutating func take(_ hold: Hold, at now: UnixTime) {
        holds = holds.filter { $0.value.until + Self.memory > now }
        holds[hold.target] = hold
    }

    package mutating func release(_ target: Hold.Target) { holds[target] = nil }

    /// Those in force, by target.
    package func active(at now: UnixTime) -> [Hold] {
        holds.values.filter { $0.covers(now) }.sorted { $0.target < $1.target }
    }

    package func active(_ target: Hold.Target, at now: UnixTime) -> Hold? {
        holds[target].flatMap { $0.covers(now) ? $0 : nil }
    }

    /// Why a start does not happen; `nil`: nothing holds it.
    package func hold(of policy: PolicyName, on agent: AgentID, at start: UnixTime) -> Hold? {
        guard !holds.isEmpty else { return nil }
        return [.policy(policy), .agent(agent)].lazy.compactMap { holds[$0] }.first { $0.covers(start) }
    }
}
