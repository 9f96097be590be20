extension CoordinatorMachine {
    /// How far ahead is looked at first; then four times as far, as long as there are too few, up to a year.
    private static let firstLook = Duration.seconds(14 * 86_400)
    private static let lastLook = Duration.seconds(366 * 86_400)
    /// Agents named of one start, at most.
    private static let namedAgents = 5

    /// What starts when, by the policies, agents and labels as they are now.
    package func upcoming(_ filter: StartFilter, zones: any ZoneCatalog, at now: Moment) -> UpcomingStarts {
        let after = filter.after ?? now.wall
        var found: [ScheduledStart] = []
        var isComplete = true
        for revision in policies.all where filter.policy == nil || revision.policy.name == filter.policy {
            let agents = agents(of: revision.policy).filter { filter.agent == nil || $0 == filter.agent }
            guard !revision.policy.schedules.isEmpty, !agents.isEmpty else { continue }
            var look = Self.firstLook
            var starts = self.starts(revision.policy, agents, after: after, through: after + look, zones)
            while starts.count <= filter.limit, look < Self.lastLook {
                look = min(look * 4, Self.lastLook)
                starts = self.starts(revision.policy, agents, after: after, through: after + look, zones)
            }
            if starts.count > filter.limit { isComplete = false }
            found += starts.prefix(filter.limit)
        }
        found.sort { ($0.start, $0.policy) < ($1.start, $1.policy) }
        return UpcomingStarts(
            starts: Array(found.prefix(filter.limit)), isComplete: isComplete && found.count <= filter.limit)
    }

    /// Why, for people; empty: it is not.
    private func held(_ target: Hold.Target, at start: UnixTime) -> String {
        guard let hold = holds[target], hold.covers(start) else { return "" }
        return (target.isPolicy ? "paused: " : "maintenance: ") + hold.reason
    }

    /// Of a policy whose jobs start so long after its last good backup: those that are planned, if all goes on as it is.
    private func plannedStarts(
        _ policy: Policy, _ agents: [AgentID], after: UnixTime, through: UnixTime
    ) -> [ScheduledStart] {
        agents.flatMap { agent in
            slots.slots(of: agent).filter {
                $0.policy == policy.name && $0.scheduledStart > after && $0.scheduledStart <= through
            }.map { slot in
                ScheduledStart(
                    policy: policy.name, start: slot.scheduledStart, zone: .utc, offset: 0, splay: .zero,
                    windowEnd: slot.windowEnd, agents: 1,
                    firstAgents: [ScheduledStart.Agent(agent: agent, start: slot.scheduledStart, job: slot.job)])
            }
        }.sorted { ($0.start, $0.firstAgents[0].agent) < ($1.start, $1.firstAgents[0].agent) }
    }

    private func starts(
        _ policy: Policy, _ agents: [AgentID], after: UnixTime, through: UnixTime, _ zones: any ZoneCatalog
    ) -> [ScheduledStart] {
        guard policy.afterSuccess == nil else {
            return plannedStarts(policy, agents, after: after, through: through)
        }
        let byZone = Dictionary(grouping: agents) { policy.dependsOnAgentZone ? presence.timeZone(of: $0) : "" }
        var found: [ScheduledStart] = []
        for (zone, agents) in byZone {
            var seen: Set<UnixTime> = []
            for schedule in policy.schedules {
                let rules = schedule.rules(agentZone: zone, zones)
                let splay = schedule.splay ?? policy.splay
                let nominal = schedule.starts(after: after + (.zero - splay), through: through, zone: rules)
                let delays = agents.map { ($0, policy.delay(of: $0, upTo: splay)) }
                for start in nominal where seen.insert(start).inserted {
                    let late = delays.filter { start + $0.1 > after }
                    guard !late.isEmpty else { continue }
                    found.append(
                        ScheduledStart(
                            policy: policy.name, start: start, zone: schedule.zone, offset: rules.offset(at: start),
                            splay: splay, windowEnd: (schedule.window ?? policy.window).map { start + $0 },
                            agents: late.count,
                            firstAgents: late.prefix(Self.namedAgents).map { agent, delay in
                                ScheduledStart.Agent(
                                    agent: agent, start: start + delay,
                                    job: slots.job(of: agent, policy.name, start: start + delay),
                                    held: held(.agent(agent), at: start + delay))
                            }, held: held(.policy(policy.name), at: start)))
                }
            }
        }
        return found.sorted { ($0.start, $0.offset) < ($1.start, $1.offset) }
    }
}
