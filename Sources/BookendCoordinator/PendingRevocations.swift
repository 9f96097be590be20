import BookendModel
import BookendTransport

/// Revocations whose operators wait until the collectors act by them; and where the collectors are.
struct PendingRevocations {
    private struct Pending {
        var client: Client
        var revocation: Revocation
        var generation: Int64
        var awaited: Set<PeerIdentity>
        var deadline: BootTime
    }

    private struct Collector {
        var route: Route
        var request: RosterRequest
        var heardAt: BootTime
    }

    /// What a collector that is there needs: a round trip, and a commit.
    private static let patience = Duration.seconds(3)
    /// A collector asks each second.
    private static let silence = Duration.seconds(15)
    private static let limit = 1_000

    private var pending: [Pending] = []
    private var collectors: [PeerIdentity: Collector] = [:]

    var isFull: Bool { pending.count >= Self.limit }

    /// - Returns: Whom to tell, as an answer to what they asked last.
    mutating func begin(
        _ revocation: Revocation, for client: Client, collectors all: [PeerIdentity], at now: BootTime
    ) -> [(Route, RosterRequest)] {
        let there = all.filter { collectors[$0].map { now - $0.heardAt < Self.silence } ?? false }
        var revocation = revocation
        revocation.uninformed = all.filter { !there.contains($0) }
        pending.append(
            Pending(
                client: client, revocation: revocation,
                generation: revocation.peers.map(\.generation).max() ?? 0, awaited: Set(there),
                deadline: now + Self.patience))
        return there.compactMap { collectors[$0].map { ($0.route, $0.request) } }
    }

    /// - Parameter isCurrent: The collector's generation is one of this coordinator's.
    mutating func hear(
        _ request: RosterRequest, isCurrent: Bool, of collector: PeerIdentity, _ route: Route, at now: BootTime
    ) {
        collectors[collector] = Collector(route: route, request: request, heardAt: now)
        guard isCurrent else { return }
        for index in pending.indices where pending[index].generation <= request.peersAfter {
            pending[index].awaited.remove(collector)
        }
    }

    /// Those that wait for nobody any more, or have waited long enough.
    mutating func end(at now: BootTime) -> [(client: Client, Revocation)] {
        let over = pending.filter { $0.awaited.isEmpty || now >= $0.deadline }
        guard !over.isEmpty else { return [] }
        pending.removeAll { $0.awaited.isEmpty || now >= $0.deadline }
        return over.map { item in
            var revocation = item.revocation
            revocation.uninformed = (revocation.uninformed + item.awaited).sorted()
            return (item.client, revocation)
        }
    }
}
