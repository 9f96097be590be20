import BookendFiles
import BookendModel
import BookendTransport
import BookendWire
import Logging

/// Who asked, and how to answer.
struct Client: Hashable, Sendable {
    let door: Doors.Name
    let route: Route
    /// The client's own number of its request.
    let request: UInt64
    let caller: Caller
    let deed: Deed
    /// What the audit log calls it.
    private let what: String
    private let target: String

    init(
        door: Doors.Name, route: Route, caller: Caller, request: UInt64, _ control: ControlRequest? = nil,
        what: String? = nil
    ) {
        self.door = door
        self.route = route
        self.request = request
        self.caller = caller
        deed = control?.deed ?? .askContinue
        self.what = what ?? deed.rawValue
        target = control?.target ?? ""
    }

    /// In whose name things are done.
    var author: String { caller.name }

    /// A line of the audit log about this request.
    func audit(_ result: AuditDraft.Result, on target: String? = nil, _ detail: String = "") -> AuditDraft {
        AuditDraft(
            who: caller.name, origin: caller.origin, what: what, target: target ?? self.target, result: result,
            detail: detail)
    }
}

extension Coordinator {
    /// All policies together, encoded: what one agent's snapshot must be able to carry.
    private static let policyBytes = 3 << 20

    func answer(_ request: ControlRequest, _ client: Client, _ now: Moment) {
        do throws(RemoteFailure) {
            switch request {
            case .applyPolicies(let policies, let dryRun):
                reply(.applied(try apply(policies, dryRun: dryRun, client, now)), to: client)
            case .listPolicies: reply(.policies(machine.policies.all), to: client)
            case .showPolicy(let name, let revision): reply(.policies([try show(name, revision)]), to: client)
            case .deletePolicy(let name): reply(.policies([try delete(name, client, now)]), to: client)
            case .backup(let order): carryOut([(client, order)], now)
            case .rehearse(let order): carryOut(order, client, now)
            case .cancel(let job): reply(.canceled(try cancel(job, client, now)), to: client)
            case .listAgents: reply(.agents(machine.agentRecords(at: now.wall)), to: client)
            case .listSlots(let policy, let agent, let limit):
                let slots = machine.slots.upcoming(policy, agent, limit: limit)
                reply(.triggered(slots.map { TriggerRecord(trigger: $0, state: .planned) }), to: client)
            case .listStarts(let filter): reply(.starts(try upcoming(filter, now)), to: client)
            case .readDrift(let filter): reply(.drift(machine.drift(filter, at: now.wall)), to: client)
            case .makeHold(let draft): reply(.holds([try hold(draft, client, now)]), to: client)
            case .releaseHold(let target): reply(.holds([try release(target, client, now)]), to: client)
            case .listHolds: reply(.holds(machine.holds.active(at: now.wall)), to: client)
            case .ask(let agent, let request): try ask(agent, request, client, now)
            case .askCredit(let chunks): giveCredit(chunks, client)
            case .askClose: closeAsk(client)
            case .listPeers(let role):
                reply(.peers(book.all.filter { role == nil || $0.identity.role == role }), to: client)
            case .labelPeer(let identity, let set, let remove):
                let plan = try book.plan(
                    labelling: identity, with: set, without: remove, by: client.author, at: now.wall)
                reply(.peers(try record(plan, "labels were changed", client, now)), to: client)
            case .renamePeer(let identity, let name):
                let plan = try book.plan(renaming: identity, to: name, by: client.author, at: now.wall)
                reply(.peers(try record(plan, "a peer was renamed", client, now)), to: client)
            case .approvePeer(let identity):
                let plan = try book.plan(approving: identity, by: client.author, at: now.wall)
                reply(.peers(try record(plan, "a peer was approved", client, now)), to: client)
            case .revokePeer(let identity): try revoke(identity, client, now)
            case .rotateKey(let agent): try rotate(agent, client, now)
            case .rotateOwnKey(let key): try rotateOwn(key, client, now)
            case .serverKey(let step): try answer(step, client, now)
            case .listTokens: reply(.tokens(book.tokens.values.sorted { $0.id < $1.id }), to: client)
            case .readAudit(let filter):
                reply(.audit(try stored { () throws(CoordinatorError) in try store.audit(filter) }), to: client)
            case .createToken(let draft): try makeToken(draft, client, now)
            case .revokeToken(let id): try revokeToken(id, client, now)
            }
        } catch {
            reply(.failed(error), to: client)
        }
    }

