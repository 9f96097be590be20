import BookendModel
import BookendTransport
import Logging

/// A change of a key for which somebody waits.
///
/// ```
/// asked ──the new key──▶ admitting ──the collectors know it──▶ waiting ──the new key is used──▶ retiring ──▶ told
/// ```
///
/// Nothing of it is lost with this memory: a key that is admitted beside another stays so until it is used, or another one
/// takes its place; whoever asks again goes on from there.
struct PendingRotation: Sendable {
    enum Step: Hashable, Sendable {
        /// The agent was asked for a new key, in the question of this number.
        case asked(UInt64)
        /// The collectors hear of the new key.
        case admitting
        /// The agent was told in this question to use it.
        case waiting(UInt64)
        /// The collectors hear that the old one is revoked.
        case retiring
    }

    /// Changes that are waited for at once.
    static let limit = 256
    static let patience = Duration.seconds(20)

    var client: Client
    var step: Step
    var key: PublicKey?
    var deadline: BootTime
}

extension Coordinator {
    /// Asks the agent for a new key. Jobs that run there are not touched.
    func rotate(_ agent: AgentID, _ client: Client, _ now: Moment) throws(RemoteFailure) {
        let identity = PeerIdentity(role: .agent, name: agent.rawValue)
        try checkRoom(for: identity)
        let question = try open(.makeKey, of: agent, for: client, now)
        rotations[identity] = PendingRotation(
            client: client, step: .asked(question), deadline: now.boot + PendingRotation.patience)
    }

    /// Whoever asks brings his own next key; or has come with it, and waits until the old one is out everywhere.
    func rotateOwn(_ key: PublicKey, _ client: Client, _ now: Moment) throws(RemoteFailure) {
        guard let present = client.caller.key, let peer = book[present] else {
            throw RemoteFailure(
                .invalid, "this way to the coordinator takes no key, and there is none to change: connect over TCP")
        }
        try checkRoom(for: peer.identity)
        if present != key { try admit(key, of: peer.identity, pace: PeerBook.ownRotationPace, for: client, now) }
        rotations[peer.identity] = PendingRotation(
            client: client, step: present == key ? .retiring : .admitting, key: key, deadline: now.boot)
        tellCollectors(.rotation(peer.identity), now)
    }

    private func checkRoom(for identity: PeerIdentity) throws(RemoteFailure) {
        guard rotations[identity] == nil else {
            throw RemoteFailure(.unavailable, "\(identity) is changing its key already: ask again in a minute")
        }
        guard rotations.count < PendingRotation.limit, !news.isFull else {
            throw RemoteFailure(.unavailable, "many keys are being changed already: ask again in a minute")
        }
    }

    private func admit(
        _ key: PublicKey, of identity: PeerIdentity, pace: Duration = .zero, for client: Client, _ now: Moment
    ) throws(RemoteFailure) {
        let plan = try book.plan(rotating: identity, to: key, pace: pace, by: client.author, at: now.wall)
        guard !plan.isEmpty else { return }
        _ = try record(plan, "a peer has a next key", because: "rotation", client, now)
    }

    /// The agent has made it.
    func take(_ key: PublicKey, of agent: AgentID, in question: UInt64, _ now: Moment) {
        let identity = PeerIdentity(role: .agent, name: agent.rawValue)
        guard let rotation = rotations[identity], rotation.step == .asked(question) else { return }
        _ = asks.close(question)
        do throws(RemoteFailure) {
            try admit(key, of: identity, for: rotation.client, now)
        } catch {
            return end(identity, .failed(error))
        }
        rotations[identity]?.key = key
        // It may be in use already: its agent has not told all collectors yet, and keeps the old one until then.
        rotations[identity]?.step = book.successors[key] == nil ? .retiring : .admitting
        tellCollectors(.rotation(identity), now)
    }

