import BookendAgent
import BookendCollector
import BookendCoordinator
import BookendDaemon
import BookendFiles
import BookendModel
import BookendTransport
import Logging

/// A whole fleet under one seed: its machines, its network, its processes, its people, and what really happened.
final class World: @unchecked Sendable {
    static let coordinatorIdentity = PeerIdentity(role: .coordinator, name: "main")
    static let collectorIdentity = PeerIdentity(role: .collector, name: "main")
    static let operatorIdentity = PeerIdentity(role: .operator, name: "alice")
    static let subscriberIdentity = PeerIdentity(role: .subscriber, name: "board")

    let seed: UInt64
    let keys: FleetKeys
    let timeline = Timeline()
    private(set) var network: FaultyNetwork!
    private(set) var hosts: [AgentHost] = []
    private(set) var agents: [SimulatedProcess] = []
    private(set) var coordinator: SimulatedProcess!
    private(set) var collector: SimulatedProcess!
    let coordinatorMachine: Machine
    let collectorMachine: Machine
    let coordinatorDisk = Disk()
    let collectorDisk = Disk()
    let policyStore = InMemoryPolicyStore()
    let reportStore = InMemoryReportStore()
    private(set) var person: Operator!
    private(set) var subscriber: Subscriber!
    /// All that may be applied.
    let policies: [Policy]
    private(set) var violations: [String] = []
    /// States that went back in time, in order.
    var restores: [Restore] = []
    /// By the agent whose they are.
    var clones: [Int: Clone] = [:]
    /// What happened, for people; `nil`: nobody reads it.
    private(set) var story: [String]?
    var deaths: Int { ([coordinator, collector].compactMap(\.self) + agents).reduce(0) { $0 + $1.deaths } }

    /// Faults strike.
    var isFaulty = true
    /// Nothing starts any more.
    var isOver = false
    private var processes: [PeerIdentity: SimulatedProcess] = [:]
    private var numbers: [PeerIdentity: Int64] = [:]

    let limits: FleetLimits
    /// Everything goes well, and alerts are judged; `nil`: as the seed has it, and nobody is told.
    let quiet: QuietChannel?

    init(seed: UInt64, agents count: Int, keys: FleetKeys, tellsStory: Bool, quiet: QuietChannel? = nil) {
        self.seed = seed
        self.quiet = quiet
        limits = quiet == nil ? FleetLimits(seed) : .none
        self.keys = keys
        story = tellsStory ? [] : nil
        coordinatorMachine = Machine(timeline)
        collectorMachine = Machine(timeline)
        policies = Workload.policies(seed)
        network = FaultyNetwork(self)
        hosts = (0..<count).map { AgentHost(index: $0, world: self) }
        coordinator = SimulatedProcess(.coordinator, Self.coordinatorIdentity, coordinatorMachine, self) {
            [unowned self] in try await runCoordinator($0)
        }
        collector = SimulatedProcess(.collector, Self.collectorIdentity, collectorMachine, self) {
            [unowned self] in try await runCollector($0)
        }
        agents = hosts.map { host in
            SimulatedProcess(
                .agent(host.index), PeerIdentity(role: .agent, name: host.id.rawValue), host.machine, self
            ) { [unowned self] in try await runAgent(host, $0) }
        }
        for (number, process) in ([coordinator, collector] + agents).enumerated() {
            processes[process!.identity] = process
            numbers[process!.identity] = Int64(number)
        }
        person = Operator(self)
        subscriber = Subscriber(self)
    }

    func policy(_ name: PolicyName) -> Policy? { policies.first { $0.name == name } }

    func process(_ target: Target) -> SimulatedProcess {
        switch target {
        case .coordinator: coordinator
        case .collector: collector
        case .agent(let index): agents[index]
        }
    }

    func process(_ identity: PeerIdentity?) -> SimulatedProcess? { identity.flatMap { processes[$0] } }
    func isCloned(_ identity: PeerIdentity?) -> Bool {
        !clones.isEmpty && clones.values.contains { $0.process.identity == identity }
    }

    func number(_ identity: PeerIdentity?) -> Int64 { identity.flatMap { numbers[$0] } ?? -1 }

    func disk(_ target: Target) -> Disk {
        switch target {
        case .coordinator: coordinatorDisk
        case .collector: collectorDisk
        case .agent(let index): hosts[index].disk
        }
    }

    // MARK: What happened

    /// By the right time.
    func hasCome(_ slot: Trigger) -> Bool { slot.scheduledStart.milliseconds - Machine.epoch <= timeline.now }

    func note(_ who: @autoclosure () -> String, _ what: @autoclosure () -> String) {
        guard story != nil else { return }
        story?.append("\(Clock.text(timeline.now)) \(who()): \(what())")
    }

