import Synchronization

/// A socket of an ``InMemoryNetwork``.
final class InMemorySocket: MessageSocket {
    let plan: SocketPlan
    let identity: PeerIdentity?
    let endpoint: Endpoint
    /// Where the server and its clients meet.
    let place: Endpoint.Place
    let connectionEvents: AsyncStream<ConnectionEvent>
    private let events: AsyncStream<ConnectionEvent>.Continuation
    private let queue: DeliveryQueue
    private let outbox: Outbox
    private let counts = Mutex(SocketStatistics())
    private let network: InMemoryNetwork
    /// Messages that a full receiver keeps waiting. Held while they are moved, so that their order stays.
    private let pending = Mutex<Pending>(Pending())

    private struct Pending {
        var messages: ArraySlice<Message> = []
        var isMoving = false
        /// Somebody came while a message was moving: look once more.
        var isAskedAgain = false
    }

    init(_ plan: SocketPlan, _ identity: PeerIdentity?, on network: InMemoryNetwork) {
        self.plan = plan
        self.identity = identity
        self.network = network
        endpoint = plan.endpoint
        (connectionEvents, events) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(64))
        outbox = Outbox(messages: plan.limits.outboxMessages, bytes: plan.limits.outboxBytes)
        let place = plan.endpoint.seenFromThisMachine.place
        self.place = place
        queue = DeliveryQueue(messages: plan.limits.inboundMessages, bytes: plan.limits.inboundBytes) {
            network.resume(at: place)
        }
    }

    var deliveries: Deliveries { Deliveries(queue: queue) }
    var statistics: SocketStatistics { counts.withLock { $0 } }
    var hasRoom: Bool { queue.room().messages > 0 }

    func send(_ messages: [Message]) -> Int {
        if case .subscriber = plan.kind { return 0 }
        let (taken, _) = outbox.add(messages)
        move()
        return taken
    }

    func close() async {
        move()
        network.close(self)
        end()
    }

    private func end() {
        outbox.close()
        queue.finish()
        events.finish()
        counts.withLock { $0.isConnected = false }
    }

    // MARK: Connecting

    /// The client has found its server: a subscriber subscribes, a dealer sends what waited.
    func greet(_ connection: InMemoryNetwork.Connection) {
        counts.withLock { $0.isConnected = true }
        events.yield(.connected)
        if case .subscriber(let topics) = plan.kind { connection.server.grant(topics, to: connection) }
        move()
    }

    /// There is no connection, or none any more. With one that was up goes what waited.
    func lose(_ reason: LossReason) {
        counts.withLock { $0.isConnected = false }
        if reason == .disconnected { dropUnsent() }
        events.yield(.lost(reason, retryIn: plan.retry == nil ? nil : .zero))
        if plan.retry == nil {
            network.close(self)
            end()
        }
    }

    private func dropUnsent() {
        let dropped = pending.withLock { pending -> ArraySlice<Message> in
            // The one that is moving is its mover's.
            let kept = pending.isMoving ? pending.messages.prefix(1) : []
            defer { pending.messages = kept }
            return pending.messages.dropFirst(kept.count)
        }
        outbox.settle(messages: dropped.count, bytes: dropped.reduce(0) { $0 + $1.byteCount })
        outbox.drop()
    }

    /// On a publisher: a subscriber went away.
    func forget(_ topics: [Frame]) {
        for topic in topics { offer(Delivery(.unsubscribed(topic: topic))) }
    }

    fileprivate func grant(_ topics: [Frame], to connection: InMemoryNetwork.Connection) {
        guard case .publisher(let welcome, let authorize) = plan.kind else { return }
        if let welcome { _ = network.carry(Message([welcome]), from: self, on: connection) }
        for topic in topics {
            guard authorize?(connection.sender?.identity, topic) ?? true else {
                counts.withLock { $0.unauthorized += 1 }
                continue
            }
            network.subscribe(connection, to: topic)
            offer(Delivery(.subscribed(topic: topic), from: connection.sender))
        }
    }

    // MARK: Moving

    /// Takes a message in; false when there is no room.
    func accept(_ message: Message, from sender: Sender?) -> Bool {
        guard message.frames.count <= plan.limits.frames else {
            counts.withLock { $0.discarded += 1 }
            return true
        }
        let isTaken = queue.offer(Delivery(.message(message), from: sender))
        if isTaken { counts.withLock { $0.received += 1 } }
        return isTaken
    }

    private func offer(_ delivery: Delivery) {
        let isTaken = queue.offer(delivery)
        counts.withLock { $0.discarded += isTaken ? 0 : 1 }
    }

    /// Sends what waits, until a receiver is full. One thread at a time; another that comes leaves it to the first.
    func move() {
        while true {
            let next = pending.withLock { pending -> Message? in
                guard !pending.isMoving else {
                    pending.isAskedAgain = true
                    return nil
                }
                if pending.messages.isEmpty { pending.messages = outbox.take()[...] }
                pending.isMoving = !pending.messages.isEmpty
                return pending.messages.first
            }
            guard let next else { return }
            let isGone = dispatch(next)
            let goesOn = pending.withLock { pending in
                defer { pending.isAskedAgain = false }
                if isGone { pending.messages = pending.messages.dropFirst() }
                pending.isMoving = false
                return isGone || pending.isAskedAgain
            }
            if isGone { outbox.settle(messages: 1, bytes: next.byteCount) }
            guard goesOn else { return }
        }
    }

    /// True when the message is no longer ours to keep: on its way, or lost.
    private func dispatch(_ message: Message) -> Bool {
        switch plan.kind {
        case .subscriber: return true
        case .dealer:
            guard let connection = network.connection(of: self) else { return false }
            let isGone = network.carry(Message(message.frames, to: connection.route), from: self, on: connection)
            if isGone { counts.withLock { $0.sent += 1 } }
            return isGone
        case .router:
            let connection = message.route.flatMap { network.connection(at: $0, of: self) }
            if let connection, network.carry(Message(message.frames), from: self, on: connection) {
                counts.withLock { $0.sent += 1 }
            } else {
                counts.withLock { $0.undeliverable += 1 }
                offer(Delivery(.undeliverable(message)))
            }
            return true
        case .publisher:
            // A subscriber without room misses it, as over ZeroMQ.
            for connection in network.subscribers(of: self, to: message.frames.first ?? []) {
                _ = network.carry(message, from: self, on: connection)
            }
            counts.withLock { $0.sent += 1 }
            return true
        }
    }

    /// A message of a key that is no longer admitted.
    func noteRevoked() {
        counts.withLock { $0.fromRevoked += 1 }
    }
}
