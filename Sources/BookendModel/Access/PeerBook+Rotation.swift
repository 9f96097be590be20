/// A peer's next key, beside the one that it has: each of the two is admitted until the next one is used.
///
/// ```
/// old ──admit next──▶ old, next ──next is used──▶ next; old is revoked
///                       └──admit another──▶ old, another; next is forgotten, as if it had never been
/// ```
extension PeerBook {
    /// The least time between two next keys of a peer that changes its key by itself: each that is used leaves an entry for
    /// ever, and a line in the audit log.
    package static let ownRotationPace = Duration.seconds(60)

    /// - Parameter pace: The least time since this peer's last next key was recorded. The same key again is no other one.
    /// - Returns: What is to be recorded; nothing when the key is this peer's already. A key that was to be the next one and
    ///   never came is given up for this one: it is among the ``abandoned(by:)``.
    package func plan(
        rotating identity: PeerIdentity, to key: PublicKey, pace: Duration = .zero, by author: String, at now: UnixTime
    ) throws(RemoteFailure) -> [Peer] {
        let peers = try existing(identity)
        if let known = self[key] {
            guard known.identity == identity, known.state == .admitted else {
                throw RemoteFailure(
                    .refused,
                    known.state == .revoked
                        ? "the new key of \(identity) was revoked before: make another one"
                        : "the new key of \(identity) is enrolled already, as \(known.identity): make another one")
            }
            return []
        }
        guard let present = peers.first(where: { $0.state == .admitted && successors[$0.key] == nil }) else {
            throw RemoteFailure(.refused, "\(identity) is not admitted: approve it first")
        }
        let last = peers.filter(\.isNextOfAnother).map(\.changedAt).max()
        // A clock that was set back does not hold anybody up.
        if let last, now >= last, now - last < pace {
            let rest = (pace - (now - last)).milliseconds / 1_000 + 1
            throw RemoteFailure(
                .unavailable,
                "\(identity) changed its key less than a minute ago, and may do so once a minute: ask again in \(rest) s"
            )
        }
        guard hasRoom else { throw RemoteFailure(.refused, "\(Self.mostPeers) peers are enrolled, and no more can be") }
        let next = Peer(
            identity: identity, key: key, labels: present.labels, role: present.role, state: .admitted,
            origin: .rotation(of: present.key), changedAt: now, changedBy: author)
        return [next]
    }

    /// Keys that go without a trace when these are recorded.
    package func abandoned(by peers: [Peer]) -> [PublicKey] {
        var latest = generation
        let numbered = peers.map { peer in
            latest += 1
            var peer = peer
            peer.generation = latest
            return peer
        }
        return Self.abandoned(
            among: recorded.values.filter { peer in !numbered.contains { $0.key == peer.key } } + numbered)
    }

    /// Next keys whose place another one took before they were used. They need not be remembered as revoked: a key that
    /// nobody knows is refused, too.
    ///
    /// Of all the keys that were to follow one key at most the latest was ever used: with its first use the other is revoked,
    /// and what comes then follows the new one.
    package static func abandoned(among peers: some Collection<Peer>) -> [PublicKey] {
        var latest: [PublicKey: Peer] = [:]
        for peer in peers {
            guard case .rotation(of: let old) = peer.origin else { continue }
            if let other = latest[old], other.generation >= peer.generation { continue }
            latest[old] = peer
        }
        return peers.compactMap { peer in
            guard case .rotation(of: let old) = peer.origin, peer.state != .revoked, latest[old]?.key != peer.key else {
                return nil
            }
            return peer.key
        }
    }

    /// A key was used.
    ///
    /// - Returns: What is to be recorded: the key whose place it takes, if there is one yet.
    package func plan(using key: PublicKey, at now: UnixTime) -> [Peer] {
        guard let old = successors[key], let peer = self[old] else { return [] }
        return [peer.changed(by: "\(peer.identity) (rotated)", at: now) { $0.state = .revoked }]
    }
}

extension Peer {
    /// It is, or was, the next key of another one.
    package var isNextOfAnother: Bool { if case .rotation = origin { true } else { false } }
}
