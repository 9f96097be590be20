/// Whoever has a key that a daemon knows: an agent, an operator, a collector, a subscriber.
package struct Peer: Hashable, Sendable {
    /// ```
    /// pending ──approve──▶ admitted
    ///    └──────revoke───────┴─────▶ revoked, for ever: a key never comes back
    /// ```
    package enum State: String, Hashable, Sendable, CaseIterable {
        /// Came with a token, and waits for an operator's word.
        case pending
        case admitted
        case revoked
    }

    package enum Origin: Hashable, Sendable {
        /// Stands in a static key file.
        case keyFile
        case token(TokenID)
        /// Follows a key of the same name, which is retired when this one is first used.
        case rotation(of: PublicKey)
    }

    package var identity: PeerIdentity
    package var key: PublicKey
    /// Given by operators, and not by the peer itself.
    package var labels: [String: String]
    /// Of operators; `nil`: not said.
    package var role: OperatorRole?
    package var state: State
    package var origin: Origin
    /// Grows with each change of any peer; 0: never recorded, as it only stands in a key file.
    package var generation: Int64
    package var changedAt: UnixTime
    /// Who changed it last: an operator, or the token that it came with.
    package var changedBy: String

    package init(
        identity: PeerIdentity, key: PublicKey, labels: [String: String] = [:], role: OperatorRole? = nil,
        state: State = .admitted, origin: Origin, generation: Int64 = 0,
        changedAt: UnixTime = UnixTime(milliseconds: 0), changedBy: String = ""
    ) {
        self.identity = identity
        self.key = key
        self.labels = labels
        self.role = role
        self.state = state
        self.origin = origin
        self.generation = generation
        self.changedAt = changedAt
        self.changedBy = changedBy
    }
}

/// What a rotation of a key did.
package struct KeyRotation: Hashable, Sendable {
    package var identity: PeerIdentity
    /// The new one.
    package var key: PublicKey
    /// It was used, and the one before is revoked; `false`: both hold until it is.
    package var isInUse: Bool
    /// Collectors that did not say in time that they know of it.
    package var uninformed: [PeerIdentity]

    package init(identity: PeerIdentity, key: PublicKey, isInUse: Bool, uninformed: [PeerIdentity]) {
        self.identity = identity
        self.key = key
        self.isInUse = isInUse
        self.uninformed = uninformed
    }
}

/// What a revocation did.
package struct Revocation: Hashable, Sendable {
    package var peers: [Peer]
    /// Collectors that did not say in time that they know of it: they go on listening to the key until they hear of it.
    package var uninformed: [PeerIdentity]

    package init(peers: [Peer], uninformed: [PeerIdentity]) {
        self.peers = peers
        self.uninformed = uninformed
    }
}
