import BookendModel
import BookendTransport

/// Changes of peers whose originators wait until the collectors act by them; and where the collectors are.
struct CollectorNews {
    /// Who waits.
    enum Purpose: Sendable {
        case revocation(Client, Revocation)
        case rotation(PeerIdentity)
    }

    private struct Pending {
        var purpose: Purpose
        var generation: Int64
        var awaited: Set<PeerIdentity>
        var deadline: BootTime
    }

    private struct Collector {
        var route: Route
        var request: RosterRequest
    }

    private static let limit = 1_000

    let patience: Duration
    private var pending: [Pending] = []
    private var collectors: [PeerIdentity: Collector] = [:]

    init(patience: Duration) { self.patience = patience }

    /// What it names; `nil`: it was not heard of since the start, or names none.
    func serverKey(of collector: PeerIdentity) -> PublicKey? { collectors[collector]?.request.serverKey }

    var isFull: Bool { pending.count >= Self.limit }

    /// Waits for all collectors, also for one that was not heard of yet: it may be about to ask.
    ///
    /// - Parameter generation: Of the peers that changed.
    /// - Returns: Whom to tell, as an answer to what they asked last.
    mutating func begin(
        _ purpose: Purpose, generation: Int64, collectors all: [PeerIdentity], at now: BootTime
    ) -> [(Route, RosterRequest)] {
        pending.append(
            Pending(
                purpose: purpose, generation: generation, awaited: Set(all), deadline: now + patience))
        return all.compactMap { collectors[$0].map { ($0.route, $0.request) } }
    }

    /// - Parameter isCurrent: The collector's generation is one of this coordinator's.
    mutating func hear(
        _ request: RosterRequest, isCurrent: Bool, of collector: PeerIdentity, _ route: Route
    ) {
        collectors[collector] = Collector(route: route, request: request)
        guard isCurrent else { return }
        for index in pending.indices where pending[index].generation <= request.peersAfter {
            pending[index].awaited.remove(collector)
        }
    }

    /// Those that wait for nobody any more, or have waited long enough.
    mutating func end(at now: BootTime) -> [(purpose: Purpose, uninformed: [PeerIdentity])] {
        let over = pending.filter { $0.awaited.isEmpty || now >= $0.deadline }
        guard !over.isEmpty else { return [] }
        pending.removeAll { $0.awaited.isEmpty || now >= $0.deadline }
        return over.map { ($0.purpose, $0.awaited.sorted()) }
    }
}
