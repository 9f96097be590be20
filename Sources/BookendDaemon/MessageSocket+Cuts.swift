package import BookendTransport
package import Logging

extension MessageSocket {
    /// Logs which peers of this server were cut off because they sent without an end, until the socket closes.
    package func logCuts(to logger: Logger) async {
        for await case .cut(let peer, let bytes) in connectionEvents {
            logger.error(
                "a peer sent without ever ending its message, and was cut off: revoke its key if it does so again",
                metadata: ["peer": "\(peer)", "bytes": "\(bytes)"])
        }
    }
}
