import Synchronization

/// The handle of a ZeroMQ socket. The socket itself stays on its thread; this is what the others see of it.
final class ZeroMQSocket: MessageSocket {
    let id: SocketID
    let endpoint: Endpoint
    let connectionEvents: AsyncStream<ConnectionEvent>

    let queue: DeliveryQueue
    let outbox: Outbox
    let events: AsyncStream<ConnectionEvent>.Continuation
    private let mailbox: Mailbox
    private let counts = Mutex(SocketStatistics())
    private let canSend: Bool
    let connections = PeerConnections()
    /// Of a server with CURVE.
    private let ring: KeyRing?

    init(id: SocketID, endpoint: Endpoint, plan: SocketPlan, mailbox: Mailbox) {
        self.id = id
        self.endpoint = endpoint
        self.mailbox = mailbox
        (connectionEvents, events) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(64))
        queue = DeliveryQueue(messages: plan.limits.inboundMessages, bytes: plan.limits.inboundBytes) { mailbox.wake() }
        outbox = Outbox(messages: plan.limits.outboxMessages, bytes: plan.limits.outboxBytes)
        if case .subscriber = plan.kind { canSend = false } else { canSend = true }
        if case .curveServer(_, let ring) = plan.guard { self.ring = ring } else { ring = nil }
    }

    var deliveries: Deliveries { Deliveries(queue: queue) }

    var statistics: SocketStatistics { counts.withLock { $0 } }

    func send(_ messages: [Message]) -> Int {
        guard canSend else { return 0 }
        let (taken, isNews) = outbox.add(messages)
        if isNews { mailbox.notice(id) }
        return taken
    }

    func disconnectRevoked() {
        guard let ring else { return }
        connections.cut { !ring.isAdmitted($0) }
    }

    func reconnect() {
        _ = mailbox.post(.reconnect(id))  // false: it is stopped, and stays so
    }

    func close() async {
        await withCheckedContinuation { continuation in
            if !mailbox.post(.close(id, continuation)) { continuation.resume() }
        }
    }

    func count(_ change: (inout SocketStatistics) -> Void) {
        counts.withLock { change(&$0) }
    }

    /// The socket is gone: nothing more comes or goes.
    func end() {
        outbox.close()
        queue.finish()
        events.finish()
        counts.withLock { $0.isConnected = false }
    }
}
