/// Who is enrolled: the peers of the static key file and those that the store has recorded.
///
/// ```
/// key file ──┐                       by key: revoked outranks the file, the file outranks what else is recorded
///            ├──▶ peers ──▶ admitted
/// store ─────┘                       by name: a name that stands in the file is the file's
/// ```
///
/// A change is planned here, then recorded by the store, then taken.
package struct PeerBook: Hashable, Sendable {
    /// Recorded peers that are not revoked, at most; an enrollment that would make them more is refused.
    package static let mostPeers = 10_000
    /// Recorded peers, at most: those that were revoked are never removed, as they are what refuses.
    package static let mostRecorded = 200_000
    /// Of a page of changes, about: it must fit one message, whatever labels there are.
    private static let pageBytes = 1 << 20

    private var file: [PublicKey: Peer] = [:]
    private(set) var recorded: [PublicKey: Peer] = [:]
    package internal(set) var tokens: [TokenID: EnrollmentToken] = [:]
    /// Keys that are to take the place of others, and were not used yet: with those that they retire.
    package private(set) var successors: [PublicKey: PublicKey] = [:]

    /// - Parameter recorded: All that the store has.
    package init(recorded: [Peer] = [], tokens: [EnrollmentToken] = []) {
        take(recorded, tokens: tokens)
    }

    /// The key file was read.
    package mutating func take(file peers: [Peer]) {
        file = Dictionary(peers.map { ($0.key, $0) }, uniquingKeysWith: { $1 })
        findSuccessors()
    }

    /// The store has recorded these. A key that is revoked stays revoked.
    package mutating func take(_ peers: [Peer], tokens: [EnrollmentToken] = []) {
        for peer in peers where recorded[peer.key]?.state != .revoked { recorded[peer.key] = peer }
        for token in tokens { self.tokens[token.id] = token }
        guard !peers.isEmpty else { return }
        for key in Self.abandoned(among: recorded.values) { recorded[key] = nil }
        findSuccessors()
    }

    private mutating func findSuccessors() {
        successors = [:]
        for (key, peer) in recorded where peer.state == .admitted {
            guard case .rotation(of: let old) = peer.origin, let before = self[old], before.state != .revoked,
                before.identity == peer.identity
            else { continue }
            successors[key] = old
        }
    }

    /// What holds of each key, by name.
    package var all: [Peer] {
        file.merging(recorded) { file, recorded in recorded.state == .revoked ? recorded : file }.values
            .sorted { ($0.identity, $0.key) < ($1.identity, $1.key) }
    }

    /// Those that daemons let in.
    package var admitted: [Peer] {
        let names = Set(file.values.filter { recorded[$0.key]?.state != .revoked }.map(\.identity))
        return all.filter { peer in
            peer.state == .admitted
                && (peer.origin == .keyFile || !names.contains(peer.identity) || successors[peer.key] != nil)
        }
    }

    package subscript(key: PublicKey) -> Peer? {
        if let peer = recorded[key], peer.state == .revoked { return peer }
        return file[key] ?? recorded[key]
    }

    /// The peers of a name that are not revoked.
    package func named(_ identity: PeerIdentity) -> [Peer] {
        all.filter { $0.identity == identity && $0.state != .revoked }
    }

    /// Of the last change; 0: there was none.
    package var generation: Int64 { recorded.values.lazy.map(\.generation).max() ?? 0 }

    /// Recorded peers that changed after that generation, the earliest change first.
    package func changes(after generation: Int64, limit: Int) -> (peers: [Peer], through: Int64) {
        let changed = recorded.values.filter { $0.generation > generation }.sorted { $0.generation < $1.generation }
        var size = 0
        let page = changed.prefix(limit).prefix { peer in
            size += peer.labels.reduce(300) { $0 + $1.key.utf8.count + $1.value.utf8.count + 8 }
            return size <= Self.pageBytes
        }
        return (Array(page), page.last?.generation ?? generation)
    }
}

// MARK: - Operators' changes

extension PeerBook {
    /// - Returns: What is to be recorded.
    package func plan(
        revoking identity: PeerIdentity, by author: String, at now: UnixTime
    ) throws(RemoteFailure) -> [Peer] {
        try existing(identity).map { $0.changed(by: author, at: now) { $0.state = .revoked } }
    }

    package func plan(
        approving identity: PeerIdentity, by author: String, at now: UnixTime
    ) throws(RemoteFailure) -> [Peer] {
        let waiting = try existing(identity).filter { $0.state == .pending }
        guard !waiting.isEmpty else { throw RemoteFailure(.refused, "\(identity) is approved already") }
        return waiting.map { $0.changed(by: author, at: now) { $0.state = .admitted } }
    }

    /// - Parameter removed: Keys of labels.
    package func plan(
        labelling identity: PeerIdentity, with labels: [String: String], without removed: [String],
        by author: String, at now: UnixTime
    ) throws(RemoteFailure) -> [Peer] {
        if let problem = labels.lazy.compactMap({ TextRules.labelProblem(key: $0.key, value: $0.value) }).first {
            throw RemoteFailure(.invalid, problem)
        }
        let peers = try own(identity).map { peer in
            peer.changed(by: author, at: now) { peer in
                for key in removed { peer.labels[key] = nil }
                peer.labels.merge(labels) { $1 }
            }
        }
        guard peers.allSatisfy({ $0.labels.count <= 64 }) else {
            throw RemoteFailure(.invalid, "\(identity) would have more than 64 labels: take some away first")
        }
        return peers
    }

    /// Only one that was never admitted: an agent's reports and jobs bear its name.
    package func plan(
        renaming identity: PeerIdentity, to name: String, by author: String, at now: UnixTime
    ) throws(RemoteFailure) -> [Peer] {
        let peers = try own(identity)
        guard peers.allSatisfy({ $0.state == .pending }) else {
            throw RemoteFailure(
                .refused,
                "\(identity) is admitted, and its jobs and reports bear its name: to give it another, revoke it and enroll "
                    + "it anew with a token that says --name \(name)")
        }
        if let problem = TextRules.nameProblem(name) { throw RemoteFailure(.invalid, "the new name \(problem)") }
        let new = PeerIdentity(role: identity.role, name: name)
        guard named(new).isEmpty else {
            throw RemoteFailure(.refused, "there is \(new) already: choose another name, or revoke it first")
        }
        return peers.map { $0.changed(by: author, at: now) { $0.identity = new } }
    }

    func existing(_ identity: PeerIdentity) throws(RemoteFailure) -> [Peer] {
        let peers = named(identity)
        guard peers.isEmpty else { return peers }
        let isRevoked = all.contains { $0.identity == identity }
        throw RemoteFailure(
            .notFound,
            isRevoked
                ? "\(identity) is revoked already: to let it in again, enroll it with a new token and a new key"
                : "there is no \(identity): bookend \(identity.role.rawValue) list shows those that there are")
    }

    /// Those that are not the key file's.
    private func own(_ identity: PeerIdentity) throws(RemoteFailure) -> [Peer] {
        let peers = try existing(identity)
        guard peers.allSatisfy({ $0.origin != .keyFile }) else {
            throw RemoteFailure(
                .refused, "\(identity) stands in the coordinator's key file: change its line there; it is read again")
        }
        return peers
    }
}

extension Peer {
    func changed(by author: String, at now: UnixTime, _ change: (inout Peer) -> Void) -> Peer {
        var peer = self
        change(&peer)
        (peer.changedAt, peer.changedBy) = (now, author)
        return peer
    }
}