    /// The collectors know.
    func goOn(_ identity: PeerIdentity, _ uninformed: [PeerIdentity], _ now: Moment) {
        guard let rotation = rotations[identity], let key = rotation.key else { return }
        let agent = AgentID(rawValue: identity.name)
        switch rotation.step {
        case .admitting where identity.role == .agent && routes[agent] != nil:
            let question = asks.number()
            rotations[identity]?.step = .waiting(question)
            rotations[identity]?.deadline = now.boot + PendingRotation.patience
            send(.askCall(.open(id: question, request: .useKey(key), credit: 1)), to: agent)
        case .admitting, .retiring:
            end(
                identity,
                .rotated(
                    KeyRotation(
                        identity: identity, key: key, isInUse: rotation.step == .retiring, uninformed: uninformed)))
        case .asked, .waiting: break
        }
    }

    /// A next key that is used retires the one before: from here on that is refused, and its connections are cut.
    func noteUse(of delivery: Delivery, _ now: Moment) {
        guard !book.successors.isEmpty, let key = delivery.sender?.key.map(PublicKey.init),
            let identity = delivery.peer, book.successors[key] != nil
        else { return }
        let caller = Caller(
            name: "\(identity)", origin: delivery.address?.description ?? "", standing: .nobody, key: key)
        let client = Client(
            door: .control, route: Route([]), caller: caller, request: 0, what: Deed.keyRotate.rawValue)
        do throws(RemoteFailure) {
            _ = try record(book.plan(using: key, at: now.wall), "a key was retired", because: "rotated", client, now)
        } catch {
            return  // it was logged; with the next message it is tried again
        }
        switch rotations[identity]?.step {
        case .admitting?, .waiting?:
            guard rotations[identity]?.key == key else { return }
            rotations[identity]?.step = .retiring
            tellCollectors(.rotation(identity), now)
        case .asked?, .retiring?, nil: break
        }
    }

    /// A collector tells the key that it will have: the first use of that retires the one by which it tells it.
    func admitNextKey(_ key: PublicKey?, of collector: PeerIdentity, _ delivery: Delivery, _ now: Moment) {
        guard let key, let present = delivery.sender?.key.map(PublicKey.init), key != present,
            rejectedKeys[collector] != key
        else { return }
        if let known = book[key], known.identity == collector, known.state == .admitted { return }
        let caller = Caller(
            name: "\(collector)", origin: delivery.address?.description ?? "", standing: .nobody, key: present)
        let client = Client(
            door: .sync, route: Route([]), caller: caller, request: 0, what: Deed.keyRotate.rawValue)
        do throws(RemoteFailure) {
            try admit(key, of: collector, pace: PeerBook.ownRotationPace, for: client, now)
        } catch {
            // It tells it again and again. What was only too early is admitted then.
            if error.code != .unavailable { rejectedKeys[collector] = key }
            drop("next key", "\(key)", of: delivery, error.message, now)
        }
    }

    /// The agent did not do as it was asked to.
    func endRotation(of agent: AgentID, in question: UInt64, _ failure: RemoteFailure) {
        let identity = PeerIdentity(role: .agent, name: agent.rawValue)
        switch rotations[identity]?.step {
        case .waiting(question)?: end(identity, .failed(failure))
        case .asked(question)?: rotations[identity] = nil  // whoever asked is told as of any question
        default: break
        }
    }

    /// Those that have waited long enough.
    func endRotations(_ now: Moment) {
        for (identity, rotation) in rotations {
            switch rotation.step {
            case .asked(let question):
                // Whoever asked was told already when the agent's connection broke.
                guard asks[question] != nil else {
                    rotations[identity] = nil
                    continue
                }
                guard now.boot >= rotation.deadline else { continue }
                rotations[identity] = nil
                if let ask = asks.close(question) {
                    fail([(question, ask)], "\(identity) did not answer: see its log, and ask again")
                }
            case .waiting:
                guard now.boot >= rotation.deadline, let key = rotation.key else { continue }
                end(
                    identity,
                    .rotated(KeyRotation(identity: identity, key: key, isInUse: false, uninformed: [])))
            case .admitting, .retiring: break  // the collectors have a time of their own
            }
        }
    }

    private func end(_ identity: PeerIdentity, _ answer: ControlReply) {
        guard let rotation = rotations.removeValue(forKey: identity) else { return }
        reply(answer, to: rotation.client)
    }
}
