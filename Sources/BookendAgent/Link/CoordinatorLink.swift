package import BookendDaemon
package import BookendModel
package import BookendTransport
import BookendWire
package import Logging

/// The agent's side of broadcast, sync and ask: carries out what ``AgentSync`` decides.
///
/// What comes in on two sockets and from the timer is handled one after the other: what an event led to is done before the
/// next one is looked at, also where that waits for the director. Whoever brings an event waits until it is done, so that
/// at most one event of each source waits.
package actor CoordinatorLink {
    private enum Input: Sendable {
        case connection(ConnectionEvent, socket: String)
        case deliveries([Delivery])
        case jobEnded
        case tick
    }

    private static let namedJobLimit = 1_000

    private let sync: any MessageSocket
    private let broadcast: any MessageSocket
    private let server: KnownServer
    private let journal: JournalContents
    private let labels: [String: String]
    private let timeZone: String
    private let director: JobDirector
    private let asks: AskServer
    private let surveyor: ScriptSurveyor
    private let clock: any DaemonClock
    private let outboxDepth: @Sendable () -> Int64
    private let heard: @Sendable () -> Void
    private let logger: Logger
    private var machine: AgentSync
    /// Tells this process from the one before and from a clone.
    private let instance = UInt64.random(in: 1 ... .max)
    /// The coordinator's epoch of the latest snapshot.
    private var epoch: UInt64
    private var isHandling = false
    /// Those who brought an event while another one is handled, in order.
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var timer: (deadline: BootTime, order: StopOrder)?
    private let timers: AsyncStream<(BootTime, StopOrder)>
    private let timerSender: AsyncStream<(BootTime, StopOrder)>.Continuation
    private let jobEnds: AsyncStream<Void>
    private let jobEndSender: AsyncStream<Void>.Continuation

    package init(
        agent: AgentID, labels: [String: String], timeZone: String, heartbeat: Duration, sync: any MessageSocket,
        broadcast: any MessageSocket, server: KnownServer, journal: JournalContents, director: JobDirector,
        asks: AskServer, surveyor: ScriptSurveyor,
        clock: any DaemonClock, outboxDepth: @escaping @Sendable () -> Int64,
        heard: @escaping @Sendable () -> Void = {}, logger: Logger
    ) {
        self.sync = sync
        self.broadcast = broadcast
        self.server = server
        self.journal = journal
        self.labels = labels
        self.timeZone = timeZone
        self.director = director
        self.asks = asks
        self.surveyor = surveyor
        self.clock = clock
        self.outboxDepth = outboxDepth
        self.heard = heard
        self.logger = logger
        epoch = journal.coordinatorEpoch
        machine = AgentSync(
            agent: agent, heartbeatInterval: heartbeat, generation: journal.generation, policies: journal.policies)
        // Only the newest timer counts.
        (timers, timerSender) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (jobEnds, jobEndSender) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Serves both sockets until they close.
    package func run() async {
        await director.tellEnds(to: jobEndSender)
        await withDiscardingTaskGroup { group in
            group.addTask {
                for await _ in self.jobEnds { await self.bring(.jobEnded) }
            }
            group.addTask {
                for await event in self.sync.connectionEvents { await self.bring(.connection(event, socket: "sync")) }
            }
            group.addTask {
                for await event in self.broadcast.connectionEvents {
                    await self.bring(.connection(event, socket: "broadcast"))
                }
            }
            group.addTask {
                for await batch in self.broadcast.deliveries { await self.bring(.deliveries(batch)) }
            }
            group.addTask {
                for await batch in self.sync.deliveries { await self.bring(.deliveries(batch)) }
                await self.stopWaiting()
            }
            for await (deadline, order) in timers {
                group.addTask { await self.wait(until: deadline, unless: order) }
            }
        }
    }

    /// Handles the input after those that came before it, and returns when that is done.
    private func bring(_ input: Input) async {
        // The one before hands over: nobody gets in between.
        if isHandling { await withCheckedContinuation { waiting.append($0) } }
        isHandling = true
        switch input {
        case .connection(let event, let socket): await connectionChanged(event, socket)
        case .deliveries(let batch): await take(batch)
        case .jobEnded: await handle(.jobEnded)
        case .tick: await handle(.tick)
        }
        if waiting.isEmpty { isHandling = false } else { waiting.removeFirst().resume() }
    }

    /// Says hello again on either connection: what was published before the subscription arrived comes with the snapshot.
    private func connectionChanged(_ event: ConnectionEvent, _ socket: String) async {
        switch event {
        case .connected:
            logger.info("connected to the coordinator", metadata: ["socket": "\(socket)"])
            noteServerKey((socket == "sync" ? sync : broadcast).statistics.serverKey)
            await handle(.connected)
        case .lost(let reason, let retry):
            logger.warning(
                "the coordinator is out of reach",
                metadata: [
                    "socket": "\(socket)", "reason": "\(reason)", "retry_in": "\(retry.map { "\($0)" } ?? "never")",
                ])
            if socket == "sync" { await handle(.lost) }
        case .fault, .turnedAway: break  // only on a server
        }
    }

    private func take(_ batch: [Delivery]) async {
        for delivery in batch {
            // The last frame is the payload; a published message has its topic before it.
            guard let frame = delivery.message?.frames.last, delivery.message?.frames != [Topic.welcome] else {
                continue
            }
            do {
                try await take(Wire.decode(frame))
            } catch let error as WireError {
                logger.warning("a message of the coordinator cannot be read", metadata: ["error": "\(error)"])
            } catch {
                logger.error("a message of the coordinator could not be obeyed", metadata: ["error": "\(error)"])
            }
        }
    }

    private func take(_ envelope: Envelope) async throws {
        heard()
        switch envelope {
        case .syncSnapshot(let snapshot):
            try await learn(snapshot.nextKey)
            await handle(.snapshot(snapshot))
        case .policyChange(let change): await handle(.policyChange(change))
        case .trigger(let trigger): await handle(.trigger(trigger))
        case .cancel(let job): await handle(.cancel(job))
        case .slotChange(let change): await handle(.slotChange(change))
        case .helloLater(let delay): await handle(.helloLater(delay))
        case .heartbeatReply(let reply):
            try await learn(reply.nextKey)
            await handle(.heartbeatReply(reply))
        case .askCall(let call): await asks.take(call)
        default: throw WireError(.invalid, "a message that a coordinator does not send to an agent")
        }
    }

    // MARK: The coordinator's key

    private func noteServerKey(_ key: CurveKey?) {
        do throws(TransportError) {
            guard try server.noteUse(of: key) else { return }
            logger.notice("the coordinator has a new key", metadata: ["key": "\(server.newest)"])
        } catch {
            // Both stay until it tells more.
            logger.error("the coordinator's new key could not be written down", metadata: ["error": "\(error)"])
        }
    }

    /// Written down first, then the coordinator hears at once that this agent knows it.
    private func learn(_ next: PublicKey?) async throws(AgentError) {
        do throws(TransportError) {
            guard try server.learn(next, over: sync.statistics.serverKey) else { return }
        } catch {
            return logger.error(
                "the coordinator's next key could not be written down", metadata: ["error": "\(error)"])
        }
        logger.notice(
            "the coordinator told of its next key", metadata: ["key": "\(next.map { "\($0)" } ?? "none")"])
        try await perform(.sendHeartbeat)
    }

    private func handle(_ event: AgentSync.Event) async {
        let before = machine.goneAt
        let actions = machine.handle(event, at: clock.now.boot)
        // First: what is held back from here on waits for a coordinator that is there.
        if let gone = machine.goneAt, gone != before { await director.coordinatorGoes(at: gone) }
        actions: for action in actions {
            do throws(AgentError) {
                try await perform(action)
            } catch {
                // Nothing is acknowledged: it comes again.
                logger.error("an order could not be recorded", metadata: ["error": "\(error)"])
                if action.changesPolicies {
                    // What follows of this list was meant for the new policies.
                    _ = machine.handle(.policiesNotRecorded, at: clock.now.boot)  // It leads to nothing but a timer.
                    break actions
                }
            }
        }
        setTimer()
    }

    private func surveys() async -> [PolicyName: ScriptSurvey]? {
        surveyor.surveys(of: await director.policyRevisions, at: clock.now)
    }

    private func perform(_ action: AgentSync.Action) async throws(AgentError) {
        switch action {
        case .sendHello:
            let known = try await director.knownJobs()
            var hello = Hello(
                incarnation: journal.incarnation, version: ProtocolVersion.software, labels: labels,
                generation: machine.generation, activeJobs: await namedJobs,
                highestJob: await director.highestJob, wall: clock.now.wall, instance: instance,
                coordinatorEpoch: epoch, knownJobs: known.jobs, knowsSince: known.since, timeZone: timeZone)
            hello.serverKey = server.newest
            send(.hello(hello))
        case .sendHeartbeat:
            var heartbeat = Heartbeat(
                generation: machine.generation, activeJobs: await namedJobs, outboxDepth: outboxDepth(),
                openDebts: Int64(await director.openDebtCount), wall: clock.now.wall, instance: instance,
                goodBackups: await director.lastGoodBackups)
            heartbeat.serverKey = server.newest
            heartbeat.scripts = await surveys()
            heartbeat.journalProblem = await director.journalProblem
            send(.heartbeat(heartbeat))
        case .replacePolicies(let policies, let generation, let slots, let epoch):
            try await director.replacePolicies(policies, generation: generation, slots: slots, epoch: epoch)
            self.epoch = epoch
            _ = await surveys()  // The next heartbeat tells what is found now.
        case .changeSlots(let slots, let withdrawn): try await director.changeSlots(slots, withdrawn: withdrawn)
        case .changePolicy(let change):
            try await director.changePolicy(change)
            _ = await surveys()  // The same.
        case .accept(let trigger):
            guard try await director.accept(trigger) else {
                guard try await director.has(trigger.job) else {
                    logger.warning(
                        "this start was begun under another id; the coordinator is told",
                        metadata: ["job.id": "\(trigger.job)", "policy": "\(trigger.policy)"])
                    return await handle(.triggerIsBegun(trigger.job))
                }
                logger.error(
                    "the journal has another job by this id; the coordinator is told",
                    metadata: ["job.id": "\(trigger.job)", "policy": "\(trigger.policy)"])
                return await handle(.triggerConflicts(trigger.job))
            }
            await handle(.triggerRecorded(trigger.job))
        case .cancel(let job):
            try await director.cancel(job)
            await handle(.cancelRecorded(job))
        case .acknowledgeTrigger(let job): send(.triggerAck(job))
        case .acknowledgeCancel(let job): send(.cancelAck(job))
        case .reportConflict(let job): send(.triggerConflict(job))
        case .ignoreForeignTrigger(let trigger):
            logger.error(
                "a trigger for another agent came and was not obeyed",
                metadata: ["job.id": "\(trigger.job)", "agent": "\(trigger.agent)"])
        }
    }

    /// The jobs that a message names: the oldest, so that a long queue never makes it too large to be read.
    private var namedJobs: [ActiveJob] {
        get async { Array(await director.activeJobs.prefix(Self.namedJobLimit)) }
    }

    /// What does not fit in the outbox is lost like anything else on the wire, and repaired by the next hello.
    private func send(_ envelope: Envelope) {
        sync.send([Wire.encode(envelope)], to: nil)
    }

    // MARK: The timer

    private func setTimer() {
        let deadline = machine.nextDeadline
        guard timer?.deadline != deadline else { return }
        timer?.order.give()
        timer = nil
        guard let deadline else { return }
        let order = StopOrder()
        timer = (deadline, order)
        timerSender.yield((deadline, order))
    }

    private func wait(until deadline: BootTime, unless order: StopOrder) async {
        guard await clock.sleep(until: deadline, unless: order) else { return }
        timer = nil
        await bring(.tick)
    }

    private func stopWaiting() {
        timer?.order.give()
        timerSender.finish()
        jobEndSender.finish()
    }
}

extension AgentSync.Action {
    fileprivate var changesPolicies: Bool {
        switch self {
        case .replacePolicies, .changePolicy, .changeSlots: true
        default: false
        }
    }
}
