package import BookendCurl
package import BookendDaemon
package import BookendModel
package import BookendTransport
package import Logging
import ServiceLifecycle

/// Where a coordinator listens.
package struct CoordinatorEndpoints: Hashable, Sendable {
    /// Agents, collectors and operators ask here.
    package var sync: Endpoint
    /// Agents are told here.
    package var broadcast: Endpoint
    /// Operators ask here; a Unix socket needs no key.
    package var control: Endpoint
    /// Who may connect to the Unix socket.
    package var controlAccess: UnixSocketAccess

    package init(
        sync: Endpoint, broadcast: Endpoint, control: Endpoint, controlAccess: UnixSocketAccess = UnixSocketAccess()
    ) {
        self.sync = sync
        self.broadcast = broadcast
        self.control = control
        self.controlAccess = controlAccess
    }
}

/// The running coordinator: opens the sockets, feeds the ``Coordinator``, and closes in order.
package struct CoordinatorService: Sendable {
    private let endpoints: CoordinatorEndpoints
    private let rules: CoordinatorRules
    private let tickInterval: Duration
    private let network: any Network
    private let keys: CurveKeyPair
    private let ownKeyFile: NextKeyFile?
    private let gateKeyFile: NextKeyFile?
    private let keyFile: WatchedKeyFile
    private let enrollment: EnrollmentRules?
    private let store: any PolicyStore
    private let clock: any DaemonClock
    private let deadMan: DeadMan?
    private let logger: Logger

    /// How a coordinator ends.
    package enum Ending: Hashable, Sendable {
        case stopped
        /// It is to be started anew at once, with the key that is in its file now.
        case keyChanged
    }

    /// - Parameters:
    ///   - network: Stopped at the end.
    ///   - ownKeyFile: Where the keys lie; `nil`: they cannot be changed.
    ///   - gateKeyFile: Where the gate's keys lie, once it has some.
    package init(
        endpoints: CoordinatorEndpoints, rules: CoordinatorRules, tickInterval: Duration = .seconds(1),
        network: any Network, keys: CurveKeyPair, ownKeyFile: NextKeyFile? = nil, gateKeyFile: NextKeyFile? = nil,
        keyFile: WatchedKeyFile, enrollment: EnrollmentRules? = nil, store: any PolicyStore, clock: any DaemonClock,
        deadMan: DeadMan? = nil,
        logger: Logger
    ) {
        self.endpoints = endpoints
        self.rules = rules
        self.tickInterval = tickInterval
        self.network = network
        self.keys = keys
        self.ownKeyFile = ownKeyFile
        self.gateKeyFile = gateKeyFile
        self.keyFile = keyFile
        self.enrollment = enrollment
        self.store = store
        self.clock = clock
        self.deadMan = deadMan
        self.logger = logger
    }

    /// Serves until the graceful shutdown of its task, or until its key has changed: then takes no more orders, writes down
    /// what it has heard, and closes the sockets.
    ///
    /// - Parameter ready: Called once everything is listening, with the real endpoints.
    /// - Throws: Also when a door on TCP lets in a key that nobody enrolled: then nothing was served.
    @discardableResult
    package func run(ready: @Sendable (CoordinatorEndpoints) -> Void = { _ in }) async throws -> Ending {
        let doors: Doors
        let coordinator: Coordinator
        let real: CoordinatorEndpoints
        do {
            let access = try store.access()
            var book = PeerBook(recorded: access.peers, tokens: access.tokens)
            book.take(file: keyFile.peers)
            // Before anybody can come: who was revoked may still stand in the file.
            keyFile.ring.replace(with: book)
            doors = try await open()
            coordinator = try Coordinator(
                rules: rules, doors: doors,
                ownKey: OwnKey(keys.publicKey, file: ownKeyFile, gateFile: gateKeyFile), keyFile: keyFile, book: book,
                enrollment: enrollment,
                store: store, clock: clock, logger: logger)
            real = CoordinatorEndpoints(
                sync: doors.sync.endpoint, broadcast: doors.broadcast.endpoint, control: doors.control.endpoint)
            let strangers: [(socket: any MessageSocket, client: SocketPlan.Kind)] = [
                (doors.sync, .dealer), (doors.broadcast, .subscriber(topics: [])), (doors.control, .dealer),
            ]
            try await network.checkThatStrangersAreRefused(at: strangers, server: keys.publicKey)
        } catch {
            await network.stop()
            throw error
        }
        ready(real)
        logger.notice(
            "coordinator is ready",
            metadata: [
                "sync": "\(real.sync)", "broadcast": "\(real.broadcast)", "control": "\(real.control)",
                "version": "\(ProtocolVersion.software)",
            ])
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                group.addTask {
                    while !Task.isCancelled {
                        await coordinator.tick()
                        // Canceled: the loop's condition sees it.
                        try? await clock.sleep(until: clock.now.boot + tickInterval)
                    }
                }
                group.addTask {
                    for await batch in doors.sync.deliveries { await coordinator.takeInTurn(batch, at: .sync) }
                }
                group.addTask {
                    for await batch in doors.broadcast.deliveries {
                        await coordinator.takeInTurn(batch, at: .broadcast)
                    }
                }
                for door in [doors.sync, doors.broadcast, doors.control] {
                    group.addTask { await door.watchPeers(logger) { await coordinator.refuse($0) } }
                }
                if let deadMan { group.addTask { await deadMan.run { try await coordinator.checkThatItWorks() } } }
                group.addTask {
                    for await _ in coordinator.keyChanges {}
                    guard await coordinator.isKeyReplaced else { return }
                    await doors.control.close()
                }
                for await batch in doors.control.deliveries { await coordinator.take(batch, at: .control) }
                // No more orders from here on: the control socket is closed.
                group.cancelAll()
                await coordinator.finish()
                await doors.sync.close()
                await doors.broadcast.close()
            }
        } onGracefulShutdown: {
            Task { await doors.control.close() }  // awaited by the loop over its deliveries, which ends with the socket
        }
        await network.stop()
        logger.notice("coordinator stopped")
        return await coordinator.isKeyReplaced ? .keyChanged : .stopped
    }

    private func open() async throws(TransportError) -> Doors {
        let remote = Guard.curveServer(keys, admitting: keyFile.ring)
        let publisher = SocketPlan.Kind.publisher(welcome: Topic.welcome, authorize: Self.mayHear)
        return Doors(
            sync: try await network.open(SocketPlan(.router, endpoints.sync, remote)),
            broadcast: try await network.open(SocketPlan(publisher, endpoints.broadcast, remote)),
            control: try await network.open(
                SocketPlan(
                    .router, endpoints.control, endpoints.control.isTCP ? remote : .local,
                    access: endpoints.controlAccess)))
    }

    /// An agent hears its own topic only, and nobody else hears any.
    private static let mayHear: @Sendable (PeerIdentity?, Frame) -> Bool = { peer, topic in
        guard let peer, peer.role == .agent else { return false }
        return topic == Frame(Topic.agent(AgentID(rawValue: peer.name)).utf8)
    }
}

/// The coordinator's sockets.
struct Doors: Sendable {
    enum Name: Hashable, Sendable { case sync, broadcast, control }

    let sync: any MessageSocket
    let broadcast: any MessageSocket
    let control: any MessageSocket

    subscript(name: Name) -> any MessageSocket {
        switch name {
        case .sync: sync
        case .broadcast: broadcast
        case .control: control
        }
    }
}
