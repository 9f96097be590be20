import BookendModel
import CZeroMQ
import Glibc

/// The place at which newcomers knock: a CURVE server that lets every key in, in a process of its own that knows no
/// secret but its own key.
///
/// ```
/// newcomer ──CURVE──▶ gate ══datagrams══▶ coordinator     number, the key that was proved, the message
///          ◀───────── gate ◀═════════════                 number, the answer
/// ```
///
/// Reads no message, decides nothing. Everything is bounded: a message, a message a connection, a connection's life, how
/// many connections and unanswered messages there are; and by the limits of its process, should libzmq hold more than that.
package enum EnrollmentGate {
    package struct Limits: Sendable {
        package var messageBytes = 4_096
        /// One more, and the oldest goes.
        package var connections = 256
        package var connectionLife = Duration.seconds(10)
        package var handshake = Duration.seconds(5)
        /// Messages that the coordinator has not answered. More are not taken.
        package var unanswered = 64
        /// What the process may keep in memory; libzmq ends it when there is none left, and it is started anew.
        package var memoryBytes: UInt = 192 << 20
        package var descriptors: UInt = 512

        package init() {}
    }

    /// How many bytes stand before the message in a datagram to the coordinator: the number and the key.
    static let headBytes = 48
    static let numberBytes = 8

    /// Serves until the other end of the channel is closed, which is how the coordinator's end ends this process too.
    ///
    /// - Parameter channel: A connected pair's end, of kind SOCK_SEQPACKET.
    package static func run(
        at endpoint: Endpoint, keys: CurveKeyPair, channel: Int32, limits: Limits = Limits()
    ) throws(TransportError) {
        try limit(__rlimit_resource_t(RLIMIT_CORE.rawValue), to: 0)
        try limit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), to: limits.descriptors)
        try limit(__rlimit_resource_t(RLIMIT_DATA.rawValue), to: limits.memoryBytes)
        guard let context = zmq_ctx_new() else {
            throw TransportError(.system, "cannot start libzmq: \(RawSocket.reason())")
        }
        zmq_ctx_set(context, ZMQ_BLOCKY, 0)
        var loop = try GateLoop(context, endpoint, keys, channel, limits)
        loop.run()
    }

    private static func limit(_ resource: __rlimit_resource_t, to value: UInt) throws(TransportError) {
        var limit = rlimit()
        getrlimit(resource, &limit)
        limit.rlim_max = min(limit.rlim_max, rlim_t(value))
        limit.rlim_cur = limit.rlim_max
        guard setrlimit(resource, &limit) == 0 else {
            throw TransportError(.insecure, "cannot limit the enroller's resources: \(SmallFile.reason())")
        }
    }
}

private struct GateLoop {
    private struct Guest {
        var since: ContinuousClock.Instant
        var hasSpoken = false
    }

    private struct Question {
        var route: Route
        var since: ContinuousClock.Instant
    }

    private let admission: Admission
    private let router: RawSocket
    private let monitor: RawSocket
    private let channel: Int32
    private let limits: EnrollmentGate.Limits
    /// By descriptor.
    private var guests: [Int32: Guest] = [:]
    private var unanswered: [UInt64: Question] = [:]
    private var lastNumber: UInt64 = 0

    init(
        _ context: UnsafeMutableRawPointer, _ endpoint: Endpoint, _ keys: CurveKeyPair, _ channel: Int32,
        _ limits: EnrollmentGate.Limits
    ) throws(TransportError) {
        self.channel = channel
        self.limits = limits
        admission = try Admission(context)
        admission.admitEverybody(to: "gate")
        var socketLimits = SocketLimits()
        socketLimits.frameBytes = limits.messageBytes
        socketLimits.handshake = limits.handshake
        socketLimits.sendQueue = 4
        socketLimits.receiveQueue = 64
        socketLimits.linger = .zero
        let plan = SocketPlan(.router, endpoint, .curveServer(keys, admitting: KeyRing()), limits: socketLimits)
        try plan.check()
        router = try RawSocket.make(plan, in: context, domain: "gate", attempt: 0)
        monitor = try RawSocket(context, ZMQ_PAIR)
        let address = "inproc://gate"
        guard
            zmq_socket_monitor(router.pointer, address, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED)
                == 0,
            zmq_connect(monitor.pointer, address) == 0
        else { throw TransportError(.system, "cannot watch connections: \(RawSocket.reason())") }
        guard zmq_bind(router.pointer, endpoint.description) == 0 else {
            throw TransportError(.addressInUse, "cannot listen at \(endpoint): \(RawSocket.reason())")
        }
    }

