package import BookendModel

/// What a peer of a server did and may not do, so many times within some seconds. Whoever does worse than ask was cut off.
package struct PeerFault: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable {
        /// Bytes without the end of a message; see ``SocketLimits/messageBytes``. Cut off.
        case endless = "message.endless"
        /// A subscription that was not authorized.
        case topic = "topic.subscribe"
        /// More subscriptions than anybody needs. Cut off.
        case flood = "topic.flood"
        /// Something else than a subscription, to a publisher. Cut off.
        case stray = "topic.misuse"
        /// A routing id of the peer's own choice. Cut off.
        case route = "route.choose"
    }

    package var kind: Kind
    /// By the key that it proved; `nil`: it said nothing by which it would be known, or these are several peers.
    package var peer: PeerIdentity?
    /// The latest's address; empty: unknown.
    package var address: String
    /// The latest's: the topic, the route, how many bytes.
    package var detail: String
    package var times: Int64

    package init(_ kind: Kind, by peer: PeerIdentity?, at address: String, _ detail: String, times: Int64 = 1) {
        self.kind = kind
        self.peer = peer
        self.address = address
        self.detail = detail
        self.times = times
    }
}

/// Faults until somebody is told of them.
struct FaultCount {
    /// Kinds and peers that are told apart; the others are counted by kind.
    static let limit = 16

    private struct Key: Hashable {
        var kind: PeerFault.Kind
        var peer: PeerIdentity?
    }

    private var faults: [Key: PeerFault] = [:]

    var isEmpty: Bool { faults.isEmpty }

    mutating func note(_ fault: PeerFault) {
        var key = Key(kind: fault.kind, peer: fault.peer)
        if faults[key] == nil, faults.count >= Self.limit { key.peer = nil }
        var counted = fault
        counted.peer = key.peer
        counted.times += faults[key]?.times ?? 0
        faults[key] = counted
    }

    mutating func take() -> [PeerFault] {
        defer { faults = [:] }
        return faults.values.sorted {
            ("\($0.peer, default: "")", $0.kind.rawValue) < ("\($1.peer, default: "")", $1.kind.rawValue)
        }
    }
}
