package import BookendTransport
package import Logging

extension MessageSocket {
    /// Logs which peers of this server were cut off because they sent without an end, and tells who was turned away, until
    /// the socket closes.
    ///
    /// - Parameter turnedAway: Called at most some ten times every two seconds, with an address, which is empty for many
    ///   of them, and how often.
    package func watchPeers(
        _ logger: Logger, turnedAway: @Sendable (_ address: String, _ times: Int64) async -> Void
    ) async {
        for await event in connectionEvents {
            switch event {
            case .cut(let peer, let bytes):
                logger.error(
                    "a peer sent without ever ending its message, and was cut off: revoke its key if it does so again",
                    metadata: ["peer": "\(peer)", "bytes": "\(bytes)"])
            case .turnedAway(let address, let times): await turnedAway(address, times)
            case .connected, .lost: break  // only on a client
            }
        }
    }
}
