import BookendModel

extension PeerRole {
    init(wire text: String, _ field: String) throws(WireError) {
        guard let role = Self(rawValue: text) else { throw WireError(.invalid, "\(field): not the role of a peer") }
        self = role
    }
}

extension PeerIdentity {
    init(wire text: String, _ field: String = "identity") throws(WireError) {
        guard let identity = Self(text) else { throw WireError(.invalid, "\(field): not role/name") }
        self = identity
    }
}

extension PublicKey {
    init(wire text: String, _ field: String = "public_key") throws(WireError) {
        guard let key = Self(checking: text) else { throw WireError(.invalid, "\(field): not 40 characters of Z85") }
        self = key
    }
}

extension TokenID {
    init(wire number: Int64) throws(WireError) {
        guard number > 0 else { throw WireError(.invalid, "token_id: \(number) is not positive") }
        self.init(rawValue: number)
    }
}

extension ProtoOperatorRole {
    init(_ role: OperatorRole?) {
        switch role {
        case .viewer: self = .viewer
        case .operator: self = .operator
        case .admin: self = .admin
        case nil: self = .unspecified
        }
    }
}

extension OperatorRole {
    /// `nil`: not said.
    static func from(_ proto: ProtoOperatorRole) throws(WireError) -> OperatorRole? {
        switch proto {
        case .unspecified: nil
        case .viewer: .viewer
        case .operator: .operator
        case .admin: .admin
        case .UNRECOGNIZED(let number): throw WireError(.invalid, "role: unknown value \(number)")
        }
    }
}

extension ProtoPeer {
    init(_ peer: Peer) {
        self.init()
        identity = peer.identity.description
        publicKey = peer.key.text
        labels = peer.labels
        role = ProtoOperatorRole(peer.role)
        switch peer.state {
        case .pending: state = .pending
        case .admitted: state = .admitted
        case .revoked: state = .revoked
        }
        generation = peer.generation
        changedUnixMs = peer.changedAt.milliseconds
        changedBy = peer.changedBy
        switch peer.origin {
        case .keyFile: break
        case .token(let id): tokenID = id.rawValue
        case .rotation(of: let old): replacedKey = old.text
        }
    }
}

extension Peer {
    init(_ proto: ProtoPeer) throws(WireError) {
        let state: State
        switch proto.state {
        case .pending: state = .pending
        case .admitted: state = .admitted
        case .revoked: state = .revoked
        case .unspecified, .UNRECOGNIZED:
            throw WireError(.invalid, "peer.state: unknown value \(proto.state.rawValue)")
        }
        let origin: Origin =
            if proto.hasTokenID {
                .token(try TokenID(wire: proto.tokenID))
            } else if proto.hasReplacedKey {
                .rotation(of: try PublicKey(wire: proto.replacedKey, "replaced_key"))
            } else {
                .keyFile
            }
        self.init(
            identity: try PeerIdentity(wire: proto.identity), key: try PublicKey(wire: proto.publicKey),
            labels: try proto.labels.checkedAsLabels("peer.labels"), role: try OperatorRole.from(proto.role),
            state: state, origin: origin,
            generation: proto.generation, changedAt: UnixTime(milliseconds: proto.changedUnixMs),
            changedBy: try proto.changedBy.bounded(256, "peer.changed_by"))
    }

    static func list(_ protos: [ProtoPeer]) throws(WireError) -> [Peer] {
        try protos.map { peer throws(WireError) in try Peer(peer) }
    }
}

extension ProtoTokenDraft {
    init(_ draft: TokenDraft) {
        self.init()
        peerRole = draft.peerRole.rawValue
        role = ProtoOperatorRole(draft.operatorRole)
        if let text = draft.name { name = text }
        labels = draft.labels
        uses = Int32(clamping: draft.uses)
        lifetimeMs = draft.lifetime.milliseconds
        if let isNeeded = draft.needsApproval { needsApproval = isNeeded }
    }
}

extension TokenDraft {
    init(_ proto: ProtoTokenDraft) throws(WireError) {
        self.init(
            peerRole: try PeerRole(wire: proto.peerRole, "peer_role"), operatorRole: try OperatorRole.from(proto.role),
            name: proto.hasName ? try AgentID(wire: proto.name, "name").rawValue : nil,
            labels: try proto.labels.checkedAsLabels("labels"), uses: Int(proto.uses),
            lifetime: .milliseconds(proto.lifetimeMs),
            needsApproval: proto.hasNeedsApproval ? proto.needsApproval : nil)
    }
}

extension ProtoEnrollmentToken {
    init(_ token: EnrollmentToken) {
        self.init()
        id = token.id.rawValue
        allows = ProtoTokenDraft(token.allows)
        usesLeft = Int32(clamping: token.usesLeft)
        needsApproval = token.needsApproval
        madeUnixMs = token.madeAt.milliseconds
        madeBy = token.madeBy
        isRevoked = token.isRevoked
    }
}

extension EnrollmentToken {
    init(_ proto: ProtoEnrollmentToken) throws(WireError) {
        self.init(
            id: try TokenID(wire: proto.id), allows: try TokenDraft(proto.allows), usesLeft: Int(proto.usesLeft),
            needsApproval: proto.needsApproval, madeAt: UnixTime(milliseconds: proto.madeUnixMs),
            madeBy: try proto.madeBy.bounded(256, "token.made_by"), isRevoked: proto.isRevoked)
    }
}
