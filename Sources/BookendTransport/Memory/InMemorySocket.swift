import BookendModel
import Synchronization

/// A socket of an ``InMemoryNetwork``.
final class InMemorySocket: MessageSocket {
    let plan: SocketPlan
    let identity: PeerIdentity?
    /// In the order of opening.
    let number: Int
    let endpoint: Endpoint
    /// Where the server and its clients meet.
    let place: Endpoint.Place
    let connectionEvents: AsyncStream<ConnectionEvent>
    private let events: AsyncStream<ConnectionEvent>.Continuation
    private let queue: DeliveryQueue
    private let outbox: Outbox
    private let counts = Mutex(SocketStatistics())
    private let network: InMemoryNetwork
    private let pending = Mutex(Pending())

    /// What waits because a receiver is full.
    private struct Pending {
        var messages: ArraySlice<Message> = []
        /// A router's, by receiver: one that is full does not hold up the others.
        var backlog: [Route: ArraySlice<Message>] = [:]
        /// One thread at a time moves messages, so that their order stays.
        var isMoving = false
        /// Somebody came while messages were moving: look once more.
        var isAskedAgain = false
    }

    private enum Outcome {
        /// On its way, or lost.
        case left
        /// It waits, and what is behind it can go on.
        case putAside
        /// It waits, and all behind it.
        case stuck
    }

    init(_ plan: SocketPlan, _ identity: PeerIdentity?, number: Int, on network: InMemoryNetwork) {
        self.plan = plan
        self.number = number
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
        crash()
    }

    /// Closes without sending what waits.
    func crash() {
        outbox.close()
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
                if topic == welcome { continue }
                counts.withLock { $0.unauthorized += 1 }
                events.yield(
                    .fault(
                        PeerFault(
                            .topic, by: connection.sender?.identity, at: "", String(decoding: topic, as: UTF8.self))))
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

    /// Sends what waits, until a receiver is full. Another thread that comes meanwhile leaves it to the first.
    func move() {
        let isFirst = pending.withLock { pending in
            pending.isAskedAgain = pending.isMoving
            defer { pending.isMoving = true }
            return !pending.isMoving
        }
        guard isFirst else { return }
        var goesOn = true
        while goesOn {
            for (route, messages) in pending.withLock({ $0.backlog }) { retry(messages, to: route) }
            while let next = next() {
                let outcome = dispatch(next)
                if outcome == .stuck { break }
                pending.withLock { $0.messages = $0.messages.dropFirst() }
                if outcome == .left { outbox.settle(messages: 1, bytes: next.byteCount) }
            }
            goesOn = pending.withLock { pending in
                defer { pending.isAskedAgain = false }
                pending.isMoving = pending.isAskedAgain
                return pending.isAskedAgain
            }
        }
    }

    private func next() -> Message? {
        pending.withLock { pending in
            if pending.messages.isEmpty { pending.messages = outbox.take()[...] }
            return pending.messages.first
        }
    }

    private func retry(_ messages: ArraySlice<Message>, to route: Route) {
        var rest = messages
        while let message = rest.first, answer(message, to: route) {
            rest = rest.dropFirst()
            outbox.settle(messages: 1, bytes: message.byteCount)
        }
        pending.withLock { $0.backlog[route] = rest.isEmpty ? nil : rest }
    }

    /// Sends a router's message, or reports it lost; false: its receiver is full.
    private func answer(_ message: Message, to route: Route?) -> Bool {
        guard let connection = route.flatMap({ network.connection(at: $0, of: self) }) else {
            counts.withLock { $0.undeliverable += 1 }
            offer(Delivery(.undeliverable(message)))
            return true
        }
        let isGone = network.carry(Message(message.frames), from: self, on: connection)
        if isGone { counts.withLock { $0.sent += 1 } }
        return isGone
    }

    private func putAside(_ message: Message, for route: Route) -> Outcome {
        let hasRoom = pending.withLock { pending in
            guard pending.backlog[route, default: []].count < max(plan.limits.outboxMessages / 4, 1) else {
                return false
            }
            pending.backlog[route, default: []].append(message)
            return true
        }
        if hasRoom { return .putAside }
        counts.withLock { $0.undeliverable += 1 }
        offer(Delivery(.undeliverable(message)))
        return .left
    }

    private func dispatch(_ message: Message) -> Outcome {
        switch plan.kind {
        case .subscriber: return .left
        case .dealer:
            guard let connection = network.connection(of: self) else { return .stuck }
            let isGone = network.carry(Message(message.frames, to: connection.route), from: self, on: connection)
            if isGone { counts.withLock { $0.sent += 1 } }
            return isGone ? .left : .stuck
        case .router:
            guard let route = message.route else { return answer(message, to: nil) ? .left : .stuck }
            let waits = pending.withLock { $0.backlog[route] != nil }
            return !waits && answer(message, to: route) ? .left : putAside(message, for: route)
        case .publisher:
            // A subscriber without room misses it, as over ZeroMQ.
            for connection in network.subscribers(of: self, to: message.frames.first ?? []) {
                _ = network.carry(message, from: self, on: connection)
            }
            counts.withLock { $0.sent += 1 }
            return .left
        }
    }

    /// A message of a key that is no longer admitted.
    func noteRevoked() {
        counts.withLock { $0.fromRevoked += 1 }
    }
}
