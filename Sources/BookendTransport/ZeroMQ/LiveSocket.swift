import BookendModel
import CZeroMQ
import Glibc

/// A socket on its own thread: libzmq's part, and what its handle asks of it.
///
///     outbox ─▶ pending ─▶ libzmq ─▶ delivery queue
final class LiveSocket {
    /// What libzmq gets or gives in one round, at most, before the other sockets have their turn.
    static let messagesPerRound = 256
    /// Senders that were spelled out once; more than that many peers, and the memory starts again.
    private static let senderLimit = 20_000

    let handle: ZeroMQSocket
    let plan: SocketPlan
    /// `nil` while a client waits for its next attempt.
    var raw: RawSocket?
    /// A client's connection; `nil` on a server.
    var connection: Connection?
    /// A client's: its own, and its server's.
    var keys = KeyChoice<CurveKeyPair>()
    var serverKeys = KeyChoice<CurveKey>()

    private var pending: ArraySlice<Message> = []
    /// libzmq takes nothing more for now.
    private(set) var isStuck = false
    /// What a router's slow peers wait for.
    private var backlog: RouteBacklog
    private var senders: [String: Sender] = [:]
    private var traffic = TrafficWatch()
    private var faults = FaultCount()
    var subscribers = SubscriberBook()
    /// On a publisher: tells which connections ended.
    let monitor: RawSocket?
    /// Over which descriptors whom was heard in this round: whoever is at their other ends was looked up.
    var heard: [Int32: String] = [:]

    init(handle: ZeroMQSocket, plan: SocketPlan, raw: RawSocket?, monitor: RawSocket? = nil) {
        self.handle = handle
        self.plan = plan
        self.raw = raw
        self.monitor = monitor
        backlog = RouteBacklog(limit: max(plan.limits.outboxMessages / 4, 1))
    }

    /// Slow peers are to be tried again soon.
    var hasBacklog: Bool { !backlog.isEmpty }

    /// Whether a round left something that libzmq would take.
    var hasMoreToSend: Bool { !isStuck && !pending.isEmpty && isUp }

    /// A client's messages wait for its connection.
    private var isUp: Bool { raw != nil && connection?.isConnected ?? true }

    /// Whether the socket is to be read: a publisher always is, since authorizing cannot wait for a consumer.
    var wantsToReceive: Bool {
        if case .publisher = plan.kind { return true }
        return handle.queue.room().messages > 0
    }

    // MARK: Sending

    /// Gives libzmq what waits, at most so many messages.
    func flush(limit: Int = messagesPerRound * 4) {
        guard let raw, isUp else { return }
        isStuck = false
        let now = ContinuousClock.now
        var messages = 0
        var bytes = 0
        var undeliverable: [Message] = []
        func left(_ message: Message, isSent: Bool) {
            messages += 1
            bytes += message.byteCount
            if !isSent { undeliverable.append(message) }
        }
        backlog.retry(at: now, send: raw.send, left: left)
        for _ in 0..<limit {
            if pending.isEmpty { pending = handle.outbox.take()[...] }
            guard let message = pending.first else { break }
            if let route = message.route, backlog.holds(route) {
                if !backlog.add(message, to: route, at: now) { left(message, isSent: false) }
            } else {
                switch (raw.send(message), message.route) {
                case (.sent, _): left(message, isSent: true)
                case (.noRoute, _): left(message, isSent: false)
                case (.full, let route?):
                    _ = backlog.add(message, to: route, at: now)  // the first there always has room
                case (.full, nil): isStuck = true
                }
            }
            if isStuck { break }
            pending = pending.dropFirst()
        }
        handle.outbox.settle(messages: messages, bytes: bytes)
        report(undeliverable, sent: messages - undeliverable.count)
    }

    private func report(_ undeliverable: [Message], sent: Int) {
        guard sent > 0 || !undeliverable.isEmpty else { return }
        var discarded = 0
        if case .router = plan.kind {
            discarded = undeliverable.reduce(0) { $0 + (handle.queue.offer(Delivery(.undeliverable($1))) ? 0 : 1) }
        }
        handle.count {
            $0.sent += sent
            $0.undeliverable += undeliverable.count
            $0.discarded += discarded
        }
    }

    /// Forgets all that waits to be sent.
    func dropUnsent() {
        handle.outbox.settle(messages: pending.count, bytes: pending.reduce(0) { $0 + $1.byteCount })
        pending = []
        handle.outbox.drop()
        isStuck = false
    }

    // MARK: Receiving

