package import BookendModel

/// Lets at most two progress messages a second of each job pass. Progress may be lost: what does not pass is dropped.
package struct ProgressThrottle {
    private struct Key: Hashable {
        var job: JobID
        var agent: AgentID
    }

    /// Jobs, at most; beyond, all of them are forgotten, and each may pass one message too early.
    private static let limit = 10_000
    private static let interval = Duration.milliseconds(500)

    private var passed: [Key: BootTime] = [:]

    package init() {}

    /// - Parameter now: The collector's clock; an agent's own may stand still.
    /// - Returns: It is to be passed on.
    package mutating func passes(_ progress: Progress, now: BootTime) -> Bool {
        let key = Key(job: progress.job, agent: progress.agent)
        if let last = passed[key], now - last < Self.interval { return false }
        if passed.count >= Self.limit, passed[key] == nil { passed = [:] }
        passed[key] = now
        return true
    }

    /// The job has ended.
    package mutating func forget(_ job: JobID, of agent: AgentID) {
        passed[Key(job: job, agent: agent)] = nil
    }
}