    mutating func run() {
        while true {
            let readable =
                unanswered.count < limits.unanswered
                ? [admission.socket, monitor, router] : [admission.socket, monitor]
            var items = readable.map {
                zmq_pollitem_t(socket: $0.pointer, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0)
            }
            items.append(zmq_pollitem_t(socket: nil, fd: channel, events: Int16(ZMQ_POLLIN), revents: 0))
            guard zmq_poll(&items, Int32(items.count), 500) >= 0 || zmq_errno() == EINTR else { return }
            follow()
            _ = admission.answer(limit: 64)
            guard answer() else { return }
            hear()
            sweep()
        }
    }

    /// Who came and who went.
    private mutating func follow() {
        while let event = monitor.receive(frameLimit: 2) {
            guard let head = event.frames.first, head.count >= 6 else { continue }
            let kind = Int32(UInt16(head[0]) | UInt16(head[1]) << 8)
            let descriptor = (0..<4).reduce(Int32(0)) { $0 | Int32(head[2 + $1]) << (8 * $1) }
            if kind == ZMQ_EVENT_ACCEPTED {
                guests[descriptor] = Guest(since: .now)
                if guests.count > limits.connections, let oldest = guests.min(by: { $0.value.since < $1.value.since }) {
                    end(oldest.key)
                }
            } else {
                guests[descriptor] = nil
            }
        }
    }

    private mutating func end(_ descriptor: Int32) {
        guests[descriptor] = nil
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    private mutating func sweep() {
        let now = ContinuousClock.now
        for (descriptor, guest) in guests where now - guest.since > limits.connectionLife { end(descriptor) }
        for (number, question) in unanswered where now - question.since > limits.connectionLife {
            unanswered[number] = nil
        }
    }

    /// What newcomers say goes to the coordinator.
    private mutating func hear() {
        for _ in 0..<64 {
            guard unanswered.count < limits.unanswered, let arrival = router.receive(frameLimit: 3) else { return }
            guard let descriptor = arrival.descriptor, let key = arrival.userID.flatMap(Admission.newcomer(_:)) else {
                continue
            }
            // A routing id of the newcomer's own choice is none of libzmq's: a zero, and four bytes of a number.
            guard arrival.frames.count == 2, arrival.frames[0].count == 5, arrival.frames[0][0] == 0,
                !arrival.isOverlong, arrival.frames[1].count <= limits.messageBytes,
                guests[descriptor]?.hasSpoken == false
            else {
                end(descriptor)
                continue
            }
            guests[descriptor]?.hasSpoken = true
            lastNumber += 1
            let datagram = lastNumber.bytes + key.text.utf8 + arrival.frames[1]
            guard send(channel, datagram, datagram.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)) == datagram.count
            else {
                end(descriptor)
                continue
            }
            unanswered[lastNumber] = Question(route: Route(arrival.frames[0]), since: .now)
        }
    }

    /// What the coordinator says goes to the newcomer.
    ///
    /// - Returns: `false`: the coordinator is gone.
    private mutating func answer() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = recv(channel, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            if count == 0 { return false }
            if count < 0 { return errno == EAGAIN || errno == EINTR }
            guard count > EnrollmentGate.numberBytes,
                let route = unanswered.removeValue(forKey: UInt64(bytes: buffer[..<EnrollmentGate.numberBytes]))?.route
            else { continue }
            // Nobody there any more: it asks again.
            _ = router.send(Message([Array(buffer[EnrollmentGate.numberBytes..<count])], to: route))
        }
    }
}

extension UInt64 {
    /// Eight bytes, the lowest first.
    var bytes: [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: self >> (8 * $0)) } }

    init(bytes: some Sequence<UInt8>) {
        self = bytes.enumerated().reduce(0) { $0 | UInt64($1.element) << (8 * $1.offset) }
    }
}