    /// Several orders in one transaction. One that is wrong by itself does not spoil the others.
    func carryOut(_ orders: [(client: Client, order: BackupOrder)], _ now: Moment) {
        var planned: [(client: Client, drafts: [TriggerRecord])] = []
        var drafts: [TriggerRecord] = []
        for (client, order) in orders {
            do throws(OrderProblem) {
                let new = try machine.plan(order, alreadyPlanned: drafts.count, at: now)
                planned.append((client, new))
                drafts += new
            } catch {
                reply(.failed(error.failure), to: client)
            }
        }
        record(drafts, of: planned, now)
    }

    private func carryOut(_ order: RehearsalOrder, _ client: Client, _ now: Moment) {
        do throws(OrderProblem) {
            let drafts = [try machine.plan(order, at: now)]
            record(drafts, of: [(client, drafts)], now)
        } catch {
            reply(.failed(error.failure), to: client)
        }
    }

    private func record(
        _ drafts: [TriggerRecord], of planned: [(client: Client, drafts: [TriggerRecord])], _ now: Moment
    ) {
        guard !drafts.isEmpty else { return }
        do throws(CoordinatorError) {
            var records = try store.record(drafts, audit: { Self.audit(planned, as: $0) }, at: now.wall)[...]
            perform(machine.handle(.triggersRecorded(Array(records)), at: now), now)
            for (client, drafts) in planned {
                let own = Array(records.prefix(drafts.count))
                records = records.dropFirst(drafts.count)
                reply(.triggered(own), to: client)
                logger.info(
                    "jobs were ordered",
                    metadata: [
                        "policy": "\(own[0].trigger.policy)", "jobs": "\(own.count)",
                        "first": "\(own[0].trigger.job)", "by": "\(client.author)",
                    ])
            }
        } catch {
            for (client, _) in planned { reply(.failed(failure(error)), to: client) }
        }
    }

    /// One line for each order, with the ids of its jobs.
    private static func audit(
        _ planned: [(client: Client, drafts: [TriggerRecord])], as records: [TriggerRecord]
    ) -> [AuditDraft] {
        var rest = records[...]
        return planned.map { client, drafts in
            let own = rest.prefix(drafts.count)
            rest = rest.dropFirst(drafts.count)
            guard let first = own.first?.trigger, let last = own.last?.trigger else { return client.audit(.done) }
            return client.audit(
                .done,
                own.count == 1 ? "job \(first.job) on \(first.agent)" : "jobs \(first.job) to \(last.job)")
        }
    }

    // MARK: Policies

    private func apply(
        _ policies: [Policy], dryRun: Bool, _ client: Client, _ now: Moment
    ) throws(RemoteFailure) -> [PolicyOutcome] {
        try check(policies)
        let plan = machine.policies.plan(applying: policies, by: client.author, at: now.wall)
        try checkSize(with: plan.edits)
        let changes = plan.outcomes.filter { $0.1 != .unchanged }.map { revision, change in
            client.audit(
                .done, on: "policy \(revision.policy.name)", "\(change.rawValue): revision \(revision.revision)")
        }
        if !dryRun { try record(plan.edits, changes, client, now) }
        return plan.outcomes.map { revision, change in
            PolicyOutcome(
                name: revision.policy.name, revision: revision.revision, change: change,
                agents: machine.agents(of: revision.policy))
        }
    }

    private func check(_ policies: [Policy]) throws(RemoteFailure) {
        guard !policies.isEmpty else { throw RemoteFailure(.invalid, "there is no policy in what was sent") }
        var names: Set<PolicyName> = []
        var problems: [String] = []
        for policy in policies {
            if !names.insert(policy.name).inserted { problems.append("policy \(policy.name): stands there twice") }
            problems += (policy.problems() + policy.zoneProblems(zones)).map {
                "policy \(policy.name): \($0.keyPath): \($0.message)"
            }
        }
        guard !problems.isEmpty else { return }
        let rest = problems.count > 20 ? ["and \(problems.count - 20) more"] : []
        throw RemoteFailure(
            .invalid, "nothing was applied:\n" + (problems.prefix(20) + rest).joined(separator: "\n"))
    }

