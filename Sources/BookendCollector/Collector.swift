import BookendCalendar
package import BookendCurl
package import BookendDaemon
package import BookendFiles
import BookendModel
package import BookendTransport
package import Logging
import ServiceLifecycle

/// The collector: takes reports, stores and folds them, publishes the feed, answers queries.
///
/// Its sockets close in the order in which they stand in ``run()``: intake first, then everything that reads what it stored.
package struct Collector {
    /// How long the position of a stream is kept that nothing was heard of.
    private static let streamRetention = Duration.seconds(90 * 86_400)

    private let configuration: CollectorConfiguration
    private let network: any Network
    private let keys: CurveKeyPair
    private let ownKeyFile: NextKeyFile?
    private let servers: KnownServers
    private let ring: KeyRing
    private let store: any ReportStore
    /// When each agent was last heard, and its active jobs.
    package let lastHeard = LastHeard()
    private let clock: any DaemonClock
    private let rosterInterval: Duration
    private let silenceInterval: Duration
    private let deadMan: DeadMan?
    private let alertStore: (any AlertStore & ReportStore)?
    private let alertInterval: Duration
    private let channelPace: ChannelService.Pace
    private let doors: @Sendable (ChannelConfiguration, any DaemonClock) -> any ChannelSending
    private let zones: any ZoneCatalog = TimeZones()
    private let logger: Logger

    /// - Parameters:
    ///   - ownKeyFile: Where the keys lie; `nil`: they cannot be changed.
    ///   - servers: What is known of the coordinator's key.
    ///   - rosterInterval: How often the coordinator is asked for its triggers.
    ///   - silenceInterval: How often jobs are looked for that nobody speaks of any more.
    ///   - alerts: The same store, which keeps alerts too; `nil`: no alerts are judged.
    ///   - alertInterval: How often what was stored is judged.
    ///   - channelPause: After a try that failed, at first.
    ///   - doors: The ways out; `nil`: the network's.
    package init(
        configuration: CollectorConfiguration, network: any Network, keys: CurveKeyPair,
        ownKeyFile: NextKeyFile? = nil, servers: KnownServers = KnownServers(), ring: KeyRing, store: any ReportStore,
        alerts: (any AlertStore & ReportStore)? = nil, clock: any DaemonClock,
        rosterInterval: Duration = .seconds(1), silenceInterval: Duration = .seconds(5),
        alertInterval: Duration = .seconds(2), channelPause: Duration = .seconds(5), deadMan: DeadMan? = nil,
        doors: (@Sendable (ChannelConfiguration, any DaemonClock) -> any ChannelSending)? = nil, logger: Logger
    ) {
        self.doors = doors ?? { ChannelDoor(channel: $0, clock: $1) }
        alertStore = alerts
        self.alertInterval = alertInterval
        channelPace = ChannelService.Pace(first: channelPause, look: min(alertInterval, .seconds(2)))
        self.configuration = configuration
        self.network = network
        self.keys = keys
        self.ownKeyFile = ownKeyFile
        self.servers = servers
        self.ring = ring
        self.store = store
        self.clock = clock
        self.rosterInterval = rosterInterval
        self.silenceInterval = silenceInterval
        self.deadMan = deadMan
        self.logger = logger
    }

    /// How a collector ends.
    package enum Ending: Hashable, Sendable {
        case stopped
        /// It is to be started anew at once, with the key that is in its file now.
        case keyChanged
    }

    /// Serves until the graceful shutdown of its task, or until its key has changed.
    ///
    /// - Throws: Also when a door on TCP lets in a key that nobody enrolled: then nothing was served.
    @discardableResult
    package func run() async throws -> Ending {
        // Before anybody can come: who was revoked may still stand in the key file.
        let admitted = AdmittedPeers(ring: ring, recorded: try store.peers().peers, logger: logger)
        let ownKey = try OwnKey(
            keys.publicKey, file: ownKeyFile, ring: ring, hasCoordinator: configuration.coordinator != nil,
            logger: logger)
        let remote = Guard.curveServer(keys, admitting: ring)
        let intakeSocket = try await network.open(SocketPlan(.router, Endpoint(configuration.intake), remote))
        let feedKind = SocketPlan.Kind.publisher(welcome: Topic.welcome, authorize: Feed.authorize)
        let access = UnixSocketAccess(configuration.socket)
        let feeds = [
            try await network.open(SocketPlan(feedKind, Endpoint(configuration.feed), remote)),
            try await network.open(SocketPlan(feedKind, Endpoint(configuration.localFeed), .local, access: access)),
        ]
        let queryEndpoint = try Endpoint(configuration.query)
        let querySocket = try await network.open(
            SocketPlan(.router, queryEndpoint, queryEndpoint.isTCP ? remote : .local, access: access))
        do {
            let doors: [(socket: any MessageSocket, client: SocketPlan.Kind)] = [
                (intakeSocket, .dealer), (feeds[0], .subscriber(topics: [])), (querySocket, .dealer),
            ]
            try await network.checkThatStrangersAreRefused(at: doors, server: keys.publicKey)
        } catch {
            await network.stop()
            throw error
        }
        do throws(CollectorError) {
            try store.passOverCursors()
        } catch {
            logger.warning(
                """
                the database could not be written at the start: is the disk full? Should it be a copy of an earlier one, \
                subscribers may miss entries until the collector is started again
                """,
                metadata: ["error": "\(error)"])
        }
        let refusals = RefusalCounter(clock: clock, logger: logger)
        let intake = try IntakeService(
            socket: intakeSocket, ring: ring, ownKey: ownKey, refusals: refusals, store: store,
            feed: Feed(publishers: feeds),
            heard: lastHeard,
            clock: clock,
            logger: logger)
        admitted.guards([intakeSocket, querySocket] + feeds)
        let roster = try await openRoster(intake, admitted, ownKey, refusals)
        let board = ChannelBoard(configuration.channels)
        let desk = try alertDesk(board)
        let daily = try dailyReport()
        let queries = QueryService(
            socket: querySocket, ring: ring, ownKey: ownKey, refusals: refusals, store: store, roster: roster?.service,
            alerts: desk,
            clock: clock, logger: logger)
        logger.notice(
            "collector is ready",
            metadata: [
                "intake": "\(intakeSocket.endpoint)", "feed": "\(feeds[0].endpoint)",
                "query": "\(querySocket.endpoint)",
                "version": "\(ProtocolVersion.software)",
            ])
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                group.addTask { await queries.run() }
                for socket in [intakeSocket, querySocket] + feeds {
                    group.addTask { await socket.watchPeers(logger) { refusals.note($0) } }
                }
                group.addTask { await refusals.run() }
                group.addTask { await prune(intake) }
                group.addTask { await silence(intake).run() }
                if let desk {
                    group.addTask { await desk.service.run() }
                    if let daily { group.addTask { await daily.run() } }
                    for channel in channels(desk) { group.addTask { await channel.run() } }
                }
                if let deadMan { group.addTask { await deadMan.run { try await intake.checkThatItWorks() } } }
                if let roster { group.addTask { await roster.service.run() } }
                group.addTask {
                    for await _ in ownKey.changes {}
                    guard ownKey.isReplaced else { return }
                    await intake.stop()
                }
                await intake.run()
                group.cancelAll()
                await roster?.socket.close()
                await querySocket.close()
                for feed in feeds { await feed.close() }
            }
        } onGracefulShutdown: {
            // Awaited by the intake's loop, which ends with the socket; nobody cancels it.
            Task { await intake.stop() }
        }
        await network.stop()
        logger.notice("collector stopped")
        return ownKey.isReplaced ? .keyChanged : .stopped
    }

    private func silence(_ intake: IntakeService) -> SilenceService {
        var rules = SilenceRules()
        rules.lostAfter = configuration.agentLostAfter
        rules.missedAfter = configuration.missedAfter
        return SilenceService(
            store: store, intake: intake, heard: lastHeard, rules: rules, interval: silenceInterval, clock: clock,
            logger: logger)
    }

    private func alertDesk(_ board: ChannelBoard) throws(CollectorError) -> AlertDesk? {
        guard let alertStore else { return nil }
        let routing = AlertRouting(
            channels: configuration.channels, routes: configuration.routes, epoch: try store.epoch())
        let labels = AgentLabels(ring: ring)
        let watch = FleetWatch(
            rules: configuration.alerts, objectives: configuration.objectives, heard: lastHeard, labels: labels,
            startedAt: clock.now.boot, interval: max(alertInterval, min(.seconds(60), alertInterval * 30)))
        let service = try AlertService(
            store: alertStore, routing: routing, watch: watch, labels: labels, rules: configuration.alerts,
            interval: alertInterval, clock: clock, logger: logger)
        return AlertDesk(
            service: service, store: alertStore, board: board, objectives: configuration.objectives, labels: labels,
            heard: lastHeard)
    }

    /// - Throws: When there is no such time zone.
    private func dailyReport() throws(CollectorError) -> DailyReport? {
        guard let alertStore else { return nil }
        var channels: [(String, TimeOfDay, any ZoneRules)] = []
        for channel in configuration.channels {
            guard case .mail(let mail) = channel.kind, let report = mail.report else { continue }
            guard let zone = zones.rules(of: report.zone) else {
                throw CollectorError(
                    .configuration,
                    "channel \(channel.name): there is no time zone '\(report.zone)'; write report_timezone: Europe/Berlin, "
                        + "or UTC")
            }
            channels.append((channel.name, report.at, zone))
        }
        return DailyReport(
            channels: channels, store: alertStore, objectives: configuration.objectives,
            labels: AgentLabels(ring: ring), heard: lastHeard,
            prefix: String(try store.epoch(), radix: 36), interval: min(.seconds(60), alertInterval * 30), clock: clock,
            logger: logger)
    }

    private func channels(_ desk: AlertDesk) -> [ChannelService] {
        configuration.channels.map { channel in
            ChannelService(
                name: channel.name, door: doors(channel, clock), store: desk.store, board: desk.board,
                pace: channelPace,
                clock: clock, logger: logger)
        }
    }

    private func openRoster(
        _ intake: IntakeService, _ admitted: AdmittedPeers, _ ownKey: OwnKey, _ refusals: RefusalCounter
    ) async throws -> (service: RosterService, socket: any MessageSocket)? {
        guard let coordinator = configuration.coordinator else { return nil }
        let place = CollectorPlace(
            intake: configuration.advertise.intake, feed: configuration.advertise.feed,
            query: configuration.advertise.query)
        let server = servers.server(try CurveKey(coordinator.publicKey))
        let socket = try await network.open(
            SocketPlan(
                .dealer, Endpoint(coordinator.sync), .curveClient(ClientKeys(keys), server: server.keys)))
        return (
            try RosterService(
                socket: socket, server: server, ownKey: ownKey, store: store, intake: intake, admitted: admitted,
                refusals: refusals, place: place, alerts: alertStore,
                interval: rosterInterval,
                heard: lastHeard,
                clock: clock, logger: logger),
            socket
        )
    }

    /// Removes what is older than it is kept, in small steps, each hour.
    private func prune(_ intake: IntakeService) async {
        var isFirst = true
        while !Task.isCancelled {
            let now = clock.now.wall
            do throws(CollectorError) {
                while !Task.isCancelled,
                    try store.prune(
                        reportsBefore: now - configuration.retention.reports,
                        jobsBefore: now - configuration.retention.jobs, limit: 1_000)
                {}
                while !Task.isCancelled,
                    try alertStore?.pruneAlerts(
                        resolvedBefore: now - configuration.retention.reports, limit: 100) ?? false
                {}
                // Not at the start: a collector that was off for long has not heard of anyone yet.
                if !isFirst {
                    try await intake.pruneStreams(now: now, unheardSince: now - Self.streamRetention)
                }
                isFirst = false
            } catch {
                logger.error("what is old could not be removed", metadata: ["error": "\(error)"])
            }
            // Canceled: the loop's condition sees it.
            try? await clock.sleep(until: clock.now.boot + .seconds(3_600))
        }
    }
}

extension UnixTime {
    fileprivate static func - (time: UnixTime, duration: Duration) -> UnixTime {
        UnixTime(milliseconds: time.milliseconds.subtractingSaturating(duration.milliseconds))
    }
}
