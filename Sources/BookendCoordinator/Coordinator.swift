import BookendCalendar
import BookendDaemon
import BookendModel
import BookendTransport
import BookendWire
import Glibc
import Logging

/// Carries out what ``CoordinatorMachine`` decides: what comes in at the doors becomes events, what they lead to is
/// recorded and sent.
///
/// All of one batch that can share a transaction does: orders that came together, and what acknowledgements settle.
actor Coordinator {
    let doors: Doors
    let store: any PolicyStore
    let keyFile: WatchedKeyFile
    let clock: any DaemonClock
    let logger: Logger
    var machine: CoordinatorMachine
    var asks = AskRelay()
    var book: PeerBook
    var news: CollectorNews
    /// By whose key it is.
    var rotations: [PeerIdentity: PendingRotation] = [:]
    var ownKey: OwnKey
    /// Next keys of collectors that could not be admitted: said once.
    var rejectedKeys: [PeerIdentity: PublicKey] = [:]
    /// Ends when the coordinator is to start anew with another key.
    nonisolated let keyChanges: AsyncStream<Void>
    let keyChange: AsyncStream<Void>.Continuation
    let enrollment: EnrollmentRules?
    /// What wall clocks show where.
    let zones: any ZoneCatalog = TimeZones()
    var keeper = GateKeeper()
    /// Where collectors say that they are reached.
    var collectorPlaces: [PeerIdentity: CollectorPlace] = [:]
    var refusals = RefusalBook()
    /// Those without a key that is admitted. Few addresses at once: who has many of them fills no disk.
    var strangers = RefusalBook(limit: 20)
    /// By collector: the number of the last refusal that it told of.
    var refusalsTaken: [String: Int64] = [:]
    var actionsTaken: [String: Int64] = [:]
    /// On the sync socket, where each agent was last heard.
    private(set) var routes: [AgentID: Route] = [:]
    private var agentsByRoute: [Route: AgentID] = [:]
    /// Of answers to subscriptions.
    var pace = SubscriptionPace()
    /// What is not recorded yet: kept until the store takes it. Bounded by the machine's open triggers.
    private var settlements: [TriggerSettlement] = []
    private var outgoing: [Doors.Name: [Message]] = [:]
    private var coverage: (state: CoordinatorMachine.CoverageState, value: PolicyCoverage?)?
    var housekeeping: Housekeeping
    var lostJobs: LostNumbers
    /// A store goes back only while nobody uses it: one renewal a run is enough, and peers cannot make more of them.
    var isEpochFresh = false
    /// Orders that an agent can have given another id in one run, each a row: more than it forgets in any life that was lost.
    static let mostReissues = 1_000
    /// Messages of agents that are taken in one turn.
    private static let mostInTurn = 16
    var reissues: [AgentID: Int] = [:]
    /// Whose orders that never began were compared with what it knows.
    var offlineMoved: Set<AgentID> = []
    /// The audit log's head when this run began, and the collectors that were told of it: lines that are written since, above
    /// all those which tell that the database was put back, would hide from them that earlier ones are not what they were.
    private let firstHead: AuditHead?
    private var toldFirstHead: Set<PeerIdentity> = []

    init(
        rules: CoordinatorRules, doors: Doors, ownKey: OwnKey, keyFile: WatchedKeyFile, book: PeerBook,
        enrollment: EnrollmentRules? = nil, store: any PolicyStore, clock: any DaemonClock, logger: Logger
    ) throws(CoordinatorError) {
        self.doors = doors
        self.ownKey = ownKey
        (keyChanges, keyChange) = AsyncStream.makeStream()
        self.store = store
        self.keyFile = keyFile
        self.book = book
        self.enrollment = enrollment
        self.clock = clock
        self.logger = logger
        do throws(CoordinatorError) {
            try store.passOverChanges()
        } catch {
            logger.warning(
                """
                the database could not be written at the start: is the disk full? Should it be a copy of an earlier one, \
                collectors may miss changes until the coordinator is started again
                """,
                metadata: ["error": "\(error)"])
        }
        firstHead = try store.auditHead()
        let now = clock.now
        var machine = CoordinatorMachine(
            try store.load(), rules: rules, firstVersion: UInt64.random(in: 1...UInt64(1) << 62), startedAt: now.boot)
        _ = machine.handle(.enrolled(book.agents), at: now)  // nobody is online: nothing follows
        _ = machine.handle(.nextKeyPrepared(ownKey.next), at: now)  // the same
        self.machine = machine
        news = CollectorNews(patience: rules.collectorPatience)
        housekeeping = Housekeeping(at: now.boot)
        lostJobs = LostNumbers(above: try store.highestJob().rawValue)
    }

    // MARK: What comes in

    /// Of agents, who may all come at once: whoever asks something meanwhile, an operator above all, is answered in between.
    nonisolated func takeInTurn(_ batch: [Delivery], at door: Doors.Name) async {
        for start in stride(from: 0, to: batch.count, by: Self.mostInTurn) {
            await take(Array(batch[start..<min(start + Self.mostInTurn, batch.count)]), at: door)
        }
    }

    func take(_ batch: [Delivery], at door: Doors.Name) {
        let now = clock.now
        var orders: [(client: Client, order: BackupOrder)] = []
        for delivery in batch where keyFile.ring.stillAdmits(delivery) {
            switch delivery.event {
            case .undeliverable(let message): if let route = message.route { lose(route, at: door, now) }
            case .subscribed:
                if let peer = delivery.peer, peer.role == .agent {
                    let agent = AgentID(rawValue: peer.name)
                    if pace.mayAnswer(agent, at: now.boot) { perform(machine.handle(.subscribed(agent), at: now), now) }
                }
            case .unsubscribed: break
            case .message(let message):
                guard let route = message.route else { continue }
                noteUse(of: delivery, now)
                let caller = caller(of: delivery, at: door)
                let envelope: Envelope
                do {
                    envelope = try Wire.decode(message.frames.last ?? [])
                } catch {
                    refuse(error, of: caller, route, at: door, now)
                    continue
                }
                if case .control(let request, let control) = envelope {
                    let client = Client(door: door, route: route, caller: caller, request: request, control)
                    guard mayDo(control, client, now) else { continue }
                    if case .backup(let order) = control {
                        orders.append((client, order))
                    } else {
                        // In the order in which they came: a policy that is applied before an order holds for it.
                        carryOut(orders, now)
                        orders = []
                        answer(control, client, now)
                    }
                } else if let peer = delivery.peer, door == .sync {
                    take(envelope, from: peer, delivery, route, now)
                }
            }
        }
        carryOut(orders, now)
        flush(now)
    }

    /// An operator whose request cannot be read hears of it under number 0; nobody else would know what to do with that.
    private func refuse(
        _ error: WireError, of caller: Caller, _ route: Route, at door: Doors.Name, _ now: Moment
    ) {
        refuse(.unreadable(by: caller.name, at: caller.origin, error.message), now)
        guard caller.standing >= .viewer else { return }
        let client = Client(door: door, route: route, caller: caller, request: 0)
        reply(.failed(RemoteFailure(.invalid, "the coordinator cannot read the request: \(error.message)")), to: client)
    }

    private func take(
        _ envelope: Envelope, from peer: PeerIdentity, _ delivery: Delivery, _ route: Route, _ now: Moment
    ) {
        switch (peer.role, envelope) {
        case (.collector, .rosterRequest(let request)):
            takeRefusals(request, of: peer.description, now)
            admitNextKey(request.nextKey, of: peer, delivery, now)
            var request = request
            // Not written: it is told again.
            if !takeActions(request, of: peer.description, now) { request.actionsThrough = 0 }
            if request.highestJob.rawValue > 0 { goAbove(request.highestJob, 0, named: peer, now) }
            compareChanges(request, of: peer, now)
            answer(request, of: peer, route, now)
            note(request, of: peer, delivery, route, now)
        case (.agent, _):
            let agent = AgentID(rawValue: peer.name)
            note(route, of: agent)
            switch envelope {
            case .hello(let hello): perform(machine.handle(.hello(agent, hello), at: now), now)
            case .heartbeat(let heartbeat): perform(machine.handle(.heartbeat(agent, heartbeat), at: now), now)
            case .triggerAck(let job), .triggerConflict(let job), .cancelAck(let job):
                guard isOwn(job, of: agent, delivery, now) else { return }
                switch envelope {
                case .triggerAck: perform(machine.handle(.triggerAcknowledged(agent, job), at: now), now)
                case .triggerConflict: perform(machine.handle(.triggerConflicts(agent, job), at: now), now)
                default: perform(machine.handle(.cancelAcknowledged(agent, job), at: now), now)
                }
            case .askReply(let reply):
                if let owner = asks[reply.id]?.agent, owner != agent {
                    drop("answer", "agent \(owner)", of: delivery, "another agent was asked", now)
                }
                relay(reply, of: agent, now)
            default: ignore(delivery, now)
            }
        default: ignore(delivery, now)
        }
    }

    private func ignore(_ delivery: Delivery, _ now: Moment) {
        drop("message", "", of: delivery, "a message that this peer may not send", now)
    }

    /// An agent acknowledges its own jobs only.
    private func isOwn(_ job: JobID, of agent: AgentID, _ delivery: Delivery, _ now: Moment) -> Bool {
        if machine.awaits(job, by: agent) { return true }
        do throws(CoordinatorError) {
            // A number that nobody was given changes nothing, and may be of an earlier database.
            guard let owner = try store.trigger(job)?.trigger.agent, owner != agent else { return true }
            drop("acknowledgement", "job \(job) of agent \(owner)", of: delivery, "the job is another agent's", now)
            return false
        } catch {
            // The machine knows by itself what waits for whom.
            return true
        }
    }

    /// The latest connection of an agent counts. Answers that were on their way over another one are lost.
    private func note(_ route: Route, of agent: AgentID) {
        guard routes[agent] != route else { return }
        if let old = routes.updateValue(route, forKey: agent) {
            agentsByRoute[old] = nil
            fail(asks.close(agent: agent), "the connection of agent \(agent) broke; ask again")
        }
        agentsByRoute[route] = agent
    }

    /// It is no longer enrolled.
    func forget(_ agent: AgentID) {
        if let route = routes.removeValue(forKey: agent) { agentsByRoute[route] = nil }
        fail(asks.close(agent: agent), "agent \(agent) is not enrolled any more")
    }

    private func lose(_ route: Route, at door: Doors.Name, _ now: Moment) {
        closeAsks(of: route, at: door)
        guard door == .sync, let agent = agentsByRoute.removeValue(forKey: route) else { return }
        routes[agent] = nil
        perform(machine.handle(.unreachable(agent), at: now), now)
    }

    // MARK: What follows

    func perform(_ actions: [CoordinatorMachine.Action], _ now: Moment) {
        for action in actions {
            switch action {
            case .send(let envelope, let agent): send(envelope, to: agent)
            case .publish(let envelope, let agent):
                let frames = [Frame(Topic.agent(agent).utf8), Wire.encode(envelope)]
                outgoing[.broadcast, default: []].append(Message(frames))
            case .record(let settlement):
                settlements.append(settlement)
                if case .missed(let job) = settlement {
                    logger.warning("a trigger was never delivered before its deadline", metadata: ["job.id": "\(job)"])
                }
            case .goAbove(let job, let generation, let known, let agent):
                let peer = PeerIdentity(role: .agent, name: agent.rawValue)
                goAbove(job, generation, knowing: known, named: peer, now)
            case .reclaim(let agent, let known, let since): reclaim(agent, known, since: since, now)
            case .remindOfCancels(let agent, let jobs): remindOfCancels(agent, jobs, now)
            case .reissue(let job, let agent): reissue(job, named: agent, now)
            case .note(let note): log(note)
            }
        }
    }

    func send(_ envelope: Envelope, to agent: AgentID) {
        guard let route = routes[agent] else { return }
        outgoing[.sync, default: []].append(Message([Wire.encode(envelope)], to: route))
    }

    func reply(_ reply: ControlReply, to client: Client) {
        let message = Message(
            [Wire.encode(.controlReply(request: client.request, reply))], to: client.route)
        outgoing[client.door, default: []].append(message)
    }

    /// - Parameter peer: Who asks; `nil`: somebody who was answered before.
    func answer(_ request: RosterRequest, of peer: PeerIdentity? = nil, _ route: Route, _ now: Moment) {
        do throws(CoordinatorError) {
            // Numbers of another epoch count other changes. A collector of an older version names none.
            let after = request.epoch == 0 || request.epoch == machine.epoch ? request.after : 0
            let changes = try store.changes(after: after, limit: 1_000)
            let peersAfter = request.epoch == 0 || request.epoch == machine.epoch ? request.peersAfter : 0
            let peers = book.changes(after: peersAfter, limit: 1_000)
            var reply = RosterReply(
                through: changes.through, triggers: changes.records, isComplete: changes.isComplete,
                agents: machine.agentRecords(at: now.wall), epoch: machine.epoch, peers: peers.peers,
                peersThrough: peers.through)
            let head = try store.auditHead()
            let isFirst = peer.map { toldFirstHead.insert($0).inserted } ?? false
            reply.auditHead = isFirst ? firstHead ?? head : head
            if request.objectivesVersion != machine.policies.objectives.version {
                reply.objectives = machine.policies.objectives
            }
            if let coverage = currentCoverage(), coverage.version != request.coverageVersion {
                reply.coverage = coverage
            }
            // They were taken before this.
            reply.refusalsThrough = request.refusalsThrough
            reply.nextKey = ownKey.next
            reply.actionsThrough = request.actionsThrough
            outgoing[.sync, default: []].append(Message([Wire.encode(.rosterReply(reply))], to: route))
        } catch {
            logger.error("the roster cannot be read", metadata: ["error": "\(error)"])
        }
    }

    /// Each collector asks each second: found out anew only when something changed.
    private func currentCoverage() -> PolicyCoverage? {
        let state = machine.coverageState
        if let known = coverage, known.state == state { return known.value }
        let value = machine.coverage
        coverage = (state, value)
        return value
    }

    /// Records, then sends: nobody is told what could still be lost.
    func flush(_ now: Moment) {
        if !settlements.isEmpty {
            do throws(CoordinatorError) {
                try store.settle(settlements, at: now.wall)
                settlements = []
            } catch {
                logger.error(
                    "what became of triggers could not be recorded; it is tried again",
                    metadata: ["triggers": "\(settlements.count)", "error": "\(error)"])
            }
        }
        for (door, messages) in outgoing {
            let taken = doors[door].send(messages)
            if taken < messages.count {
                // Agents get it again, with a redelivery or a snapshot; a client asks again.
                logger.warning(
                    "messages were dropped: the outbox is full",
                    metadata: ["door": "\(door)", "messages": "\(messages.count - taken)"])
            }
        }
        outgoing = [:]
    }

    private func log(_ note: CoordinatorPresence.Note) {
        switch note {
        case .cameOnline(let agent): logger.notice("an agent is online", metadata: ["agent": "\(agent)"])
        case .wentOffline(let agent):
            logger.warning("an agent is offline", metadata: ["agent": "\(agent)"])
            fail(asks.close(agent: agent), "agent \(agent) went offline; ask again when it is back")
        case .clockSkewed(let agent, let skew):
            logger.warning(
                "an agent's clock is wrong: check its time synchronization",
                metadata: ["agent": "\(agent)", "skew": "\(skew)"])
        case .cloned(let agent):
            logger.error(
                "agent-cloned: two live agents use one key; stop one of them and give it a key of its own",
                metadata: ["agent": "\(agent)"])
        case .cloneGone(let agent):
            logger.notice("an agent's key is used by one agent only again", metadata: ["agent": "\(agent)"])
        case .clockAgrees(let agent): logger.notice("an agent's clock is right again", metadata: ["agent": "\(agent)"])
        }
    }
}
