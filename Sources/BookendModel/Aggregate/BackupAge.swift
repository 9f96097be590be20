/// How old the good backups are that a policy made of a server.
package struct BackupAge: Hashable, Sendable {
    package var agent: AgentID
    package var policy: PolicyName
    /// When one last ended well; `nil`: none did.
    package var goodAt: UnixTime?
    /// The scheduled start of the first job that is kept.
    package var firstAt: UnixTime
    /// How old a good one may be; `nil`: nobody said.
    package var objective: Duration?

    package init(
        agent: AgentID, policy: PolicyName, goodAt: UnixTime?, firstAt: UnixTime, objective: Duration? = nil
    ) {
        self.agent = agent
        self.policy = policy
        self.goodAt = goodAt
        self.firstAt = firstAt
        self.objective = objective
    }

    /// The objective is not kept.
    package func isTooOld(at now: UnixTime) -> Bool {
        objective.map { now - (goodAt ?? firstAt) > $0 } ?? false
    }
}
