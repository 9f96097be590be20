import BookendModel
import CZeroMQ
import Glibc

/// What the thread does: waits for its sockets and its mailbox, and serves whoever is ready.
///
/// Sleeps without a limit unless a client waits for its next attempt, or a router's peer for its answers.
final class SocketLoop {
    private enum Source {
        case mailbox
        case admission
        case monitor(SocketID)
        case subscribers(SocketID)
        case socket(SocketID)
    }

    private let context: UnsafeMutableRawPointer
    private let mailbox: Mailbox
    private var sockets: [SocketID: LiveSocket] = [:]
    private var lastID: SocketID = 0
    private var admission: Admission?
    private var stopped: [CheckedContinuation<Void, Never>] = []
    private var isStopping = false
    private var watchedAt = ContinuousClock.now
    /// A look costs some microseconds a connection.
    private var watchInterval: Duration {
        sockets.values.contains { $0.isPending } ? .milliseconds(250) : .seconds(2)
    }
    private var random = SystemRandomNumberGenerator()

    init(context: UnsafeMutableRawPointer, mailbox: Mailbox) {
        self.context = context
        self.mailbox = mailbox
    }

    /// Runs until it is told to stop; then all sockets are closed and the context is gone.
    func run() {
        while true {
            obeyMailbox()
            if isStopping { break }
            connectDue()
            watchDue()
            poll()
        }
        let late = mailbox.close()
        for id in sockets.keys { close(id) }
        admission?.socket.close(linger: .zero)
        // Returns when what lingers is sent or its time is over.
        while zmq_ctx_term(context) != 0 && zmq_errno() == EINTR {}
        for command in late { refuse(command) }
        for continuation in stopped { continuation.resume() }
    }

    // MARK: The mailbox

    private func obeyMailbox() {
        let (commands, toSend) = mailbox.take()
        for command in commands {
            switch command {
            case .open(let plan, let continuation): continuation.resume(returning: open(plan))
            case .close(let id, let continuation):
                close(id)
                continuation.resume()
            case .reconnect(let id): reconnect(id)
            case .stop(let continuation):
                isStopping = true
                if let continuation { stopped.append(continuation) }
            }
        }
        for id in toSend { sockets[id]?.flush() }
    }

    private func refuse(_ command: Command) {
        switch command {
        case .open(_, let continuation): continuation.resume(returning: .failure(SocketThread.hasStopped))
        case .close(_, let continuation): continuation.resume()
        case .reconnect: break
        case .stop(let continuation): continuation?.resume()
        }
    }

    private func open(_ plan: SocketPlan) -> Result<ZeroMQSocket, TransportError> {
        lastID += 1
        let id = lastID
        do {
            return .success(plan.isServer ? try bind(plan, id) : prepare(plan, id))
        } catch {
            admission?.forget(domain(id))
            return .failure(error)
        }
    }

    private func domain(_ id: SocketID) -> String { "bookend.\(id)" }

    private func bind(_ plan: SocketPlan, _ id: SocketID) throws(TransportError) -> ZeroMQSocket {
        if case .curveServer(_, let ring) = plan.guard {
            if admission == nil { admission = try Admission(context) }
            admission?.admit(ring, to: domain(id))
        }
        let raw = try RawSocket.make(plan, in: context, domain: domain(id), attempt: 0)
        var monitor: RawSocket?
        do throws(TransportError) {
            if case .publisher = plan.kind { monitor = try raw.watchEnds(in: context, id) }
            let endpoint = try raw.bind(plan.endpoint, plan.access)
            let handle = ZeroMQSocket(id: id, endpoint: endpoint, plan: plan, mailbox: mailbox)
            sockets[id] = LiveSocket(handle: handle, plan: plan, raw: raw, monitor: monitor)
            return handle
        } catch {
            raw.close(monitor: monitor, linger: .zero)
            throw error
        }
    }

