import BookendCollector
import BookendDaemon
import BookendFiles
import BookendModel
import BookendTestSupport
import BookendTransport
import BookendWire
import Foundation
import Logging
import ServiceLifecycle
import Testing

/// A collector on real sockets in a directory of its own, with peers that have keys.
struct RunningCollector {
    let directory: String
    let configuration: CollectorConfiguration
    let serverKeys: CurveKeyPair
    let peers: [String: CurveKeyPair]
    let network: SocketThread
    let store: SQLiteReportStore
    let lastHeard: LastHeard
    /// What the collector logs.
    let log: LogLines
    private let group: ServiceGroup

    /// - Parameters:
    ///   - silence: How long an agent may be silent.
    ///   - wrap: What the collector is given in place of the store.
    ///   - configure: Changes the configuration; it is given the directory.
    static func with(
        queryOverTCP: Bool = false, silence: Duration? = nil, wrap: (SQLiteReportStore) -> any ReportStore = { $0 },
        configure: (inout CollectorConfiguration, String) throws -> Void = { _, _ in },
        _ body: (RunningCollector) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(directory) }
        var configuration = CollectorConfiguration()
        configuration.stateDirectory = directory
        // The tests' reports are of 1970, and would be removed by age.
        configuration.retention.reports = .seconds(200 * 366 * 86_400)
        configuration.retention.jobs = .seconds(200 * 366 * 86_400)
        if let silence { (configuration.agentLostAfter, configuration.missedAfter) = (silence, silence) }
        configuration.intake = "tcp://127.0.0.1:\(try FreePorts.find())"
        configuration.feed = "tcp://127.0.0.1:\(try FreePorts.find())"
        configuration.query = queryOverTCP ? "tcp://127.0.0.1:\(try FreePorts.find())" : "ipc://\(directory)/q"
        configuration.localFeed = "ipc://\(directory)/f"

        try configure(&configuration, directory)
        let roles = [
            "agent/web-1": "", "agent/web-2": "", "operator/alice": "admin", "operator/otto": "operator",
            "operator/vera": "viewer", "operator/nobody": "", "subscriber/board": "", "collector/other": "",
        ]
        let peers = try roles.mapValues { _ in try CurveKeyPair.generate() }
        let ring = KeyRing(
            try peers.map { name, keys in
                EnrolledKey(
                    key: keys.publicKey, identity: try #require(PeerIdentity(name)),
                    labels: roles[name] == "" ? [:] : ["role": roles[name] ?? ""])
            })
        let serverKeys = try CurveKeyPair.generate()
        let store = try SQLiteReportStore(path: directory + "/collector.sqlite")
        let log = LogLines()
        let logger = Logger(label: "test") { _ in KeptLog(lines: log) }
        let collector = Collector(
            configuration: configuration, network: try SocketThread(), keys: serverKeys, ring: ring, store: wrap(store),
            alerts: store, clock: SystemClock(), silenceInterval: .milliseconds(50), alertInterval: .milliseconds(20),
            channelPause: .milliseconds(20), logger: logger)
        struct Body: Service {
            let collector: Collector
            func run() async throws { try await collector.run() }
        }
        let group = ServiceGroup(services: [Body(collector: collector)], logger: logger)
        let network = try SocketThread()
        let running = RunningCollector(
            directory: directory, configuration: configuration, serverKeys: serverKeys, peers: peers, network: network,
            store: store, lastHeard: collector.lastHeard, log: log, group: group)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                do {
                    try await group.run()
                } catch {
                    await network.stop()  // whoever waits for the collector waits no more
                    throw error
                }
            }
            try await body(running)
            if Task.isCancelled { Issue.record("its time was over; the collector said: \(log.all)") }
            await group.triggerGracefulShutdown()
            await network.stop()
            try await tasks.waitForAll()
        }
    }

    func stop() async { await group.triggerGracefulShutdown() }

    /// A socket of one of the peers.
    func open(_ kind: SocketPlan.Kind, to endpoint: String, as peer: String? = nil) async throws -> any MessageSocket {
        let guarding =
            try peer.map { Guard.curveClient(ClientKeys(try #require(peers[$0])), server: serverKeys.publicKey) }
            ?? .local
        let socket = try await network.open(SocketPlan(kind, Endpoint(endpoint), guarding, retry: Backoff()))
        for await event in socket.connectionEvents where event == .connected { break }
        return socket
    }

    func intake(as agent: String) async throws -> any MessageSocket {
        try await open(.dealer, to: configuration.intake, as: agent)
    }

    /// Asks once, on the Unix socket or as a peer.
    func ask(_ query: Query, as peer: String? = nil) async throws -> QueryReply {
        let socket = try await open(.dealer, to: configuration.query, as: peer)
        socket.send([Wire.encode(.query(request: 3, query))], to: nil)
        for await batch in socket.deliveries {
            guard let frame = batch.first?.message?.frames.last else { continue }
            await socket.close()
            guard case .queryReply(3, let reply) = try Wire.decode(frame) else { continue }
            return reply
        }
        throw CancellationError()
    }

    /// Asks several over one connection.
    func ask(_ queries: [Query], as peer: String) async throws -> [QueryReply] {
        let socket = try await open(.dealer, to: configuration.query, as: peer)
        for (number, query) in queries.enumerated() {
            socket.send([Wire.encode(.query(request: UInt64(number + 1), query))], to: nil)
        }
        var replies: [UInt64: QueryReply] = [:]
        for await batch in socket.deliveries {
            for frame in batch.compactMap(\.message?.frames.last) {
                guard case .queryReply(let number, let reply) = try Wire.decode(frame) else { continue }
                replies[number] = reply
            }
            if replies.count == queries.count { break }
        }
        await socket.close()
        return replies.sorted { $0.key < $1.key }.map(\.value)
    }
}

extension MessageSocket {
    /// Waits until the collector has stored everything up to this number.
    func awaitAcknowledgement(through number: UInt64) async throws {
        for await batch in deliveries {
            for delivery in batch {
                guard let frame = delivery.message?.frames.last, case .intakeAck(let ack) = try Wire.decode(frame)
                else {
                    continue
                }
                if ack.through >= number { return }
            }
        }
        Issue.record("the connection ended before \(number) was acknowledged; \(statistics)")
    }
}
