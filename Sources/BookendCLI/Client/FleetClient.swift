import BookendFiles
import BookendModel
import BookendTransport

/// The way to one fleet's daemons.
struct FleetClient: Sendable {
    let context: ClientConfiguration.Context
    private let network: any Network

    init(_ options: ConnectionOptions) throws {
        self.init(context: try options.resolved(), network: try Self.network())
    }

    /// Of a context as it is.
    static func open(_ context: ClientConfiguration.Context) throws(CLIError) -> FleetClient {
        FleetClient(context: context, network: try network())
    }

    init(context: ClientConfiguration.Context, network: any Network) {
        self.context = context
        self.network = network
    }

    private static func network() throws(CLIError) -> any Network {
        do {
            return try SocketThread()
        } catch {
            throw CLIError(.failed, error.message)
        }
    }

    func coordinator() async throws(CLIError) -> DaemonLink {
        try await link(.coordinator, context.coordinator)
    }

    func collector() async throws(CLIError) -> DaemonLink {
        try await link(.collector, context.collector)
    }

    /// The collector's published stream.
    func feed(topics: [String]) async throws(CLIError) -> FeedSubscription {
        // The welcome must be subscribed to like anything else.
        let topics = topics.map { Array($0.utf8) } + [Topic.welcome]
        let socket = try await open(.feed, context.feed, .subscriber(topics: topics))
        return FeedSubscription(socket: socket, place: DaemonPlace(.feed, context.feed.endpoint), network: network)
    }

    private func link(_ daemon: DaemonPlace.Daemon, _ peer: ClientConfiguration.Peer) async throws(CLIError)
        -> DaemonLink
    {
        DaemonLink(
            socket: try await open(daemon, peer, .dealer), place: DaemonPlace(daemon, peer.endpoint), network: network)
    }

    private func open(
        _ daemon: DaemonPlace.Daemon, _ peer: ClientConfiguration.Peer, _ kind: SocketPlan.Kind
    ) async throws(CLIError) -> any MessageSocket {
        do {
            let plan = SocketPlan(kind, try Endpoint(peer.endpoint), try protection(peer), retry: nil)
            return try await network.open(plan)
        } catch let error as TransportError {
            throw CLIError(error.code == .unavailable ? .unreachable : .usage, "\(daemon.name): \(error.message)")
        } catch let error as CLIError {
            throw error
        } catch {
            throw CLIError(.failed, "\(daemon.name): \(error)")
        }
    }

    private func protection(_ peer: ClientConfiguration.Peer) throws -> Guard {
        guard peer.endpoint.hasPrefix("tcp://") else { return .local }
        guard let server = peer.publicKey, let keyFile = context.keyFile else {
            throw CLIError(
                .usage,
                "\(peer.endpoint) needs the daemon's public key and your own secret one: see --key-file, and "
                    + "make one with: bookend-coordinator keygen --out FILE")
        }
        return .curveClient(ClientKeys(try CurveKeyPair.read(secretFile: keyFile)), server: try CurveKey(server))
    }
}
