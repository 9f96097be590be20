/// A peer's next key, beside the one that it has: each of the two is admitted until the next one is used.
///
/// ```
/// old ──admit next──▶ old, next ──next is used──▶ next; old is revoked
/// ```
extension PeerBook {
    /// - Returns: What is to be recorded; nothing when the key is this peer's already. A key that was to be the next one and
    ///   never came is given up for this one.
    package func plan(
        rotating identity: PeerIdentity, to key: PublicKey, by author: String, at now: UnixTime
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
        guard hasRoom else { throw RemoteFailure(.refused, "\(Self.mostPeers) peers are enrolled, and no more can be") }
        let abandoned = peers.filter { successors[$0.key] == present.key }
        let next = Peer(
            identity: identity, key: key, labels: present.labels, role: present.role, state: .admitted,
            origin: .rotation(of: present.key), changedAt: now, changedBy: author)
        return [next] + abandoned.map { $0.changed(by: author, at: now) { $0.state = .revoked } }
    }

    /// A key was used.
    ///
    /// - Returns: What is to be recorded: the key whose place it takes, if there is one yet.
    package func plan(using key: PublicKey, at now: UnixTime) -> [Peer] {
        guard let old = successors[key], let peer = self[old] else { return [] }
        return [peer.changed(by: "\(peer.identity) (rotated)", at: now) { $0.state = .revoked }]
    }
}
