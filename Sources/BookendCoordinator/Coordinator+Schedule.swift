import BookendModel

// What is to come, for those who ask.
extension Coordinator {
    func upcoming(_ filter: StartFilter, _ now: Moment) throws(RemoteFailure) -> UpcomingStarts {
        if let policy = filter.policy, machine.policies[policy] == nil {
            throw OrderProblem.unknownPolicy(policy, known: machine.policies.all.map(\.policy.name)).failure
        }
        if let agent = filter.agent, !machine.presence.isEnrolled(agent) {
            throw OrderProblem.unknownAgent(agent, known: machine.presence.ids).failure
        }
        return machine.upcoming(filter, zones: zones, at: now)
    }
}
