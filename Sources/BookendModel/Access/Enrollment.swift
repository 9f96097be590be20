/// What a token's text holds: where to enroll, and the secret.
package struct EnrollmentTicket: Hashable, Sendable {
    package static let secretSize = 32

    package var endpoint: String
    /// Of the process that listens there.
    package var serverKey: PublicKey
    package var token: TokenID
    package var secret: [UInt8]
    package var peerRole: PeerRole

    package init(endpoint: String, serverKey: PublicKey, token: TokenID, secret: [UInt8], peerRole: PeerRole) {
        self.endpoint = endpoint
        self.serverKey = serverKey
        self.token = token
        self.secret = secret
        self.peerRole = peerRole
    }
}

/// Where a collector is reached from elsewhere. What is `nil` it does not say.
package struct CollectorPlace: Hashable, Sendable {
    package var key: PublicKey?
    package var intake: String?
    package var feed: String?
    package var query: String?

    package init(key: PublicKey? = nil, intake: String? = nil, feed: String? = nil, query: String? = nil) {
        self.key = key
        self.intake = intake
        self.feed = feed
        self.query = query
    }
}

/// All that a newcomer needs to find the daemons.
package struct FleetPlaces: Hashable, Sendable {
    package var sync: String
    package var broadcast: String
    package var coordinatorKey: PublicKey
    package var collectors: [CollectorPlace]

    package init(sync: String, broadcast: String, coordinatorKey: PublicKey, collectors: [CollectorPlace]) {
        self.sync = sync
        self.broadcast = broadcast
        self.coordinatorKey = coordinatorKey
        self.collectors = collectors
    }
}

/// Who a newcomer is from now on.
package struct EnrolledPeer: Hashable, Sendable {
    package var identity: PeerIdentity
    package var role: OperatorRole?
    package var labels: [String: String]
    package var places: FleetPlaces

    package init(identity: PeerIdentity, role: OperatorRole?, labels: [String: String], places: FleetPlaces) {
        self.identity = identity
        self.role = role
        self.labels = labels
        self.places = places
    }
}

package enum EnrollReply: Hashable, Sendable {
    /// An operator must approve first. Ask again, over a new connection.
    case pending(askAgainAfter: Duration)
    case admitted(EnrolledPeer)
    /// With code `unavailable`: ask again.
    case failed(RemoteFailure)
}
