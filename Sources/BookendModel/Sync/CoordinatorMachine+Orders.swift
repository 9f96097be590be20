/// Why an order to back up was not accepted. Nothing was triggered.
package enum OrderProblem: Error, Hashable, Sendable {
    case unknownPolicy(PolicyName, known: [PolicyName])
    case unknownAgent(AgentID, known: [AgentID])
    /// The agent was asked for by name, and the policy's selector does not pick it.
    case notPicked(AgentID, by: PolicyName)
    /// The policy's own selector picks no agent at all.
    case picksNobody(PolicyName)
    /// The policy picks agents, and the narrowing leaves none of them.
    case narrowedToNobody(PolicyName, picked: [AgentID])
    /// `queueFor` is not positive or too long.
    case wrongQueue(Duration, longest: Duration)
    /// Nobody waits for its answer any more.
    case expired(validUntil: UnixTime, now: UnixTime)
    /// There is nothing to rehearse: the policy has no scripts.
    case withoutScripts(PolicyName)
    /// Too many triggers wait for agents already.
    case tooManyOpen(Int, limit: Int)
}

extension CoordinatorMachine {
    /// The agents that a policy picks now; by id.
    package func agents(of policy: Policy) -> [AgentID] {
        presence.ids.filter { presence.picks(policy.selector, $0) }
    }

    /// The triggers that an order makes: one for each agent, by id. Their job is 0 until the store gives one.
    ///
    /// An agent that is offline gets its trigger in state `offline` (31), unless the order or the policy's window lets it
    /// wait.
    ///
    /// - Parameter alreadyPlanned: Triggers of orders that are to be recorded together with this one.
    package func plan(
        _ order: BackupOrder, alreadyPlanned: Int = 0, at now: Moment
    ) throws(OrderProblem) -> [TriggerRecord] {
        if let validUntil = order.validUntil, now.wall > validUntil {
            throw .expired(validUntil: validUntil, now: now.wall)
        }
        guard let revision = policies[order.policy] else {
            throw .unknownPolicy(order.policy, known: policies.all.map(\.policy.name))
        }
        if let queue = order.queueFor, queue <= .zero || queue > rules.longestQueue {
            throw .wrongQueue(queue, longest: rules.longestQueue)
        }
        let agents = try agents(of: revision.policy, narrowedBy: order.narrowing)
        let open = openTriggers + alreadyPlanned
        guard open + agents.count <= rules.openTriggers else {
            throw .tooManyOpen(open, limit: rules.openTriggers)
        }
        return agents.map { agent in record(order, revision, agent, at: now) }
    }

    /// The trigger of a rehearsal; an agent that is offline gets it in state `offline` (31).
    ///
    /// It holds whether the policy is paused or not, as Backup now does.
    package func plan(_ order: RehearsalOrder, at now: Moment) throws(OrderProblem) -> TriggerRecord {
        var narrowing = Selector()
        narrowing.ids = [order.agent]
        let backup = BackupOrder(policy: order.policy, narrowing: narrowing, validUntil: order.validUntil)
        guard var record = try plan(backup, at: now).first else { throw .notPicked(order.agent, by: order.policy) }
        guard policies[order.policy]?.policy.scripts != nil else { throw .withoutScripts(order.policy) }
        record.trigger.cause = .rehearsal
        record.trigger.fault = order.fault
        return record
    }

    private func agents(of policy: Policy, narrowedBy narrowing: Selector) throws(OrderProblem) -> [AgentID] {
        let picked = agents(of: policy)
        guard !narrowing.isEmpty else {
            guard !picked.isEmpty else { throw .picksNobody(policy.name) }
            return picked
        }
        for id in narrowing.ids {
            guard presence.isEnrolled(id) else { throw .unknownAgent(id, known: presence.ids) }
            guard picked.contains(id) else { throw .notPicked(id, by: policy.name) }
        }
        guard !picked.isEmpty else { throw .picksNobody(policy.name) }
        let narrowed = picked.filter { presence.picks(narrowing, $0) }
        guard !narrowed.isEmpty else { throw .narrowedToNobody(policy.name, picked: picked) }
        return narrowed
    }

    private func record(
        _ order: BackupOrder, _ revision: PolicyRevision, _ agent: AgentID, at now: Moment
    ) -> TriggerRecord {
        let window = order.asScheduled ? revision.policy.window : nil
        let windowEnd = window.map { now.wall + $0 }
        let wait = order.queueFor ?? window
        let isOnline = presence.isOnline(agent)
        let patience = isOnline ? max(wait ?? .zero, rules.orderPatience) : wait ?? .zero
        let notAfter = min(now.wall + patience, windowEnd ?? UnixTime(milliseconds: .max))
        return TriggerRecord(
            trigger: Trigger(
                job: JobID(rawValue: 0), agent: agent, policy: order.policy, revision: revision.revision,
                cause: order.asScheduled ? .schedule : .manual, scheduledStart: now.wall, notAfter: notAfter,
                windowEnd: windowEnd),
            state: isOnline || wait != nil ? .pending : .offline)
    }
}
