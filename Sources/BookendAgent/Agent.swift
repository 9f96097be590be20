package import BookendDaemon
package import BookendFiles
import BookendModel
package import BookendTransport
package import Logging
import ServiceLifecycle

/// The agent: its journal, its links, its jobs, put together.
///
/// On a graceful shutdown jobs end first (engines are stopped, owed post-scripts run), then reports are flushed as far as
/// can be, then the sockets close. A drain lets engines go on to their ends before that.
package struct Agent {
    /// How long a stopping agent waits for its collectors.
    private static let flushPatience = Duration.seconds(5)
    /// How long reports and finished jobs stay in the journal after they are acknowledged.
    private static let journalRetention = Duration.seconds(14 * 86_400)

    private let configuration: AgentConfiguration
    private let network: any Network
    private let keys: AgentKeys
    private let servers: KnownServers
    private let journal: any Journal
    private let clock: any DaemonClock
    private let server: (any AgentServer)?
    private let slotPause: Duration
    private let drainOrder: StopOrder
    private let ready: @Sendable () -> Void
    private let logger: Logger

    /// - Parameters:
    ///   - servers: What is known of the keys of the coordinator and the collectors.
    ///   - server: `nil`: this machine.
    ///   - slotPause: Slots are looked at again after so long at the latest: the wall clock may have been set.
    ///   - drainOrder: Given when the agent is to stop once the attempts that are under way have ended by themselves.
    ///   - ready: Called once debts are being paid and orders are taken.
    package init(
        configuration: AgentConfiguration, network: any Network, keys: AgentKeys,
        servers: KnownServers = KnownServers(), journal: any Journal, clock: any DaemonClock,
        server: (any AgentServer)? = nil, slotPause: Duration = .seconds(30), drainOrder: StopOrder = StopOrder(),
        ready: @escaping @Sendable () -> Void = {}, logger: Logger
    ) {
        self.slotPause = slotPause
        self.configuration = configuration
        self.network = network
        self.keys = keys
        self.servers = servers
        self.journal = journal
        self.clock = clock
        self.server = server
        self.drainOrder = drainOrder
        self.ready = ready
        self.logger = logger
    }

    package func run() async throws {
        let contents = try journal.load()
        let collectors = try await openCollectors(contents)
        let server = try server ?? ThisServer(configuration, clock: clock, freeSpace: journal.releaseReserve)
        let ended = await server.endLeftovers()
        if !ended.isEmpty {
            logger.warning(
                "ended what an agent that died had left running",
                metadata: ["processes": "\(ended.joined(separator: ", "))"])
        }
        let director = JobDirector(
            jobLimit: configuration.limits.jobs, contents: contents,
            slotRules: SlotBook.Rules(grace: configuration.autonomy.grace, splay: configuration.autonomy.splay),
            slotPause: slotPause,
            surroundings: JobDirector.Surroundings(
                agent: configuration.id, journal: journal, stages: server.stages, clock: clock,
                reported: { number in for collector in collectors { collector.link.appended(through: number) } },
                progressed: { progress in for collector in collectors { collector.link.send(progress) } },
                logger: logger))
        // Before anyone can order anything: debts are paid first.
        try await director.recover(contents)
        let isolation = configuration.onIsolation.map {
            IsolationGuard(
                command: $0.command, patience: $0.after, contents: contents, journal: journal, clock: clock,
                logger: logger)
        }
        let coordinator = try await openCoordinator(contents, director, isolation, collectors.map(\.link), server)
        logger.notice(
            "agent is ready",
            metadata: [
                "agent": "\(configuration.id)", "coordinator": "\(configuration.coordinator.sync)",
                "jobs_taken_up": "\(contents.unfinishedJobs.count)", "version": "\(softwareVersion)",
            ])
        ready()
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                for collector in collectors {
                    group.addTask {
                        await collector.link.run(beaconEvery: configuration.heartbeat) { await director.activeJobs }
                    }
                }
                group.addTask { await coordinator.link.run() }
                group.addTask {
                    let sockets = coordinator.sockets + collectors.map(\.socket)
                    await keys.change(on: sockets, clock: clock, logger: logger)
                }
                group.addTask { await tidy(server, collectors.map(\.link)) }
                group.addTask { await director.runSlots() }
                group.addTask {
                    await drainOrder.wait()
                    guard drainOrder.isGiven else { return }
                    logger.notice("agent drains: what runs goes on to its end, nothing new begins")
                    await director.drain()
                }
                if let isolation { group.addTask { await isolation.run() } }
                await director.run()
                await withTaskGroup(of: Void.self) { flushes in
                    let deadline = clock.now.boot + Self.flushPatience
                    for collector in collectors { flushes.addTask { await collector.link.flush(until: deadline) } }
                }
                await coordinator.close()
                for collector in collectors { await collector.socket.close() }
                group.cancelAll()
            }
        } onGracefulShutdown: {
            Task { await director.shutDown() }  // awaited by `director.run()`, which returns once it is done
        }
        await network.stop()
        logger.notice("agent stopped", metadata: ["agent": "\(configuration.id)"])
    }

    private func openCollectors(
        _ contents: JournalContents
    ) async throws -> [(link: CollectorLink, socket: any MessageSocket)] {
        var collectors: [(link: CollectorLink, socket: any MessageSocket)] = []
        for collector in configuration.collectors {
            let server = servers.server(try CurveKey(collector.publicKey))
            let socket = try await network.open(
                SocketPlan(.dealer, Endpoint(collector.intake), .curveClient(keys.client, server: server.keys)))
            let link = CollectorLink(
                name: collector.publicKey, socket: socket, server: server, journal: journal, contents: contents,
                clock: clock,
                logger: logger)
            collectors.append((link, socket))
        }
        return collectors
    }

    private struct CoordinatorConnection {
        var link: CoordinatorLink
        var asks: AskServer
        var sockets: [any MessageSocket]

        func close() async {
            await asks.stop()
            for socket in sockets { await socket.close() }
        }
    }

    private func openCoordinator(
        _ contents: JournalContents, _ director: JobDirector, _ isolation: IsolationGuard?,
        _ collectors: [CollectorLink], _ server: any AgentServer
    ) async throws -> CoordinatorConnection {
        let known = servers.server(try CurveKey(configuration.coordinator.publicKey))
        let protection = Guard.curveClient(keys.client, server: known.keys)
        let topic = Array(Topic.agent(configuration.id).utf8)
        let broadcast = try await network.open(
            SocketPlan(
                .subscriber(topics: [topic, Topic.welcome]), Endpoint(configuration.coordinator.broadcast), protection))
        let sync = try await network.open(
            SocketPlan(.dealer, Endpoint(configuration.coordinator.sync), protection))
        let asks = AskServer(
            answering: KeyAnswers(keys: keys, others: server.answering(for: director)), socket: sync, clock: clock,
            logger: logger)
        let link = CoordinatorLink(
            agent: configuration.id, labels: configuration.labels, timeZone: MachineZone.name(),
            heartbeat: configuration.heartbeat, sync: sync,
            broadcast: broadcast, server: known, journal: contents, director: director, asks: asks,
            surveyor: ScriptSurveyor(server: server), clock: clock,
            outboxDepth: { Int64(collectors.map(\.depth).max() ?? 0) }, heard: { isolation?.hear() }, logger: logger)
        return CoordinatorConnection(link: link, asks: asks, sockets: [sync, broadcast])
    }

    /// Removes what is older than it is kept, each hour.
    private func tidy(_ server: any AgentServer, _ collectors: [CollectorLink]) async {
        while !Task.isCancelled {
            do throws(AgentError) {
                let now = clock.now.wall
                let pruned = try journal.prune(
                    before: UnixTime(milliseconds: now.milliseconds - Self.journalRetention.milliseconds),
                    collectors: configuration.collectors.map(\.publicKey))
                for collector in collectors { collector.pruned(through: pruned) }
            } catch {
                logger.error("the journal could not be tidied", metadata: ["error": "\(error)"])
            }
            server.tidy()
            // Canceled: the loop's condition sees it.
            try? await clock.sleep(until: clock.now.boot + .seconds(3_600))
        }
    }
}
