/// Who asks to be let in, and what for.
package struct EnrollRequest: Hashable, Sendable {
    package var token: TokenID
    package var secret: [UInt8]
    /// `nil`: the one that the token gives.
    package var name: String?

    package init(token: TokenID, secret: [UInt8], name: String?) {
        self.token = token
        self.secret = secret
        self.name = name
    }
}

extension PeerBook {
    /// Open tokens at once, at most.
    private static let mostTokens = 1_000
    /// For how long somebody who was let in may still ask again: the answer may have been lost.
    package static let repetition = Duration.seconds(600)

    package enum Enrollment: Hashable, Sendable {
        /// It was enrolled with this token before.
        case known(Peer)
        /// To be recorded together: the peer, and the token with one use less.
        case new(Peer, EnrollmentToken)
        case refused(RemoteFailure)
    }

    package func plan(
        _ draft: TokenDraft, secretDigest: [UInt8], needsApproval: Bool, by author: String, at now: UnixTime
    ) throws(RemoteFailure) -> EnrollmentToken {
        if let problem = draft.problem { throw RemoteFailure(.invalid, problem) }
        guard tokens.values.count(where: { $0.isLive(at: now) }) < Self.mostTokens else {
            throw RemoteFailure(
                .refused, "\(Self.mostTokens) tokens are open already: revoke those that are not needed")
        }
        if let name = draft.name {
            let identity = PeerIdentity(role: draft.peerRole, name: name)
            guard named(identity).isEmpty else {
                throw RemoteFailure(.refused, "there is \(identity) already: choose another name, or revoke it first")
            }
        }
        let last = tokens.keys.max()?.rawValue ?? 0
        return EnrollmentToken(
            id: TokenID(rawValue: last + 1), allows: draft, usesLeft: draft.uses,
            needsApproval: draft.needsApproval ?? needsApproval, madeAt: now, madeBy: author,
            secretDigest: secretDigest)
    }

    package func plan(revoking id: TokenID) throws(RemoteFailure) -> EnrollmentToken {
        guard var token = tokens[id] else { throw RemoteFailure(.notFound, "there is no token \(id)") }
        token.isRevoked = true
        return token
    }

    /// Judges somebody whose key was proved.
    ///
    /// - Parameter token: The one that the request names, if its secret is right; `nil`: there is none, or it is wrong.
    package func judge(
        _ request: EnrollRequest, of key: PublicKey, with token: EnrollmentToken?, at now: UnixTime
    ) -> Enrollment {
        guard let token else {
            return .refused(
                RemoteFailure(
                    .refused,
                    "the coordinator does not know this token: is it whole, and of this fleet? Ask for a new one"))
        }
        if token.isRevoked {
            return .refused(RemoteFailure(.refused, "token \(token.id) was revoked: ask for a new one"))
        }
        if let peer = self[key] { return judge(peer, token) }
        guard now < token.expires else {
            return .refused(RemoteFailure(.refused, "token \(token.id) has expired: ask for a new one"))
        }
        guard token.usesLeft > 0 else {
            return .refused(
                RemoteFailure(.refused, "token \(token.id) was used \(token.allows.uses) times, and may not be again"))
        }
        guard hasRoom else {
            return .refused(RemoteFailure(.refused, "\(Self.mostPeers) peers are enrolled, and no more can be"))
        }
        guard let name = token.allows.name ?? request.name, TextRules.nameProblem(name) == nil else {
            return .refused(RemoteFailure(.invalid, "a name is missing, or is none: 1 to 128 of A–Z a–z 0–9 . _ -"))
        }
        let identity = PeerIdentity(role: token.allows.peerRole, name: name)
        guard named(identity).isEmpty else {
            return .refused(
                RemoteFailure(
                    .refused,
                    "there is \(identity) already, with another key: choose another name, or have it revoked first"))
        }
        var used = token
        used.usesLeft -= 1
        return .new(
            Peer(
                identity: identity, key: key, labels: token.allows.labels, role: token.allows.operatorRole,
                state: token.needsApproval ? .pending : .admitted, origin: .token(token.id), changedAt: now,
                changedBy: "token/\(token.id)"), used)
    }

    /// For one more peer.
    var hasRoom: Bool {
        recorded.count < Self.mostRecorded
            && (recorded.count < Self.mostPeers
                || recorded.values.count(where: { $0.state != .revoked }) < Self.mostPeers)
    }

    private func judge(_ peer: Peer, _ token: EnrollmentToken) -> Enrollment {
        if peer.state == .revoked {
            return .refused(
                RemoteFailure(.refused, "\(peer.identity) was revoked: make a new key, and ask for a new token"))
        }
        guard peer.origin == .token(token.id) else {
            return .refused(
                RemoteFailure(.refused, "this key is enrolled already, as \(peer.identity), and not by this token"))
        }
        return .known(peer)
    }

    /// Whether anybody could be answered anything but no: a token lives, or somebody who came with one waits for an
    /// operator's word, or was let in a moment ago.
    package func isGateOpen(at now: UnixTime) -> Bool {
        tokens.values.contains { $0.isLive(at: now) }
            || recorded.values.contains { awaitedToken(of: $0, at: now) != nil }
    }

    /// With the key of the gate goes whatever names it.
    ///
    /// - Returns: All with which anybody could still be answered anything but no, in order, as they are to be recorded.
    package func planRevokingOpenTokens(at now: UnixTime) -> [EnrollmentToken] {
        let awaited = Set(recorded.values.compactMap { awaitedToken(of: $0, at: now) })
        return tokens.values.filter { $0.isLive(at: now) || awaited.contains($0.id) }.sorted { $0.id < $1.id }
            .map { token in
                var token = token
                token.isRevoked = true
                return token
            }
    }

    /// That of somebody who waits for an operator's word, or was let in a moment ago.
    private func awaitedToken(of peer: Peer, at now: UnixTime) -> TokenID? {
        guard case .token(let id) = peer.origin, let token = tokens[id], !token.isRevoked else { return nil }
        return switch peer.state {
        case .pending: id
        case .admitted: now - peer.changedAt < Self.repetition ? id : nil
        case .revoked: nil
        }
    }
}
