import BookendDaemon
import BookendDigest
import BookendModel
import BookendTransport
import BookendWire
import Logging

// Tokens, and who comes with them.
extension Coordinator {
    func makeToken(_ draft: TokenDraft, _ client: Client, _ now: Moment) throws(RemoteFailure) {
        guard let enrollment else {
            throw RemoteFailure(
                .refused,
                "this coordinator enrolls nobody: set enrollment and advertise in coordinator.yaml, and start it anew")
        }
        let secret = SecretBytes.random(EnrollmentTicket.secretSize)
        let token = try book.plan(
            draft, secretDigest: SHA256.hash(secret).bytes, needsApproval: enrollment.needsApproval, by: client.author,
            at: now.wall)
        try keep(token, "a token was made", client, now)
        let ticket = EnrollmentTicket(
            endpoint: enrollment.endpoint, serverKey: enrollment.gateKey, token: token.id, secret: secret,
            peerRole: draft.peerRole)
        tendGate(now)
        reply(.tokenMade(token, text: TokenText.render(ticket)), to: client)
    }

    func revokeToken(_ id: TokenID, _ client: Client, _ now: Moment) throws(RemoteFailure) {
        let token = try book.plan(revoking: id)
        try keep(token, "a token was revoked", client, now)
        tendGate(now)
        reply(.tokens([token]), to: client)
    }

    private func keep(
        _ token: EnrollmentToken, _ what: Logger.Message, _ client: Client, _ now: Moment
    ) throws(RemoteFailure) {
        let allows = token.allows
        let bearer = [
            allows.peerRole.rawValue, allows.operatorRole.map { "(\($0.rawValue))" }, allows.name,
            allows.labels.isEmpty
                ? nil : allows.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " "),
            token.needsApproval ? "to be approved" : nil,
        ].compactMap(\.self).joined(separator: " ")
        let line = client.audit(.done, on: "token \(token.id)", "for \(bearer), uses \(allows.uses)")
        _ = try stored { () throws(CoordinatorError) in
            try store.record(AccessChange(tokens: [token]), audit: [line], at: now.wall)
        }
        book.take([], tokens: [token])
        logger.notice(
            what,
            metadata: [
                "token": "\(token.id)", "for": "\(token.allows.peerRole.rawValue)", "uses": "\(token.allows.uses)",
                "expires": "\(token.expires.milliseconds)", "by": "\(client.author)",
            ])
    }

    // MARK: The gate

    /// Opens and closes the gate as tokens live and die.
    func tendGate(_ now: Moment) {
        guard let enrollment else { return }
        switch keeper.tend(isWanted: book.isGateOpen(at: now.wall), at: now.boot, open: enrollment.open) {
        case .opened(let gate):
            logger.notice("enrollment is open", metadata: ["endpoint": "\(enrollment.endpoint)"])
            let requests = gate.requests
            // Ends with the gate's process, which this actor stops at the latest in `finish`.
            Task { [weak gate] in
                for await request in requests {
                    if let gate { self.answer(request, gate) }
                }
            }
        case .closed: logger.notice("enrollment is closed")
        case .failed(let reason):
            logger.error("enrollment has failed; it is opened again soon", metadata: ["reason": "\(reason)"])
        case nil: break
        }
    }

    private func answer(_ request: GateProcess.Request, _ gate: GateProcess) {
        let now = clock.now
        gate.answer(request.number, Wire.encode(.enrollReply(judge(request, now))))
        flush(now)
    }

    private func judge(_ request: GateProcess.Request, _ now: Moment) -> EnrollReply {
        let message: EnrollRequest
        do throws(WireError) {
            guard case .enrollRequest(let decoded) = try Wire.decode(request.message) else {
                throw WireError(.invalid, "only requests to enroll are read here")
            }
            message = decoded
        } catch {
            refuse(.newcomer("a message", error.message), now)
            return .failed(RemoteFailure(.invalid, "this cannot be read: \(error.message)"))
        }
        switch book.judge(message, of: request.key, with: verified(message), at: now.wall) {
        case .known(let peer): return welcome(peer)
        case .refused(let failure):
            refuse(.newcomer("token \(message.token)", failure.message), now)
            return .failed(failure)
        case .new(let peer, let token):
            let caller = Caller(name: peer.changedBy, origin: "", standing: .nobody)
            let client = Client(door: .control, route: Route([]), caller: caller, request: 0, what: "peer.enroll")
            do throws(RemoteFailure) {
                let recorded = try record([peer], token: token, "a peer was enrolled", client, now)
                tendGate(now)
                return recorded.first.map(welcome) ?? .failed(RemoteFailure(.refused, "this key was revoked"))
            } catch {
                return .failed(error)
            }
        }
    }

    /// The token that the request names, if its secret is right. Takes as long for a wrong one.
    private func verified(_ request: EnrollRequest) -> EnrollmentToken? {
        let digest = SHA256.hash(request.secret)
        guard let token = book.tokens[request.token], let known = Digest(bytes: token.secretDigest) else { return nil }
        return known == digest ? token : nil
    }

    private func welcome(_ peer: Peer) -> EnrollReply {
        guard let enrollment else { return .failed(RemoteFailure(.unavailable, "enrollment was closed")) }
        if peer.state == .pending { return .pending(askAgainAfter: .seconds(2)) }
        let places = collectorPlaces.sorted { $0.key < $1.key }.map(\.value)
        if peer.identity.role == .agent, !places.contains(where: { $0.intake != nil }) {
            return .failed(
                RemoteFailure(
                    .unavailable,
                    "no collector has said where agents reach it: set advertise.intake in collector.yaml, and see that "
                        + "the collector runs"))
        }
        return .admitted(
            EnrolledPeer(
                identity: peer.identity, role: peer.role, labels: peer.labels,
                places: FleetPlaces(
                    sync: enrollment.sync, broadcast: enrollment.broadcast,
                    coordinatorKey: enrollment.coordinatorKey, collectors: places)))
    }
}

extension Refusal {
    /// All newcomers together: they choose their keys as they like.
    fileprivate static func newcomer(_ target: String, _ reason: String) -> Refusal {
        Refusal(who: "newcomer", origin: "", what: "enroll", target: target, reason: reason)
    }
}
