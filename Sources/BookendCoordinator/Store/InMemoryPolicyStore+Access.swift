package import BookendModel
import Synchronization

extension InMemoryPolicyStore {
    package func access() throws(CoordinatorError) -> (peers: [Peer], tokens: [EnrollmentToken]) {
        contents.withLock { contents in
            (
                contents.peers.values.sorted { $0.generation < $1.generation },
                contents.tokens.values.sorted { $0.id < $1.id }
            )
        }
    }

    package func record(
        _ change: AccessChange, audit: [AuditDraft], at now: UnixTime
    ) throws(CoordinatorError) -> [Peer] {
        contents.withLock { contents in
            contents.append(audit, at: now)
            for token in change.tokens { contents.tokens[token.id] = token }
            for key in change.forgotten where contents.peers[key]?.state != .revoked { contents.peers[key] = nil }
            var recorded: [Peer] = []
            for var peer in change.peers where contents.peers[peer.key]?.state != .revoked {
                contents.peerGeneration += 1
                peer.generation = contents.peerGeneration
                contents.peers[peer.key] = peer
                recorded.append(peer)
            }
            return recorded
        }
    }

    package func forget(_ tokens: [TokenID]) throws(CoordinatorError) {
        contents.withLock { contents in
            for token in tokens { contents.tokens[token] = nil }
        }
    }
}
