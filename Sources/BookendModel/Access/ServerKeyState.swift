/// What an operator wants with a daemon's own key, the coordinator's or a collector's.
///
/// ```
/// present ──prepare──▶ present, next: peers are told ──use, once all of them know──▶ next, which is the present one
/// ```
package enum ServerKeyStep: Hashable, Sendable {
    case show
    /// A next key is made, unless there is one; those who connect to the daemon are told.
    case prepare
    /// The next key takes the present one's place. Refused while somebody does not know it, unless it is forced.
    case use(isForced: Bool)
}

/// How far a change of a daemon's key has come.
package struct ServerKeyState: Hashable, Sendable {
    package var key: PublicKey
    /// `nil`: nothing was prepared.
    package var next: PublicKey?
    /// Peers that have written the next key down.
    package var informed: Int
    /// Those that have not, or did not say so since the daemon was started; in order.
    package var uninformed: [PeerIdentity]
    /// The next key takes the present one's place at this moment.
    package var isInUse: Bool
    /// Open tokens that were revoked with the change: they name another key, which was changed too.
    package var revokedTokens: Int

    package init(
        key: PublicKey, next: PublicKey? = nil, informed: Int = 0, uninformed: [PeerIdentity] = [],
        isInUse: Bool = false, revokedTokens: Int = 0
    ) {
        self.key = key
        self.next = next
        self.informed = informed
        self.uninformed = uninformed
        self.isInUse = isInUse
        self.revokedTokens = revokedTokens
    }

    /// Peers that a refusal names.
    private static let namedPeers = 20

    /// Why the next key cannot be used now; `nil`: it can.
    ///
    /// - Parameter daemon: Whose key it is: `coordinator` or `collector`.
    package func problem(isForced: Bool, daemon: String) -> RemoteFailure? {
        if isInUse {
            return RemoteFailure(.unavailable, "the \(daemon) is changing its key: ask again when it is back")
        }
        guard next != nil else { return RemoteFailure(.refused, "there is no next key: prepare one first") }
        guard !uninformed.isEmpty, !isForced else { return nil }
        let names = uninformed.prefix(Self.namedPeers).map(\.description).joined(separator: ", ")
        let rest = uninformed.count > Self.namedPeers ? " and \(uninformed.count - Self.namedPeers) more" : ""
        return RemoteFailure(
            .refused,
            "\(names)\(rest) would not find the \(daemon) again: they have not said that they know its next key. Wait until "
                + "they are back; or force it, and put the key into their configuration by hand")
    }
}
