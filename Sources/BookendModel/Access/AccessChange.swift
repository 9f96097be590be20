/// What is to be recorded of who may come in: all of it or nothing.
package struct AccessChange: Hashable, Sendable {
    /// By their keys. One that is revoked stays revoked.
    package var peers: [Peer]
    /// Keys of peers that leave no trace: nobody ever came with them. One that is revoked stays.
    package var forgotten: [PublicKey]
    package var tokens: [EnrollmentToken]

    package init(peers: [Peer] = [], forgotten: [PublicKey] = [], tokens: [EnrollmentToken] = []) {
        self.peers = peers
        self.forgotten = forgotten
        self.tokens = tokens
    }
}
