import BookendModel

extension PublicKey {
    /// - Returns: `nil` when the field is absent.
    init?(wire text: String, isThere: Bool, _ field: String) throws(WireError) {
        guard isThere else { return nil }
        try self.init(wire: text, field)
    }
}

extension ProtoServerKeyRequest {
    init(_ value: ServerKeyStep) {
        self.init()
        switch value {
        case .show: step = .show
        case .prepare: step = .prepare
        case .use(let force):
            step = .use
            isForced = force
        }
    }
}

extension ServerKeyStep {
    init(_ proto: ProtoServerKeyRequest) throws(WireError) {
        switch proto.step {
        case .show: self = .show
        case .prepare: self = .prepare
        case .use: self = .use(isForced: proto.isForced)
        case .unspecified, .UNRECOGNIZED:
            throw WireError(.invalid, "server_key.step: unknown value \(proto.step.rawValue)")
        }
    }
}

extension ProtoServerKeyState {
    init(_ state: ServerKeyState) {
        self.init()
        publicKey = state.key.text
        if let next = state.next { nextKey = next.text }
        informed = Int32(clamping: state.informed)
        uninformed = state.uninformed.map(\.description)
        isInUse = state.isInUse
        revokedTokens = Int32(clamping: state.revokedTokens)
    }
}

extension ServerKeyState {
    init(_ proto: ProtoServerKeyState) throws(WireError) {
        self.init(
            key: try PublicKey(wire: proto.publicKey),
            next: try PublicKey(wire: proto.nextKey, isThere: proto.hasNextKey, "next_key"),
            informed: Int(max(0, proto.informed)),
            uninformed: try proto.uninformed.bounded(20_000, "uninformed").map {
                identity throws(WireError) in try PeerIdentity(wire: identity)
            }, isInUse: proto.isInUse, revokedTokens: Int(max(0, proto.revokedTokens)))
    }
}
