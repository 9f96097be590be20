import BookendModel

/// Peers as lines.
enum PeerTables {
    static func list(_ peers: [Peer], now: UnixTime) -> Table {
        var table = Table([
            .init("NAME", shrinksTo: 8), .init("STATE"), .init("ROLE", isDispensable: true), .init("FROM"),
            .init("CHANGED", isDispensable: true), .init("BY", shrinksTo: 6, isDispensable: true),
            .init("LABELS", shrinksTo: 6, isDispensable: true),
        ])
        for peer in peers {
            table.append([
                .init(peer.identity.name), state(of: peer), .init(peer.role?.rawValue ?? "-"), .init(origin(of: peer)),
                .init(peer.generation == 0 ? "-" : Phrases.relative(peer.changedAt, to: now)),
                .init(peer.changedBy.isEmpty ? "-" : peer.changedBy), .init(labels(peer)),
            ])
        }
        return table
    }

    /// One peer.
    static func lines(_ peer: Peer, now: UnixTime) -> [String] {
        var lines = ["\(peer.identity): \(peer.state.rawValue)", "  public key  \(peer.key)"]
        lines.append("  from        \(origin(of: peer))")
        if let role = peer.role { lines.append("  role        \(role.rawValue)") }
        if !peer.labels.isEmpty { lines.append("  labels      \(SafeText.line(labels(peer)))") }
        if peer.generation > 0 {
            let time = "\(peer.changedAt.rfc3339) (\(Phrases.relative(peer.changedAt, to: now)))"
            lines.append("  changed     \(time), by \(SafeText.line(peer.changedBy))")
        }
        return lines
    }

    static func labels(_ peer: Peer) -> String {
        peer.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }

    private static func state(of peer: Peer) -> Table.Cell {
        switch peer.state {
        case .pending: .init("pending", .notice)
        case .admitted: .init("admitted", .good)
        case .revoked: .init("revoked", .bad)
        }
    }

    private static func origin(of peer: Peer) -> String {
        switch peer.origin {
        case .keyFile: "key file"
        case .token(let id): "token \(id)"
        case .rotation: "rotation"
        }
    }
}

extension Peer {
    var document: Document {
        let token: Int64? = if case .token(let id) = origin { id.rawValue } else { nil }
        let replaced: String? = if case .rotation(of: let old) = origin { old.text } else { nil }
        return .object([
            "identity": .text(identity.description), "name": .text(identity.name),
            "peer_role": .text(identity.role.rawValue), "role": Document(role?.rawValue),
            "public_key": .text(key.text), "state": .text(state.rawValue),
            "is_in_key_file": .bool(origin == .keyFile), "token_id": Document(token),
            "replaced_key": Document(replaced),
            "labels": .object(
                labels.sorted { $0.key < $1.key }.map { Document.Member(key: $0.key, value: .text($0.value)) }),
        ]) + .time("changed_at", generation == 0 ? nil : changedAt) + .object(["changed_by": Document(changedBy)])
    }
}

extension PeerTables {
    static func tokens(_ tokens: [EnrollmentToken], now: UnixTime) -> Table {
        var table = Table([
            .init("TOKEN", .right), .init("STATE"), .init("USES", .right), .init("EXPIRES"),
            .init("NAME", shrinksTo: 6, isDispensable: true), .init("ROLE", isDispensable: true),
            .init("APPROVAL", isDispensable: true), .init("BY", shrinksTo: 6, isDispensable: true),
            .init("LABELS", shrinksTo: 6, isDispensable: true),
        ])
        for token in tokens {
            let labels = token.allows.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            table.append([
                .init(token.id.description), state(of: token, now: now),
                .init("\(token.allows.uses - token.usesLeft)/\(token.allows.uses)"),
                .init(Phrases.relative(token.expires, to: now)), .init(token.allows.name ?? "-"),
                .init(token.allows.operatorRole?.rawValue ?? "-"), .init(token.needsApproval ? "needed" : "-"),
                .init(token.madeBy), .init(labels.joined(separator: " ")),
            ])
        }
        return table
    }

    private static func state(of token: EnrollmentToken, now: UnixTime) -> Table.Cell {
        if token.isRevoked { return .init("revoked", .bad) }
        if now >= token.expires { return .init("expired", .faint) }
        return token.usesLeft > 0 ? .init("live", .good) : .init("used up", .faint)
    }
}

extension EnrollmentToken {
    var document: Document {
        .object([
            "token_id": Document(id.rawValue), "peer_role": .text(allows.peerRole.rawValue),
            "role": Document(allows.operatorRole?.rawValue), "name": Document(allows.name),
            "labels": .object(
                allows.labels.sorted { $0.key < $1.key }.map { Document.Member(key: $0.key, value: .text($0.value)) }),
            "uses": Document(allows.uses), "uses_left": Document(usesLeft), "needs_approval": .bool(needsApproval),
            "is_revoked": .bool(isRevoked), "made_by": .text(madeBy),
        ]) + .time("made_at", madeAt) + .time("expires_at", expires)
    }
}
