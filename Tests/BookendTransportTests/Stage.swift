import BookendModel
import BookendTestSupport
import Glibc
import Synchronization
import Testing

@testable import BookendTransport

/// What carries the messages in a test. All of them keep one contract.
enum Medium: CaseIterable, CustomTestStringConvertible {
    case curve
    case unix
    case memory

    var testDescription: String { "\(self)" }
    /// The media on which a peer proves who it is.
    static var proving: [Medium] { [.curve, .memory] }
}

/// A server's and a client's network, with keys, that cleans up behind itself.
final class Stage: Sendable {
    let medium: Medium
    let ring = KeyRing()
    let serverKeys: CurveKeyPair
    let server: any Network
    let folder: String
    private let memory = InMemoryNetwork()
    private let others = Mutex<[any Network]>([])

    static func with(_ medium: Medium, _ body: (Stage) async throws -> Void) async throws {
        let stage = try Stage(medium)
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(stage))
        } catch {
            result = .failure(error)
        }
        for network in stage.others.withLock({ $0 }) { await network.stop() }
        await stage.server.stop()
        stage.removeFolder()
        try result.get()
    }

    private init(_ medium: Medium) throws {
        self.medium = medium
        serverKeys = try .generate()
        server = medium == .memory ? memory.host(PeerIdentity("coordinator/main")) : try SocketThread()
        folder = try TemporaryDirectory.make()
    }

    /// Another machine, or the same server after a restart.
    func network(_ identity: PeerIdentity? = nil) throws -> any Network {
        let network: any Network = medium == .memory ? memory.host(identity) : try SocketThread()
        others.withLock { $0.append(network) }
        return network
    }

    func serve(
        _ kind: SocketPlan.Kind, at endpoint: Endpoint? = nil, limits: SocketLimits = SocketLimits(),
        on network: (any Network)? = nil
    ) async throws -> any MessageSocket {
        let (place, keeper): (Endpoint, Guard) =
            switch medium {
            case .unix: (try Endpoint("ipc://\(folder)/socket"), .local)
            // One that can be bound again, once whoever had it has gone.
            case .curve:
                (try Endpoint("tcp://127.0.0.1:\(FreePorts.find())"), .curveServer(serverKeys, admitting: ring))
            case .memory: (try Endpoint("tcp://127.0.0.1:*"), .curveServer(serverKeys, admitting: ring))
            }
        return try await (network ?? server).open(SocketPlan(kind, endpoint ?? place, keeper, limits: limits))
    }

    /// A client with a key of its own, enrolled unless that is refused. It tries again ever more slowly: only the newest events
    /// of its connection are kept, and on a busy machine their reader may be late.
    func connect(
        _ kind: SocketPlan.Kind, to server: any MessageSocket, as name: String = "agent/web-1",
        keys: CurveKeyPair? = nil,
        isEnrolled: Bool = true, limits: SocketLimits = SocketLimits(),
        retry: Backoff? = Backoff(first: .milliseconds(5), limit: .seconds(2))
    ) async throws -> any MessageSocket {
        let identity = try #require(PeerIdentity(name))
        let keys = try keys ?? .generate()
        if isEnrolled { ring.enroll(EnrolledKey(key: keys.publicKey, identity: identity)) }
        let keeper: Guard = medium == .unix ? .local : .curveClient(ClientKeys(keys), server: serverKeys.publicKey)
        return try await network(identity).open(SocketPlan(kind, server.endpoint, keeper, limits: limits, retry: retry))
    }

    private func removeFolder() {
        unlink("\(folder)/socket")
        unlink("\(folder)/key")
        rmdir(folder)
    }
}

/// Reads a socket's deliveries one by one.
struct Reader {
    private var iterator: Deliveries.AsyncIterator
    private var batch: ArraySlice<Delivery> = []
    private(set) var largestBatch = 0

    init(_ socket: any MessageSocket) {
        iterator = socket.deliveries.makeAsyncIterator()
    }

    mutating func next() async -> Delivery? {
        if batch.isEmpty {
            batch = await iterator.next()?[...] ?? []
            largestBatch = max(largestBatch, batch.count)
        }
        return batch.popFirst()
    }

    mutating func message() async throws -> Message {
        while let delivery = await next() {
            if let message = delivery.message { return message }
        }
        throw TransportError(.stopped, "the deliveries ended")
    }

    mutating func event(where matches: (Delivery.Event) -> Bool) async throws -> Delivery {
        while let delivery = await next() {
            if matches(delivery.event) { return delivery }
        }
        throw TransportError(.stopped, "the deliveries ended")
    }
}

extension AsyncStream<ConnectionEvent> {
    /// The first event that matches; nil when there are no more.
    func first(_ matches: (ConnectionEvent) -> Bool) async -> ConnectionEvent? {
        for await event in self where matches(event) { return event }
        return nil
    }
}

func frame(_ text: String) -> Frame { Frame(text.utf8) }

extension Frame {
    var text: String { String(decoding: self, as: UTF8.self) }
}

/// Answers every message of a router with its own frames, until its deliveries end.
func echo(_ router: any MessageSocket) async {
    for await batch in router.deliveries {
        var rest = batch.compactMap(\.message)[...]
        while !rest.isEmpty {
            rest = rest.dropFirst(router.send(Array(rest)))
            if !rest.isEmpty { await Task.yield() }
        }
    }
}
