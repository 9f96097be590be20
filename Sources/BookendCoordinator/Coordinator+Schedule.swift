import BookendFiles
import BookendModel
import Logging

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

    /// Pauses a policy, or puts an agent into maintenance: its starts until then are withdrawn.
    func hold(_ draft: HoldDraft, _ client: Client, _ now: Moment) throws(RemoteFailure) -> Hold {
        try check(draft.target)
        if let problem = draft.problem(at: now.wall) { throw RemoteFailure(.invalid, problem) }
        // One that is there goes on, with another end or reason.
        let since = machine.holds.active(draft.target, at: now.wall)?.since ?? now.wall
        let hold = Hold(
            target: draft.target, reason: draft.reason, since: since, until: draft.until, madeBy: client.author)
        // An earlier one of the same, which is over, is forgotten for it: what passed meanwhile must not be planned afterwards.
        planSlots(now, evenIfEarly: true)
        let audit = client.audit(.done, "until \(InstantText.render(hold.until)): \(hold.reason)")
        try stored { () throws(CoordinatorError) in try store.record(hold, audit: [audit], at: now.wall) }
        logger.notice(
            "nothing of it starts by itself for a while",
            metadata: [
                "what": "\(hold.target)", "until": "\(InstantText.render(hold.until))", "reason": "\(hold.reason)",
                "by": "\(client.author)",
            ])
        perform(machine.handle(.holdRecorded(hold), at: now), now)
        planSlots(now)
        return hold
    }

    /// Ends a pause or a maintenance before its time. Starts that passed are not made up for.
    func release(_ target: Hold.Target, _ client: Client, _ now: Moment) throws(RemoteFailure) -> Hold {
        guard let hold = machine.holds.active(target, at: now.wall) else {
            try check(target)
            throw RemoteFailure(.notFound, "\(target) is not \(target.isPolicy ? "paused" : "in maintenance")")
        }
        planSlots(now, evenIfEarly: true)
        try stored { () throws(CoordinatorError) in
            try store.release(target, audit: [client.audit(.done)], at: now.wall)
        }
        logger.notice("it starts by itself again", metadata: ["what": "\(target)", "by": "\(client.author)"])
        perform(machine.handle(.holdReleased(target), at: now), now)
        planSlots(now)
        return hold
    }

    private func check(_ target: Hold.Target) throws(RemoteFailure) {
        switch target {
        case .policy(let name):
            guard machine.policies[name] == nil else { return }
            throw OrderProblem.unknownPolicy(name, known: machine.policies.all.map(\.policy.name)).failure
        case .agent(let id):
            guard !machine.presence.isEnrolled(id) else { return }
            throw OrderProblem.unknownAgent(id, known: machine.presence.ids).failure
        }
    }
}
