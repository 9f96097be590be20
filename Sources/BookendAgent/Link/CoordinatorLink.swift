package import BookendDaemon
package import BookendModel
package import BookendTransport
import BookendWire
package import Logging

/// The agent's side of broadcast, sync and ask: carries out what ``AgentSync`` decides.
package actor CoordinatorLink {
    private static let namedJobLimit = 1_000

    private let sync: any MessageSocket
    private let broadcast: any MessageSocket
    private let journal: JournalContents
    private let labels: [String: String]
    private let director: JobDirector
    private let asks: AskServer
    private let clock: any DaemonClock
    private let outboxDepth: @Sendable () -> Int64
    private let logger: Logger
    private var machine: AgentSync
    private var highestJob: JobID
    private var timer: (deadline: BootTime, order: StopOrder)?
    private let timers: AsyncStream<(BootTime, StopOrder)>
    private let timerSender: AsyncStream<(BootTime, StopOrder)>.Continuation

    package init(
        agent: AgentID, labels: [String: String], heartbeat: Duration, sync: any MessageSocket,
        broadcast: any MessageSocket, journal: JournalContents, director: JobDirector, asks: AskServer,
        clock: any DaemonClock, outboxDepth: @escaping @Sendable () -> Int64, logger: Logger
    ) {
        self.sync = sync
        self.broadcast = broadcast
        self.journal = journal
        self.labels = labels
        self.director = director
        self.asks = asks
        self.clock = clock
        self.outboxDepth = outboxDepth
        self.logger = logger
        highestJob = journal.highestJob
        machine = AgentSync(
            agent: agent, heartbeatInterval: heartbeat, generation: journal.generation, policies: journal.policies)
        // Only the newest timer counts.
        (timers, timerSender) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Serves both sockets until they close.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                for await event in self.sync.connectionEvents { await self.connectionChanged(event, "sync") }
            }
            group.addTask {
                for await event in self.broadcast.connectionEvents { await self.connectionChanged(event, "broadcast") }
            }
            group.addTask {
                for await batch in self.broadcast.deliveries { await self.take(batch) }
            }
            group.addTask {
                for await batch in self.sync.deliveries { await self.take(batch) }
                await self.stopTimers()
            }
            for await (deadline, order) in timers {
                group.addTask { await self.wait(until: deadline, unless: order) }
            }
        }
    }

    /// Says hello again on either connection: what was published before the subscription arrived comes with the snapshot.
    private func connectionChanged(_ event: ConnectionEvent, _ socket: String) async {
        switch event {
        case .connected:
            logger.info("connected to the coordinator", metadata: ["socket": "\(socket)"])
            await handle(.connected)
        case .lost(let reason, let retry):
            logger.warning(
                "the coordinator is out of reach",
                metadata: [
                    "socket": "\(socket)", "reason": "\(reason)", "retry_in": "\(retry.map { "\($0)" } ?? "never")",
                ])
            if socket == "sync" { await handle(.lost) }
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
        switch envelope {
        case .syncSnapshot(let snapshot): await handle(.snapshot(snapshot))
        case .policyChange(let change): await handle(.policyChange(change))
        case .trigger(let trigger): await handle(.trigger(trigger))
        case .cancel(let job): await handle(.cancel(job))
        case .heartbeatReply(let reply): await handle(.heartbeatReply(reply))
        case .askCall(let call): await asks.take(call)
        default: throw WireError(.invalid, "a message that a coordinator does not send to an agent")
        }
    }

    private func handle(_ event: AgentSync.Event) async {
        actions: for action in machine.handle(event, at: clock.now.boot) {
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

    private func perform(_ action: AgentSync.Action) async throws(AgentError) {
        switch action {
        case .sendHello:
            send(
                .hello(
                    Hello(
                        incarnation: journal.incarnation, version: ProtocolVersion.software, labels: labels,
                        generation: machine.generation, activeJobs: await namedJobs, highestJob: highestJob,
                        wall: clock.now.wall)))
        case .sendHeartbeat:
            send(
                .heartbeat(
                    Heartbeat(
                        generation: machine.generation, activeJobs: await namedJobs,
                        outboxDepth: outboxDepth(), openDebts: Int64(await director.openDebtCount), wall: clock.now.wall
                    )))
        case .replacePolicies(let policies, let generation):
            try await director.replacePolicies(policies, generation: generation)
        case .changePolicy(let change): try await director.changePolicy(change)
        case .accept(let trigger):
            try await director.accept(trigger)
            highestJob = max(highestJob, trigger.job)
            await handle(.triggerRecorded(trigger.job))
        case .cancel(let job):
            try await director.cancel(job)
            await handle(.cancelRecorded(job))
        case .acknowledgeTrigger(let job): send(.triggerAck(job))
        case .acknowledgeCancel(let job): send(.cancelAck(job))
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
        await handle(.tick)
    }

    private func stopTimers() {
        timer?.order.give()
        timerSender.finish()
    }
}

extension AgentSync.Action {
    fileprivate var changesPolicies: Bool {
        switch self {
        case .replacePolicies, .changePolicy: true
        default: false
        }
    }
}