    private func checkSize(with edits: [PolicyEdit]) throws(RemoteFailure) {
        var after = machine.policies
        for edit in edits { after.take(edit) }
        let bytes = after.all.reduce(0) { $0 + Wire.encode($1).count }
        guard bytes <= Self.policyBytes || edits.isEmpty else {
            throw RemoteFailure(
                .refused,
                "all policies together would have \(bytes) bytes, more than \(Self.policyBytes): delete some first, or "
                    + "shorten their lists")
        }
    }

    private func show(_ name: PolicyName, _ number: Int64?) throws(RemoteFailure) -> PolicyRevision {
        guard let number else {
            guard let current = machine.policies[name] else { throw unknown(name) }
            return current
        }
        if let revision = try stored({ () throws(CoordinatorError) in try store.revision(number, of: name) }) {
            return revision
        }
        guard let current = machine.policies[name] else { throw unknown(name) }
        throw RemoteFailure(
            .notFound, "policy \(name) has no revision \(number): it is at revision \(current.revision) now")
    }

    private func delete(_ name: PolicyName, _ client: Client, _ now: Moment) throws(RemoteFailure) -> PolicyRevision {
        guard let edit = machine.policies.plan(deleting: name), let last = machine.policies[name] else {
            throw unknown(name)
        }
        try record([edit], [client.audit(.done, "at revision \(last.revision)")], client, now)
        return last
    }

    private func record(
        _ edits: [PolicyEdit], _ audit: [AuditDraft], _ client: Client, _ now: Moment
    ) throws(RemoteFailure) {
        guard !edits.isEmpty else { return }
        try stored { () throws(CoordinatorError) in
            try store.record(edits, by: client.author, audit: audit, at: now.wall)
        }
        for edit in edits {
            logger.notice(
                edit.revision == nil ? "a policy was deleted" : "a policy was applied",
                metadata: [
                    "policy": "\(edit.name)", "revision": "\(edit.revision?.revision ?? 0)",
                    "generation": "\(edit.generation)", "by": "\(client.author)",
                ])
        }
        perform(machine.handle(.policiesRecorded(edits), at: now), now)
        planSlots(now)
    }

    private func unknown(_ name: PolicyName) -> RemoteFailure {
        OrderProblem.unknownPolicy(name, known: machine.policies.all.map(\.policy.name)).failure
    }

    // MARK: Cancel

    private func cancel(_ job: JobID, _ client: Client, _ now: Moment) throws(RemoteFailure) -> TriggerRecord {
        guard let known = try stored({ () throws(CoordinatorError) in try store.trigger(job) }) else {
            throw RemoteFailure(
                .notFound,
                "job \(job) is not known: it was never ordered here, or ended more than 14 days ago; bookend jobs lists "
                    + "the jobs that there are")
        }
        guard known.state != .offline else {
            throw RemoteFailure(
                .refused, "job \(job) never began: agent \(known.trigger.agent) was offline (31) when it was ordered")
        }
        let audit = [client.audit(.done, "agent \(known.trigger.agent), policy \(known.trigger.policy)")]
        let canceled = try stored { () throws(CoordinatorError) in try store.cancel(job, audit: audit, at: now.wall) }
        let record = canceled ?? known
        logger.notice("a job is to be canceled", metadata: ["job.id": "\(job)", "by": "\(client.author)"])
        perform(machine.handle(.cancelRecorded(record), at: now), now)
        return record
    }

    func stored<T>(_ body: () throws(CoordinatorError) -> T) throws(RemoteFailure) -> T {
        do throws(CoordinatorError) {
            return try body()
        } catch {
            throw failure(error)
        }
    }

    private func failure(_ error: CoordinatorError) -> RemoteFailure {
        logger.error("a request could not be recorded", metadata: ["error": "\(error)"])
        return RemoteFailure(.failed, "the coordinator could not write it down, and did nothing: \(error)")
    }
}
