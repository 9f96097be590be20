import BookendDaemon
import BookendModel
import BookendTestSupport
import BookendTransport
import BookendWire
import Glibc
import Logging
import Testing

@testable import BookendCoordinator

/// A running coordinator with real sockets and a real database, and peers of it; cleans up behind itself.
actor CoordinatorStage {
    let directory: String
    private let keys: CurveKeyPair
    private var keyLines = ""
    private var enrolled: [String: CurveKeyPair] = [:]
    private let rules: CoordinatorRules
    private let enrollment: EnrollmentRules?
    private var running: (task: Task<CoordinatorService.Ending, any Error>, endpoints: CoordinatorEndpoints)?
    /// What the coordinator logs.
    nonisolated let log = LogLines()
    /// The client's own thread; the coordinator has another.
    private let network: SocketThread

    /// - Parameter agents: Enrolled agents, with labels as a key file has them.
    static func with(
        agents: [String: String] = ["web-1": "", "web-2": "", "db-1": ""],
        rules: CoordinatorRules = CoordinatorRules(redeliverAfter: .milliseconds(150)),
        enrollment: EnrollmentRules? = nil, _ body: (CoordinatorStage) async throws -> Void
    ) async throws {
        let stage = try CoordinatorStage(agents: agents, rules: rules, enrollment: enrollment)
        do {
            try await stage.start()
            try await body(stage)
        } catch {
            await stage.end()
            throw error
        }
        await stage.end()
    }

    private init(agents: [String: String], rules: CoordinatorRules, enrollment: EnrollmentRules?) throws {
        self.enrollment = enrollment
        directory = try TemporaryDirectory.make()
        keys = try .generate()
        try keys.write(secretFile: directory + "/coordinator.key")
        self.rules = rules
        network = try SocketThread()
        var lines: [String] = []
        let peers =
            agents.map { ("agent/\($0.key)", $0.value) } + [
                ("collector/main", ""), ("operator/alice", "role=admin"), ("operator/otto", "role=operator"),
                ("operator/vera", "role=viewer"), ("operator/nobody", ""), ("subscriber/board", ""),
            ]
        for (name, labels) in peers.sorted(by: { $0.0 < $1.0 }) {
            let pair = try CurveKeyPair.generate()
            enrolled[name] = pair
            lines.append("\(pair.publicKey) \(name) \(labels)")
        }
        keyLines = lines.joined(separator: "\n") + "\n"
        Self.write(keyLines, to: directory + "/keys")
    }

    static func write(_ text: String, to path: String) {
        let bytes = Array(text.utf8)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        _ = Glibc.write(descriptor, bytes, bytes.count)
        close(descriptor)
    }

    /// The coordinator reads it within two seconds.
    func rewriteKeys(_ change: (String) -> String) {
        keyLines = change(keyLines)
        Self.write(keyLines, to: directory + "/keys-new")
        rename(directory + "/keys-new", directory + "/keys")
    }

    private func end() async {
        await stop()
        await network.stop()
        TemporaryDirectory.remove(directory)
    }

    /// Starts the coordinator; after a stop at the same places, so that peers find it again.
    func start() async throws {
        let places =
            try running?.endpoints
            ?? CoordinatorEndpoints(
                sync: Endpoint("tcp://127.0.0.1:*"), broadcast: Endpoint("tcp://127.0.0.1:*"),
                control: Endpoint("ipc://\(directory)/control.sock"))
        let service = CoordinatorService(
            endpoints: places, rules: rules, tickInterval: .milliseconds(10), network: try SocketThread(), keys: keys,
            ownKeyFile: NextKeyFile(besides: directory + "/coordinator.key"),
            gateKeyFile: NextKeyFile(besides: directory + "/enroller.key"),
            keyFile: try WatchedKeyFile(path: directory + "/keys"), enrollment: enrollment,
            store: try SQLitePolicyStore(path: directory + "/coordinator.sqlite"), clock: SystemClock(),
            logger: Logger(label: "test") { [log] _ in KeptLog(lines: log) })
        let (ready, continuation) = AsyncStream.makeStream(of: CoordinatorEndpoints.self)
        let task = Task {
            defer { continuation.finish() }
            return try await service.run { continuation.yield($0) }
        }
        for await endpoints in ready {
            running = (task, endpoints)
            return
        }
        _ = try await task.value
    }

    /// Of a coordinator that ends by itself.
    func ending() async throws -> CoordinatorService.Ending { try await #require(running).task.value }

    /// What its key file holds now.
    var storedKey: CurveKey {
        get throws { try CurveKeyPair.read(secretFile: directory + "/coordinator.key").publicKey }
    }

    func stop() async {
        running?.task.cancel()
        _ = await running?.task.result  // an error at the end is no matter of these tests
    }

    var endpoints: CoordinatorEndpoints {
        get throws { try #require(running).endpoints }
    }

    // MARK: Peers

    func client(as peer: String? = nil) async throws -> sending TestPeer {
        let places = try endpoints
        guard let peer else {
            return TestPeer(try await network.open(SocketPlan(.dealer, places.control, .local)))
        }
        return TestPeer(try await network.open(SocketPlan(.dealer, places.sync, guarded(peer), retry: quick)))
    }

    func agent(_ name: String) async throws -> sending TestPeer { try await client(as: "agent/\(name)") }

    /// A subscriber to topics of agents, its own or not.
    func subscriber(_ agent: String, to topics: [String]) async throws -> sending TestPeer {
        let topics = topics.map { Frame(Topic.agent(AgentID(rawValue: $0)).utf8) }
        let plan = SocketPlan(
            .subscriber(topics: topics), try endpoints.broadcast, try guarded("agent/\(agent)"), retry: quick)
        return TestPeer(try await network.open(plan))
    }

    private var quick: Backoff { Backoff(first: .milliseconds(5), limit: .seconds(2)) }

    private func guarded(_ peer: String) throws -> Guard {
        .curveClient(ClientKeys(try #require(enrolled[peer])), server: keys.publicKey)
    }
}

/// Somebody who speaks with the coordinator: an agent, a collector, an operator.
final class TestPeer {
    private let socket: any MessageSocket
    private var deliveries: Deliveries.AsyncIterator
    private var waiting: [Envelope] = []
    private var lastRequest: UInt64 = 0

    init(_ socket: any MessageSocket) {
        self.socket = socket
        deliveries = socket.deliveries.makeAsyncIterator()
    }

    func send(_ envelope: Envelope) { socket.send([Wire.encode(envelope)], to: nil) }

    func send(bytes: [UInt8]) { socket.send([bytes], to: nil) }

    func close() async { await socket.close() }

    /// The next message, whatever it is; throws when there will be none.
    func next() async throws -> Envelope {
        while waiting.isEmpty {
            let batch = try #require(await deliveries.next())
            for delivery in batch {
                guard let frames = delivery.message?.frames, frames != [Topic.welcome], let payload = frames.last else {
                    continue
                }
                waiting.append(try Wire.decode(payload))
            }
        }
        return waiting.removeFirst()
    }

    /// The next message of a kind; others before it are passed over.
    func next<T>(_ kind: (Envelope) -> T?) async throws -> T {
        while true {
            if let match = kind(try await next()) { return match }
        }
    }

    /// Waits until a subscription is greeted.
    func awaitConnection() async throws {
        for await event in socket.connectionEvents where event == .connected { return }
    }

    // MARK: Agents

    /// Says hello and returns what comes back.
    @discardableResult
    func hello(
        generation: Int64 = 0, highestJob: Int64 = 0, activeJobs: [ActiveJob] = [], known: [Trigger] = []
    ) async throws -> SyncSnapshot {
        let highest = max(highestJob, known.map(\.job.rawValue).max() ?? 0)
        var hello = Hello.sample(
            generation: generation, highestJob: highest, activeJobs: activeJobs, wall: SystemClock().now.wall)
        hello.knownJobs = known.map(KnownJob.init)
        send(.hello(hello))
        return try await next { if case .syncSnapshot(let snapshot) = $0 { snapshot } else { nil } }
    }

    func trigger() async throws -> Trigger {
        try await next { if case .trigger(let trigger) = $0 { trigger } else { nil } }
    }

    // MARK: Operators

    /// One request, and its answer.
    func ask(_ request: ControlRequest) async throws -> ControlReply {
        let number = start(request)
        return try await answer(to: number)
    }

    func start(_ request: ControlRequest) -> UInt64 {
        lastRequest += 1
        send(.control(request: lastRequest, request))
        return lastRequest
    }

    func answer(to number: UInt64) async throws -> ControlReply {
        try await next { if case .controlReply(number, let reply) = $0 { reply } else { nil } }
    }

    func backup(_ order: BackupOrder) async throws -> [TriggerRecord] {
        guard case .triggered(let records) = try await ask(.backup(order)) else { throw WireError(.invalid, "refused") }
        return records
    }

    func apply(_ policies: [Policy]) async throws -> [PolicyOutcome] {
        guard case .applied(let outcomes) = try await ask(.applyPolicies(policies, dryRun: false)) else {
            throw WireError(.invalid, "refused")
        }
        return outcomes
    }

    func failure(of request: ControlRequest) async throws -> RemoteFailure {
        guard case .failed(let failure) = try await ask(request) else { throw WireError(.invalid, "not refused") }
        return failure
    }

    func agents() async throws -> [AgentRecord] {
        guard case .agents(let records) = try await ask(.listAgents) else { throw WireError(.invalid, "refused") }
        return records
    }

    // MARK: Collectors

    func roster(after: Int64 = 0, epoch: UInt64 = 0) async throws -> RosterReply {
        send(.rosterRequest(RosterRequest(after: after, epoch: epoch)))
        return try await next { if case .rosterReply(let reply) = $0 { reply } else { nil } }
    }

    /// Asks until the roster says so.
    func rosterState(of job: JobID, becomes state: TriggerRecord.State) async throws {
        while try await roster().triggers.first(where: { $0.trigger.job == job })?.state != state {}
    }
}
