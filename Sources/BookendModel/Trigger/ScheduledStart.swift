/// One start of a policy, with all the agents that start together but for their splay.
package struct ScheduledStart: Hashable, Sendable {
    package struct Agent: Hashable, Sendable {
        package var agent: AgentID
        package var start: UnixTime
        /// `nil`: none was given yet; ids are given 14 days ahead.
        package var job: JobID?
        /// Why it does not start; empty: it does.
        package var held: String

        package init(agent: AgentID, start: UnixTime, job: JobID?, held: String = "") {
            self.agent = agent
            self.start = start
            self.job = job
            self.held = held
        }
    }

    package var policy: PolicyName
    /// Without splay.
    package var start: UnixTime
    package var zone: ScheduleZone
    /// Seconds to add to UTC to get what a wall clock in the zone shows.
    package var offset: Int64
    /// Agents start up to so much later.
    package var splay: Duration
    package var windowEnd: UnixTime?
    /// How many agents there are.
    package var agents: Int
    /// The first of them by name.
    package var firstAgents: [Agent]
    /// Why none of them starts; empty: they do.
    package var held: String

    package init(
        policy: PolicyName, start: UnixTime, zone: ScheduleZone, offset: Int64, splay: Duration, windowEnd: UnixTime?,
        agents: Int, firstAgents: [Agent], held: String = ""
    ) {
        self.policy = policy
        self.start = start
        self.zone = zone
        self.offset = offset
        self.splay = splay
        self.windowEnd = windowEnd
        self.agents = agents
        self.firstAgents = firstAgents
        self.held = held
    }
}

/// What to show of what is to come.
package struct StartFilter: Hashable, Sendable {
    /// `nil`: all policies.
    package var policy: PolicyName?
    /// `nil`: all agents.
    package var agent: AgentID?
    /// Starts after this time; `nil`: after now.
    package var after: UnixTime?
    package var limit: Int

    package static let limits = 1...1_000

    package init(policy: PolicyName? = nil, agent: AgentID? = nil, after: UnixTime? = nil, limit: Int) {
        self.policy = policy
        self.agent = agent
        self.after = after
        self.limit = limit
    }
}

package struct UpcomingStarts: Hashable, Sendable {
    /// The earliest first.
    package var starts: [ScheduledStart]
    /// Nothing else follows within the year that was looked at.
    package var isComplete: Bool

    package init(starts: [ScheduledStart], isComplete: Bool) {
        self.starts = starts
        self.isComplete = isComplete
    }
}