    func violate(_ what: String) {
        note("VIOLATION", what)
        if violations.count < 20 { violations.append("\(Clock.text(timeline.now)) \(what)") }
    }

    private func logger(_ name: String, _ life: Life) -> Logger {
        guard story != nil else {
            var logger = Logger(label: name) { _ in SwiftLogNoOpLogHandler() }
            logger.logLevel = .critical
            return logger
        }
        return Logger(label: name) { _ in StoryLog(name: name, life: life, world: self) }
    }

    // MARK: Processes

    static let sync = "tcp://127.0.0.1:7500"
    static let broadcast = "tcp://127.0.0.1:7501"
    static let control = "ipc:///sim/control"
    static let intake = "tcp://127.0.0.1:7510"
    static let feed = "tcp://127.0.0.1:7511"
    static let query = "ipc:///sim/query"
    static let localFeed = "ipc:///sim/feed"
    /// Long, as what a quiet fleet says costs most of the time of a history.
    static let heartbeat = Duration.seconds(1_800)

    private static let broadcasts = [broadcast, feed, localFeed].compactMap { try? Endpoint($0) }  // Written above.
    private static let coordinatorPlaces = [sync, broadcast, control].compactMap { try? Endpoint($0) }  // As well.

    func isBroadcast(_ endpoint: Endpoint) -> Bool { Self.broadcasts.contains(endpoint) }
    func isCoordinator(_ endpoint: Endpoint) -> Bool { Self.coordinatorPlaces.contains(endpoint) }

    private func runCoordinator(_ life: Life) async throws {
        let service = CoordinatorService(
            endpoints: CoordinatorEndpoints(
                sync: try Endpoint(Self.sync), broadcast: try Endpoint(Self.broadcast),
                control: try Endpoint(Self.control)),
            rules: CoordinatorRules(
                offlineAfter: Self.heartbeat * 3, redeliverAfter: .seconds(60), slotHorizon: .seconds(2 * 86_400),
                jobsAtOnce: limits.jobsAtOnce),
            tickInterval: .seconds(60), network: life.host, keys: keys.coordinator,
            keyFile: try WatchedKeyFile(path: keys.path),
            store: SimulatedPolicyStore(
                transactions: Transactions(life: life, disk: coordinatorDisk), store: policyStore,
                noteHold: { [unowned self] in person.isHeld($0, until: $1) }),
            clock: SimulatedClock(life: life), logger: logger("coordinator", life))
        try await service.run()
    }

    private func runCollector(_ life: Life) async throws {
        var configuration = CollectorConfiguration()
        configuration.agentLostAfter = Self.heartbeat * 2 + .seconds(300)
        configuration.intake = Self.intake
        configuration.feed = Self.feed
        configuration.query = Self.query
        configuration.localFeed = Self.localFeed
        configuration.coordinator = .init(sync: Self.sync, publicKey: keys.coordinator.publicKey.text)
        let store = SimulatedReportStore(
            transactions: Transactions(life: life, disk: collectorDisk), store: reportStore)
        var door: (@Sendable (ChannelConfiguration, any DaemonClock) -> any ChannelSending)?
        if let quiet {
            configuration.channels = [quiet.configuration]
            door = { _, _ in quiet }
        }
        let collector = Collector(
            configuration: configuration, network: life.host, keys: keys.collector, ring: keys.ring,
            store: store, alerts: quiet == nil ? nil : store,
            clock: SimulatedClock(life: life), rosterInterval: .seconds(300),
            silenceInterval: .seconds(600), alertInterval: .seconds(120),
            doors: door, logger: logger("collector", life))
        try await collector.run()
    }

    func runAgent(_ host: AgentHost, _ life: Life) async throws {
        let configuration = AgentConfiguration(
            id: host.id,
            coordinator: .init(
                sync: Self.sync, broadcast: Self.broadcast, publicKey: keys.coordinator.publicKey.text),
            collectors: [.init(intake: Self.intake, publicKey: keys.collector.publicKey.text)],
            heartbeat: Self.heartbeat)
        let agent = Agent(
            configuration: configuration, network: life.host, keys: AgentKeys(keys.agents[host.index]),
            journal: SimulatedJournal(
                transactions: Transactions(life: life, disk: host.disk), journal: host.journal, host: host),
            clock: SimulatedClock(life: life), server: SimulatedServer(host: host, life: life),
            slotPause: .seconds(600),
            logger: logger("\(host.id)", life))
        try await agent.run()
    }
}

/// What the daemons log, among what happens.
private struct StoryLog: LogHandler {
    let name: String
    let life: Life
    let world: World
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.notice

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        guard life.isAlive else { return }
        let details = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        world.note(name, "[\(event.level)] \(event.message) \(details.joined(separator: " "))")
    }
}
