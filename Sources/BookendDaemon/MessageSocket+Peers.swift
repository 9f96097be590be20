package import BookendModel
package import BookendTransport
package import Logging

extension MessageSocket {
    /// Tells what peers of this server did that they may not do, and who was turned away, until the socket closes. Logs whom
    /// it had to cut off because memory ran short.
    ///
    /// - Parameter refused: Called at most some thirty times every two seconds.
    package func watchPeers(_ logger: Logger, refused: @Sendable (Refusal) async -> Void) async {
        for await event in connectionEvents {
            switch event {
            case .fault(let fault):
                if fault.kind == .endless {
                    logger.error(
                        "a peer sent without ever ending its message, and was cut off: revoke its key if it does so again",
                        metadata: [
                            "peer": "\(fault.peer.map { "\($0) at " } ?? "")\(fault.address)",
                            "connections": "\(fault.times)",
                            "latest": "\(fault.detail)",
                        ])
                }
                await refused(Refusal(fault))
            case .turnedAway(let address, let times): await refused(.stranger(at: address, times: times))
            case .connected, .lost: break  // only on a client
            }
        }
    }
}

extension Refusal {
    init(_ fault: PeerFault) {
        let reason =
            switch fault.kind {
            case .endless: "it sent without ever ending its message, and was cut off"
            case .topic: "the topic is not this peer's"
            case .flood: "it subscribed more often than anybody needs, and was cut off"
            case .stray: "it sent a publisher what is no subscription, and was cut off"
            case .route: "it chose its own routing id, and was cut off"
            }
        self.init(
            who: fault.peer?.description ?? "unknown", origin: fault.address, what: fault.kind.rawValue,
            target: fault.detail, reason: reason, count: fault.times)
    }
}