    private func prepare(_ plan: SocketPlan, _ id: SocketID) -> ZeroMQSocket {
        let handle = ZeroMQSocket(id: id, endpoint: plan.endpoint, plan: plan, mailbox: mailbox)
        let socket = LiveSocket(handle: handle, plan: plan, raw: nil)
        socket.connection = Connection(retry: plan.retry)
        let jitter = Int64.random(in: 0...max(plan.firstAttemptWithin.milliseconds, 0), using: &random)
        socket.connection?.retryAt = .now + .milliseconds(jitter)
        sockets[id] = socket
        return handle
    }

    /// Sends what libzmq takes at once, closes the socket, and tells its handle.
    private func close(_ id: SocketID) {
        guard let socket = sockets.removeValue(forKey: id) else { return }
        socket.flush(limit: .max)
        let linger = socket.plan.limits.linger
        if socket.connection != nil {
            socket.connection?.close(socket.raw, linger: linger)
        } else {
            socket.raw?.close(monitor: socket.monitor, linger: linger)
        }
        admission?.forget(domain(id))
        socket.handle.end()
    }

    // MARK: Connections

    private func connectDue() {
        let now = ContinuousClock.now
        for socket in sockets.values {
            guard let due = socket.connection?.retryAt, due <= now else { continue }
            connect(socket)
        }
    }

    /// Servers look after what comes in without an end, and tell of strangers and of what peers did.
    private func watchDue() {
        guard ContinuousClock.now - watchedAt >= watchInterval else { return }
        watchedAt = .now
        for socket in sockets.values where socket.connection == nil { socket.watch() }
        tellOfStrangers()
    }

    private func tellOfStrangers() {
        for (id, socket) in sockets {
            for stranger in admission?.takeStrangers(of: domain(id)) ?? [] {
                socket.handle.events.yield(.turnedAway(address: stranger.address, times: stranger.times))
            }
        }
    }

    private func connect(_ socket: LiveSocket) {
        do {
            let attempt = socket.connection?.attempts ?? 0
            var own: CurveKeyPair?
            var server: CurveKey?
            if case .curveClient(let keys, let servers) = socket.plan.guard {
                own = socket.keys.choose(from: keys)
                server = socket.serverKeys.choose(from: servers)
            }
            let raw = try RawSocket.make(
                socket.plan, in: context, domain: "", attempt: attempt, own: own, server: server)
            socket.raw = raw
            try socket.connection?.connect(raw, to: socket.plan.endpoint, id: socket.handle.id, in: context)
            if case .inproc = socket.plan.endpoint.place { noteConnected(socket) }
        } catch {
            lose(socket, .unreachable)  // no descriptors left, say: it is tried again like any other loss
        }
    }

    private func noteConnected(_ socket: LiveSocket) {
        socket.connection?.noteConnected(at: .now)
        socket.keys.noteFit()
        socket.serverKeys.noteFit()
        let (key, serverKey) = (socket.keys.key?.publicKey, socket.serverKeys.key)
        socket.handle.count { ($0.isConnected, $0.key, $0.serverKey) = (true, key, serverKey) }
        socket.handle.events.yield(.connected)
        socket.flush()
    }

    private func lose(_ socket: LiveSocket, _ reason: LossReason) {
        socket.receive(limit: .max)  // what arrived before the end still counts
        socket.connection?.close(socket.raw, linger: .zero)
        socket.raw = nil
        if reason == .disconnected { socket.dropUnsent() }
        let isWrongKey =
            switch reason {
            case .refused: socket.keys.noteMisfit()
            case .handshakeFailed: socket.serverKeys.noteMisfit()
            case .unreachable, .disconnected: false
            }
        let delay = socket.connection?.noteLost(at: .now, isWrongKey: isWrongKey, using: &random)
        socket.handle.count { $0.isConnected = false }
        socket.handle.events.yield(.lost(reason, retryIn: delay))
        if delay == nil { close(socket.handle.id) }
    }

