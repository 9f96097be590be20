import BookendDaemon
import BookendModel
import BookendTransport
import Logging

/// Who asks something.
struct Caller: Hashable, Sendable {
    /// `operator/alice` by the key, or `local/1000` by the user that reached the Unix socket.
    var name: String
    /// Where from, as the system says.
    var origin: String
    var standing: Standing
    /// By which it proved itself; `nil`: the Unix socket's file guards that way.
    var key: PublicKey?
}

// Who may do what, and what becomes of those who may not.
extension Coordinator {
    func caller(of delivery: Delivery, at door: Doors.Name) -> Caller {
        let origin = delivery.address?.description ?? ""
        // The socket's file guards this way.
        if door == .control, !doors.control.endpoint.isTCP {
            if case .process(let uid, _, _) = delivery.address {
                return Caller(name: "local/\(uid)", origin: origin, standing: .admin)
            }
            return Caller(name: "local", origin: origin, standing: .admin)
        }
        guard let sender = delivery.sender else { return Caller(name: "unknown", origin: origin, standing: .nobody) }
        return Caller(
            name: sender.identity.description, origin: origin, standing: keyFile.ring.standing(of: sender),
            key: sender.key.map(PublicKey.init))
    }

    /// Answers whoever may not.
    func mayDo(_ request: ControlRequest, _ client: Client, _ now: Moment) -> Bool {
        let (deed, caller) = (request.deed, client.caller)
        if deed.isAllowed(as: caller.standing) { return true }
        let failure = deed.refusal(of: caller.name, as: caller.standing)
        refuse(
            Refusal(
                who: caller.name, origin: caller.origin, what: deed.rawValue, target: request.target,
                reason: failure.message), now)
        reply(.failed(failure), to: client)
        return false
    }

    /// A peer sent what its key does not entitle it to send; it is dropped.
    func drop(_ what: String, _ target: String, of delivery: Delivery, _ reason: String, _ now: Moment) {
        refuse(
            Refusal(
                who: delivery.peer?.description ?? "unknown", origin: delivery.address?.description ?? "", what: what,
                target: target, reason: reason), now)
    }

    /// - Parameter reporter: The collector that refused; `nil`: this coordinator did.
    func refuse(_ refusal: Refusal, reporter: String? = nil, _ now: Moment) {
        var refusal = refusal
        if let reporter { refusal.reason = "told by \(reporter): \(refusal.reason)" }
        let isStranger = refusal.isStranger
        let news = isStranger ? strangers.note(refusal, at: now.boot) : refusals.note(refusal, at: now.boot)
        if let news { tell([news], now) }
    }

    /// What a socket saw.
    func refuse(_ refusal: Refusal) {
        refuse(refusal, clock.now)
    }

    /// Those that were counted for a minute.
    func tellRefusals(_ now: Moment) {
        tell(refusals.due(at: now.boot) + strangers.due(at: now.boot), now)
    }

    func tell(_ refused: [Refusal], _ now: Moment) {
        for refusal in refused {
            logger.warning(
                "something was refused",
                metadata: [
                    "who": "\(refusal.who)", "from": "\(refusal.origin)", "what": "\(refusal.what)",
                    "target": "\(refusal.target)", "times": "\(refusal.count)", "reason": "\(refusal.reason)",
                    "refused": "\(refusals.total + strangers.total)",
                ])
        }
        if !refused.isEmpty { audit(refused.map { AuditDraft($0) }, now) }
    }
}