    /// Hands over what has arrived, at most so many messages, as far as there is room.
    func receive(limit: Int = messagesPerRound) {
        guard let raw else { return }
        if case .publisher(let welcome, let authorize) = plan.kind {
            return receiveSubscriptions(raw, welcome, authorize)
        }
        heard.removeAll(keepingCapacity: true)
        var room = handle.queue.room()
        var batch: [Delivery] = []
        var revoked = 0
        var discarded = 0
        var count = 0
        while count < limit, room.messages > 0, room.bytes > 0,
            let arrival = raw.receive(frameLimit: plan.limits.frames + 1, withAddress: plan.isServer)
        {
            count += 1
            guard let sender = admitted(arrival) else {
                revoked += 1
                continue
            }
            if sender.proved != nil, hasChosenRoute(arrival) {
                cut(arrival, for: .route, arrival.frames.first?.readable ?? "")
                discarded += 1
                continue
            }
            guard let message = message(of: arrival) else {
                discarded += 1
                continue
            }
            let delivery = Delivery(
                .message(message), from: sender.proved,
                at: arrival.address.flatMap { PeerAddress(property: $0, isUnix: !plan.endpoint.isTCP) })
            batch.append(delivery)
            room.messages -= 1
            room.bytes -= delivery.byteCount
        }
        handle.queue.push(batch)
        guard count > 0 else { return }
        handle.count {
            $0.received += batch.count
            $0.fromRevoked += revoked
            $0.discarded += discarded
        }
    }

    func offer(_ delivery: Delivery) {
        let isTaken = handle.queue.offer(delivery)
        handle.count {
            $0.received += 1
            if !isTaken { $0.discarded += 1 }
        }
    }

    private func message(of arrival: RawSocket.Arrival) -> Message? {
        guard case .router = plan.kind else {
            return arrival.isOverlong || arrival.frames.count > plan.limits.frames ? nil : Message(arrival.frames)
        }
        guard !arrival.isOverlong, arrival.frames.count > 1 else { return nil }
        return Message(Array(arrival.frames.dropFirst()), to: Route(arrival.frames[0]))
    }

    /// Who sent this, where it matters; `nil`: a key that is not admitted (any more).
    func admitted(_ arrival: RawSocket.Arrival) -> Provenance? {
        guard case .curveServer(_, let ring) = plan.guard else { return .unproved }
        guard let userID = arrival.userID, let sender = spelledOut(userID), ring.isAdmitted(sender) else { return nil }
        if let descriptor = arrival.descriptor { traffic.hear(descriptor, sender.identity) }
        if let descriptor = arrival.descriptor, heard[descriptor] != userID {
            heard[descriptor] = userID
            handle.connections.note(descriptor, of: sender)
            // Revoked in between: then nobody has cut it yet.
            if !ring.isAdmitted(sender) { handle.disconnectRevoked() }
        }
        return .proved(sender)
    }

    func spelledOut(_ userID: String) -> Sender? {
        if let sender = senders[userID] { return sender }
        guard let sender = UserID.parse(userID) else { return nil }
        if senders.count >= Self.senderLimit { senders = [:] }
        senders[userID] = sender
        return sender
    }

    // MARK: Faults

    func note(_ kind: PeerFault.Kind, of arrival: RawSocket.Arrival, _ detail: String) {
        let sender = arrival.userID.flatMap { spelledOut($0) }
        faults.note(PeerFault(kind, by: sender?.identity, at: arrival.address ?? "", detail))
    }

    func cut(_ arrival: RawSocket.Arrival, for kind: PeerFault.Kind, _ detail: String) {
        note(kind, of: arrival, detail)
        if let descriptor = arrival.descriptor { PeerDescriptor.end(descriptor, of: handle.endpoint) }
    }

    /// libzmq's own are a zero and four bytes of a number.
    private func hasChosenRoute(_ arrival: RawSocket.Arrival) -> Bool {
        guard case .router = plan.kind, let route = arrival.frames.first else { return false }
        return route.count != 5 || route[0] != 0
    }

    /// What comes without an end is on its way, so that the next look is to come soon.
    var isPending: Bool { traffic.isPending }

    /// There is something to look for, or to tell.
    var isWatched: Bool {
        if case .curveServer = plan.guard { return true }
        return !faults.isEmpty
    }

    /// Cuts off who sends without an end, and tells what peers did. To be called every few seconds.
    func watch() {
        watchTraffic()
        subscribers.beginCount()
        for fault in faults.take() { handle.events.yield(.fault(fault)) }
    }

    private func watchTraffic() {
        guard case .curveServer = plan.guard, case .tcp(_, let port?) = handle.endpoint.place else { return }
        let limits = TrafficWatch.Limits(peer: plan.limits.messageBytes, all: plan.limits.allMessagesBytes)
        for excess in traffic.look(port: port, limits: limits, isRead: wantsToReceive) {
            faults.note(PeerFault(.endless, by: excess.name, at: excess.address, "\(excess.bytes) bytes"))
        }
    }

    enum Provenance {
        case proved(Sender)
        /// A client's server, which proved its key to the library; or a place that file permissions guard.
        case unproved

        var proved: Sender? {
            if case .proved(let sender) = self { sender } else { nil }
        }
    }
}
