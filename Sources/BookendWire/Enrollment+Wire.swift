import BookendModel
import FoundationEssentials

extension ProtoEnrollmentTicket {
    init(_ ticket: EnrollmentTicket) {
        self.init()
        endpoint = ticket.endpoint
        serverKey = ticket.serverKey.text
        tokenID = ticket.token.rawValue
        secret = .init(ticket.secret)
        peerRole = ticket.peerRole.rawValue
    }
}

extension EnrollmentTicket {
    init(_ proto: ProtoEnrollmentTicket) throws(WireError) {
        guard proto.secret.count == Self.secretSize else {
            throw WireError(.invalid, "secret: \(proto.secret.count) bytes are not \(Self.secretSize)")
        }
        self.init(
            endpoint: try proto.endpoint.bounded(512, "endpoint"),
            serverKey: try PublicKey(wire: proto.serverKey, "server_key"), token: try TokenID(wire: proto.tokenID),
            secret: [UInt8](proto.secret), peerRole: try PeerRole(wire: proto.peerRole, "peer_role"))
    }
}

extension ProtoEnrollRequest {
    init(_ request: EnrollRequest) {
        self.init()
        tokenID = request.token.rawValue
        secret = .init(request.secret)
        if let text = request.name { name = text }
    }
}

extension EnrollRequest {
    init(_ proto: ProtoEnrollRequest) throws(WireError) {
        guard proto.secret.count == EnrollmentTicket.secretSize else {
            throw WireError(.invalid, "secret: \(proto.secret.count) bytes are not \(EnrollmentTicket.secretSize)")
        }
        self.init(
            token: try TokenID(wire: proto.tokenID), secret: [UInt8](proto.secret),
            name: proto.hasName ? try AgentID(wire: proto.name, "name").rawValue : nil)
    }
}

extension ProtoCollectorPlace {
    init(_ place: CollectorPlace) {
        self.init()
        publicKey = place.key?.text ?? ""
        if let text = place.intake { intake = text }
        if let text = place.feed { feed = text }
        if let text = place.query { query = text }
    }
}

extension CollectorPlace {
    init(_ proto: ProtoCollectorPlace) throws(WireError) {
        self.init(
            key: proto.publicKey.isEmpty ? nil : try PublicKey(wire: proto.publicKey),
            intake: proto.hasIntake ? try proto.intake.bounded(512, "intake") : nil,
            feed: proto.hasFeed ? try proto.feed.bounded(512, "feed") : nil,
            query: proto.hasQuery ? try proto.query.bounded(512, "query") : nil)
    }
}

extension ProtoEnrollReply {
    init(_ value: EnrollReply) {
        self.init()
        switch value {
        case .pending(let delay):
            var pending = Pending()
            pending.askAgainMs = delay.milliseconds
            reply = .pending(pending)
        case .admitted(let peer):
            var admitted = Admitted()
            admitted.identity = peer.identity.description
            admitted.role = ProtoOperatorRole(peer.role)
            admitted.labels = peer.labels
            admitted.sync = peer.places.sync
            admitted.broadcast = peer.places.broadcast
            admitted.coordinatorKey = peer.places.coordinatorKey.text
            admitted.collectors = peer.places.collectors.map(ProtoCollectorPlace.init)
            reply = .admitted(admitted)
        case .failed(let failure): reply = .failure(ProtoFailure(failure))
        }
    }
}

extension EnrollReply {
    init(_ proto: ProtoEnrollReply) throws(WireError) {
        switch try required(proto.reply, "enroll_reply") {
        case .pending(let pending):
            guard (100...3_600_000).contains(pending.askAgainMs) else {
                throw WireError(.invalid, "ask_again_ms: \(pending.askAgainMs) is not in 100...3600000")
            }
            self = .pending(askAgainAfter: .milliseconds(pending.askAgainMs))
        case .admitted(let admitted):
            self = .admitted(
                EnrolledPeer(
                    identity: try PeerIdentity(wire: admitted.identity), role: try OperatorRole.from(admitted.role),
                    labels: try admitted.labels.checkedAsLabels("labels"),
                    places: FleetPlaces(
                        sync: try admitted.sync.bounded(512, "sync"),
                        broadcast: try admitted.broadcast.bounded(512, "broadcast"),
                        coordinatorKey: try PublicKey(wire: admitted.coordinatorKey, "coordinator_key"),
                        collectors: try admitted.collectors.bounded(64, "collectors").map {
                            place throws(WireError) in try CollectorPlace(place)
                        })))
        case .failure(let failure): self = .failed(try RemoteFailure(failure))
        }
    }
}