    /// Sends what libzmq takes, leaves the rest to the linger time, and connects anew in this round.
    private func reconnect(_ id: SocketID) {
        guard let socket = sockets[id], socket.connection != nil else { return }
        if socket.raw != nil {
            socket.flush(limit: .max)
            socket.receive(limit: .max)  // what has arrived still counts
            socket.connection?.close(socket.raw, linger: socket.plan.limits.linger)
            socket.raw = nil
            socket.dropUnsent()
            socket.handle.count { $0.isConnected = false }
            socket.handle.events.yield(.lost(.disconnected, retryIn: .zero))
        }
        socket.connection?.renew(at: .now)
    }

    private func follow(_ socket: LiveSocket) {
        while let news = socket.connection?.news() {
            switch news {
            case .connected: noteConnected(socket)
            case .lost(let reason): return lose(socket, reason)
            }
        }
    }

    // MARK: Waiting

    private func poll() {
        var sources: [Source] = [.mailbox]
        var items = [zmq_pollitem_t(socket: nil, fd: mailbox.descriptor, events: Int16(ZMQ_POLLIN), revents: 0)]
        func add(_ source: Source, _ socket: RawSocket, _ events: Int32) {
            guard events != 0 else { return }
            sources.append(source)
            items.append(zmq_pollitem_t(socket: socket.pointer, fd: 0, events: Int16(events), revents: 0))
        }
        if let admission { add(.admission, admission.socket, ZMQ_POLLIN) }
        var isBusy = false
        var due: ContinuousClock.Instant?
        let interval = watchInterval
        for (id, socket) in sockets {
            if let monitor = socket.connection?.monitor { add(.monitor(id), monitor, ZMQ_POLLIN) }
            if let retryAt = socket.connection?.retryAt { due = min(due ?? retryAt, retryAt) }
            if socket.hasMoreToSend { isBusy = true }
            if socket.hasBacklog {
                let soon = ContinuousClock.now + RouteBacklog.pause
                due = min(due ?? soon, soon)
            }
            if let monitor = socket.monitor { add(.subscribers(id), monitor, ZMQ_POLLIN) }
            if socket.isWatched {
                let next = watchedAt + interval
                due = min(due ?? next, next)
            }
            guard let raw = socket.raw else { continue }
            add(.socket(id), raw, (socket.wantsToReceive ? ZMQ_POLLIN : 0) | (socket.isStuck ? ZMQ_POLLOUT : 0))
        }
        let patience = isBusy ? 0 : due.map { max(0, (ContinuousClock.now.duration(to: $0)).milliseconds + 1) } ?? -1
        guard zmq_poll(&items, Int32(items.count), Int(patience)) >= 0 else { return }  // EINTR: look again
        for (item, source) in zip(items, sources) where item.revents != 0 { serve(source, Int32(item.revents)) }
        for socket in sockets.values where socket.hasMoreToSend || socket.hasBacklog { socket.flush() }
    }

    private func serve(_ source: Source, _ events: Int32) {
        switch source {
        case .mailbox: break  // taken at the head of the next round
        case .admission:
            // This program's own knock, by which it proves that strangers are refused, is no stranger's.
            _ = admission?.answer(limit: LiveSocket.messagesPerRound) { key in
                sockets.values.contains { $0.keys.key?.publicKey == key }
            }
        case .monitor(let id):
            if let socket = sockets[id] { follow(socket) }
        case .subscribers(let id):
            // Read at once: after it, the number of a descriptor that was closed may be another's without any doubt.
            sockets[id]?.followSubscribers()
            sockets[id]?.receive()
        case .socket(let id):
            guard let socket = sockets[id] else { return }
            if events & ZMQ_POLLOUT != 0 { socket.flush() }
            if events & ZMQ_POLLIN != 0 { socket.receive() }
        }
    }
}
