import BookendModel
import BookendTransport

/// The in-memory network with what goes wrong on the way.
final class FaultyNetwork: @unchecked Sendable {
    private struct Link: Hashable {
        var from: PeerIdentity?
        var to: PeerIdentity?
        var isBroadcast: Bool
    }

    struct Noise {
        var peer: PeerIdentity?
        var drop: Int
        var duplicate: Int
        var reorder: Int
        var delay: Int64
        var until: Int64
    }

    struct Cut {
        /// `nil`: every client.
        var client: PeerIdentity?
        /// `nil`: both servers.
        var server: PeerIdentity?
        var until: Int64
    }

    private(set) var network = InMemoryNetwork()
    private let timeline: Timeline
    private let seed: UInt64
    private unowned let world: World
    private var noises: [Noise] = []
    private var cuts: [Cut] = []
    private var arrivals: [Link: (time: Int64, random: Random)] = [:]
    private(set) var sent = 0
    private(set) var dropped = 0
    private(set) var duplicated = 0
    private(set) var reordered = 0
    private var cutsBegun = 0
    /// Messages that came behind later ones, or once more.
    private var stragglers = 0

    init(_ world: World) {
        self.world = world
        timeline = world.timeline
        seed = world.seed
        network = InMemoryNetwork(
            reaches: { [unowned self] client, server in reaches(client, server) },
            fate: { [unowned self] passage in fate(of: passage) })
    }

    /// What went wrong on any wire until now; what comes late does so when it is sent, and when it comes.
    var losses: Int { dropped + duplicated + reordered + cutsBegun + stragglers }

    func add(_ noise: Noise) { noises.append(noise) }

    /// Messages are lost at once; the ends notice half a minute later, as a heartbeat would.
    func add(_ cut: Cut) {
        cuts.append(cut)
        cutsBegun += 1
        timeline.after(30_000) { [self] in
            guard timeline.now < cut.until else { return }
            network.cut { client, server in
                (cut.client == nil || cut.client == client) && (cut.server == nil || cut.server == owner(of: server))
            }
        }
        timeline.at(cut.until) { [self] in
            cuts.removeAll { $0.until <= timeline.now }
            network.reconnect()
        }
    }

    func heal() {
        noises = []
        cuts = []
        network.reconnect()
    }

    private func owner(of endpoint: Endpoint) -> PeerIdentity? {
        world.isCoordinator(endpoint) ? World.coordinatorIdentity : World.collectorIdentity
    }

    func isCut(_ client: PeerIdentity?, _ server: PeerIdentity?) -> Bool {
        cuts.contains { ($0.client == nil || $0.client == client) && ($0.server == nil || $0.server == server) }
    }

    private func reaches(_ client: PeerIdentity?, _ server: Endpoint) -> Bool {
        cuts.isEmpty || !isCut(client, owner(of: server))
    }

    private func fate(of passage: InMemoryNetwork.Passage) -> InMemoryNetwork.Fate {
        let life = world.process(passage.from)?.life
        // Of two by one name it is not known which sends; one that is dead has no sockets.
        if let life, !world.isCloned(passage.from) {
            guard life.isAlive else { return .drop }
            if life.isFreshlyCommitted, !life.passes(.beforeSend) { return .drop }
        }
        defer { if let life, life.isFreshlyCommitted { _ = life.passes(.afterSend) } }
        sent += 1
        let isDownward = passage.from == World.coordinatorIdentity || passage.from == World.collectorIdentity
        let (client, server) = isDownward ? (passage.to, passage.from) : (passage.from, passage.to)
        if !cuts.isEmpty, isCut(client, server) {
            dropped += 1
            return .drop
        }
        let link = Link(from: passage.from, to: passage.to, isBroadcast: world.isBroadcast(passage.endpoint))
        var (last, random) =
            arrivals[link] ?? (0, Random(seed, "link", world.number(passage.from), world.number(passage.to)))
        defer { arrivals[link] = (last, random) }
        var delay = random.number(1...20)
        var copies = 1
        var isOvertaken = false
        if !noises.isEmpty {
            noises.removeAll { $0.until <= timeline.now }
            for noise in noises where noise.peer == nil || noise.peer == client || noise.peer == server {
                if random.permille(noise.drop) {
                    dropped += 1
                    return .drop
                }
                if random.permille(noise.duplicate) { copies += 1 }
                if random.permille(noise.reorder) { isOvertaken = true }
                delay += random.skewed(0...noise.delay)
            }
        }
        var time = timeline.now + delay
        if isOvertaken {
            reordered += 1
            time += random.number(0...2_000)
        } else {
            time = max(time, last)
            last = time
        }
        duplicated += copies - 1
        let id = passage.id
        for copy in 1...copies {
            let isStraggler = isOvertaken || copy > 1
            timeline.at(time + (copy == 1 ? 0 : random.number(0...5_000))) { [self] in
                if isStraggler { stragglers += 1 }
                network.release(id, keepsCopy: copy < copies)
            }
        }
        return .hold
    }
}
