import BookendModel
import BookendTransport
import BookendWire

/// Somebody who gives orders, and remembers which were acknowledged.
final class Operator: @unchecked Sendable {
    private unowned let world: World
    private var socket: (any MessageSocket)?
    private var lastRequest: UInt64 = 0
    private var task: Task<Void, Never>?
    /// What the coordinator said of each job.
    private(set) var acknowledged: [JobID: TriggerRecord] = [:]
    private(set) var canceled: Set<JobID> = []
    /// Jobs that somebody wanted to be canceled.
    private(set) var cancels: Set<JobID> = []
    private(set) var holds: [HeldTime] = []
    /// Requests for holds that nobody has answered yet.
    private var holdsAsked: [UInt64: (target: Hold.Target, until: Int64)] = [:]
    /// Looks at the agents that nobody has answered yet.
    private var looks: [UInt64: ([AgentRecord]) -> Void] = [:]
    private var order: [(at: Int64, job: JobID)] = []
    private(set) var refusals = 0
    /// Requests to apply policies that nobody has answered yet, or that could not be carried out.
    private var unanswered: Set<UInt64> = []

    init(_ world: World) { self.world = world }

    func begin() {
        task = Task { [self] in
            do {
                let socket = try await world.network.network.host(World.operatorIdentity)
                    .open(SocketPlan(.dealer, Endpoint(World.control), .local))
                self.socket = socket
                for await batch in socket.deliveries {
                    for delivery in batch { take(delivery.message?.frames.last ?? []) }
                }
            } catch {
                world.violate("the operator has no socket: \(error)")
            }
        }
    }

    func end() { task?.cancel() }

    func wish(_ wish: Workload.Wish) {
        switch wish {
        case .apply(let policies): apply(policies)
        case .order(let policy, let agents, let queue, let asScheduled):
            world.note("operator", "orders \(policy) on \(agents.map(\.rawValue).joined(separator: ", "))")
            ask(
                .backup(
                    BackupOrder(
                        policy: policy, narrowing: Selector(ids: agents), queueFor: queue, asScheduled: asScheduled)))
        case .rehearse(let policy, let agent, let fault):
            world.note("operator", "rehearses \(policy) on \(agent)" + (fault.map { ": \($0)" } ?? ""))
            ask(.rehearse(RehearsalOrder(policy: policy, agent: agent, fault: fault)))
        case .cancel(let pick):
            let recent = order.filter { world.timeline.now - $0.at < 7_200_000 }
            guard !recent.isEmpty else { return }
            let job = recent[Int(pick % UInt64(recent.count))].job
            world.note("operator", "cancels job \(job)")
            cancels.insert(job)
            ask(.cancel(job))
        case .hold(let target, let until):
            world.note("operator", "holds \(target) until \(Clock.text(until))")
            endHolds(of: target)  // The new one takes their place.
            let end = UnixTime(milliseconds: Machine.epoch + until)
            ask(.makeHold(HoldDraft(target: target, reason: "work in the rack", until: end)))
            holdsAsked[lastRequest] = (target, until)
        case .release(let target):
            world.note("operator", "releases \(target)")
            endHolds(of: target)
            ask(.releaseHold(target))
        }
    }

    /// The coordinator does what was asked, maybe for the second time: what it did for others after that is over, also when
    /// its answer has not come yet.
    func isHeld(_ target: Hold.Target, until end: UnixTime?) {
        let end = end.map { $0.milliseconds - Machine.epoch } ?? world.timeline.now
        holdsAsked = holdsAsked.mapValues { $0.target == target ? (target, min($0.until, end)) : $0 }
        for place in holds.indices where holds[place].target == target {
            holds[place].until = min(holds[place].until, end)
        }
    }

    /// Those that were acknowledged, and those that may be: somebody wants something else now.
    private func endHolds(of target: Hold.Target) {
        holdsAsked = holdsAsked.filter { $0.value.target != target }
        for place in holds.indices where holds[place].target == target {
            holds[place].until = min(holds[place].until, world.timeline.now)
        }
    }

    func lookAtAgents(_ found: @escaping ([AgentRecord]) -> Void) {
        ask(.listAgents)
        looks[lastRequest] = found
    }

    /// Until it is done, as people do whose command timed out, or who were told that the coordinator's disk is full.
    private func apply(_ policies: [Policy]) {
        ask(.applyPolicies(policies, dryRun: false))
        let request = lastRequest
        unanswered.insert(request)
        world.timeline.after(60_000) { [self] in
            if unanswered.remove(request) != nil { apply(policies) }
        }
    }

    private func ask(_ request: ControlRequest) {
        lastRequest += 1
        _ = socket?.send([Wire.encode(.control(request: lastRequest, request))], to: nil)
    }

    private func take(_ frame: [UInt8]) {
        guard case .controlReply(let request, let reply)? = try? Wire.decode(frame) else {
            return world.violate("the operator cannot read a reply")
        }
        if case .failed(let failure) = reply, failure.code == .failed {} else { unanswered.remove(request) }
        switch reply {
        case .triggered(let records):
            for record in records where acknowledged[record.trigger.job] == nil {
                acknowledged[record.trigger.job] = record
                order.append((world.timeline.now, record.trigger.job))
                world.note(
                    "operator", "has job \(record.trigger.job) on \(record.trigger.agent): \(record.state.rawValue)")
            }
        case .canceled(let record): canceled.insert(record.trigger.job)
        case .agents(let records): looks.removeValue(forKey: request)?(records)
        case .holds:
            guard let asked = holdsAsked.removeValue(forKey: request) else { break }
            holds.append(HeldTime(asked.target, until: asked.until, world))
        case .failed(let failure):
            refusals += 1
            world.note("operator", "is refused: \(failure.message)")
        default: break
        }
    }
}
