import BookendModel
import BookendTransport
import Logging

// Who may come in, and what follows when that changes.
extension Coordinator {
    /// Records peers, and acts by it before anybody is told.
    func record(
        _ peers: [Peer], token: EnrollmentToken? = nil, _ what: Logger.Message, because reason: String = "",
        _ client: Client, _ now: Moment
    ) throws(RemoteFailure) -> [Peer] {
        let forgotten = book.abandoned(by: peers)
        var lines = peers.map { peer in
            client.audit(
                .done, on: client.deed == .peerRename ? nil : "\(peer.identity)",
                "\(peer.identity) is \(peer.state.rawValue)\(peer.labelText), key \(peer.key)"
                    + (reason.isEmpty ? "" : ": \(reason)"))
        }
        for key in forgotten {
            lines.append(
                client.audit(
                    .done, on: book[key].map { "\($0.identity)" },
                    "key \(key), with which nobody ever came, is forgotten"))
        }
        let change = AccessChange(peers: peers, forgotten: forgotten, tokens: token.map { [$0] } ?? [])
        let recorded = try stored { () throws(CoordinatorError) in
            try store.record(change, audit: lines, at: now.wall)
        }
        book.take(recorded, tokens: change.tokens)
        for peer in recorded {
            logger.notice(
                what,
                metadata: [
                    "peer": "\(peer.identity)", "key": "\(peer.key)", "state": "\(peer.state.rawValue)",
                    "by": "\(client.author)",
                ])
        }
        admit(now)
        return recorded
    }

    /// The ring first: whoever is not in it is refused from here on. Then the connections, the routes and the questions.
    func admit(_ now: Moment) {
        keyFile.ring.replace(with: book)
        for door in [doors.sync, doors.broadcast, doors.control] { door.disconnectRevoked() }
        let agents = book.agents
        let collectors = Set(book.admitted.map(\.identity).filter { $0.role == .collector })
        collectorPlaces = collectorPlaces.filter { collectors.contains($0.key) }
        for agent in routes.keys where agents[agent] == nil { forget(agent) }
        perform(machine.handle(.enrolled(agents), at: now), now)
    }

    // MARK: Revoking

    /// Answers once the collectors act by it too, or have not said so in time.
    func revoke(_ identity: PeerIdentity, _ client: Client, _ now: Moment) throws(RemoteFailure) {
        guard !news.isFull else {
            throw RemoteFailure(
                .unavailable, "many revocations wait for a collector already: try again in some seconds")
        }
        let plan = try book.plan(revoking: identity, by: client.author, at: now.wall)
        let peers = try record(plan, "a key was revoked", client, now)
        tendGate(now)
        fail(asks.close(author: identity.description), "\(identity) was revoked")
        tellCollectors(.revocation(client, Revocation(peers: peers, uninformed: [])), now)
    }

    /// Of all that has changed up to now; what waits for it goes on in ``endNews(_:)``.
    func tellCollectors(_ purpose: CollectorNews.Purpose, _ now: Moment) {
        let collectors = book.admitted.filter { $0.identity.role == .collector }.map(\.identity)
        for (route, request) in news.begin(
            purpose, generation: book.generation, collectors: collectors, at: now.boot)
        {
            answer(request, route, now)
        }
        endNews(now)
    }

    /// A collector asks: it acts by the peers up to the generation that it names.
    func note(
        _ request: RosterRequest, of collector: PeerIdentity, _ delivery: Delivery, _ route: Route, _ now: Moment
    ) {
        collectorPlaces[collector] = request.place
        // Its key is the one that it has proved, whatever it says, and whichever other one is admitted beside that.
        collectorPlaces[collector]?.key = delivery.sender?.key.map(PublicKey.init)
        let isCurrent = request.epoch == machine.epoch
        news.hear(request, isCurrent: isCurrent, of: collector, route)
        endNews(now)
    }

    func endNews(_ now: Moment) {
        for (purpose, uninformed) in news.end(at: now.boot) {
            guard case .revocation(let client, var revocation) = purpose else {
                if case .rotation(let identity) = purpose { goOn(identity, uninformed, now) }
                continue
            }
            revocation.uninformed = uninformed
            if !revocation.uninformed.isEmpty {
                logger.error(
                    "collectors do not know yet that a key was revoked",
                    metadata: [
                        "peer": "\(revocation.peers.first?.identity.description ?? "")",
                        "collectors": "\(revocation.uninformed.map(\.description).joined(separator: " "))",
                    ])
            }
            reply(.revoked(revocation), to: client)
        }
    }
}

extension Peer {
    fileprivate var labelText: String {
        labels.isEmpty
            ? "" : " with " + labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }
}

extension PeerBook {
    /// Those that are admitted, with their labels.
    var agents: [AgentID: [String: String]] {
        let agents = admitted.filter { $0.identity.role == .agent }
        return Dictionary(agents.map { (AgentID(rawValue: $0.identity.name), $0.labels) }, uniquingKeysWith: { $1 })
    }
}
