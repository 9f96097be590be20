import BookendModel
import CZeroMQ
import Glibc

/// A libzmq socket and the calls that it takes, on its own thread only.
struct RawSocket {
    /// A message as libzmq hands it over, with the name that the peer's key proved.
    struct Arrival {
        var frames: [Frame] = []
        var userID: String?
        /// Of the connection over which it came; only with a name, or where it was asked for.
        var descriptor: Int32?
        /// libzmq's `Peer-Address`; only where it was asked for.
        var address: String?
        /// There were more frames than allowed; those above were thrown away.
        var isOverlong = false
    }

    enum SendResult {
        case sent
        /// The queue is full, or no connection is up.
        case full
        /// Nobody is at the route.
        case noRoute
    }

    let pointer: UnsafeMutableRawPointer

    /// A ROUTER numbers its peers from `rand()` on, which libzmq never seeds: a peer that chose the next number for its own
    /// routing id would end this process (libzmq 4.3.4 asserts that nobody has it).
    private static let isSeeded: Bool = {
        srand(UInt32.random(in: 1...UInt32.max))
        return true
    }()

    init(_ context: UnsafeMutableRawPointer, _ type: Int32) throws(TransportError) {
        _ = Self.isSeeded
        guard let pointer = zmq_socket(context, type) else {
            throw TransportError(
                .system, "cannot make a socket: \(Self.reason()); raise the limit of open files (ulimit -n)")
        }
        self.pointer = pointer
    }

    func set(_ option: Int32, _ value: Int32) throws(TransportError) {
        var value = value
        try check(zmq_setsockopt(pointer, option, &value, MemoryLayout<Int32>.size), option)
    }

    func set(_ option: Int32, milliseconds: Duration) throws(TransportError) {
        try set(option, Int32(clamping: milliseconds.milliseconds))
    }

    func set(_ option: Int32, _ value: Int64) throws(TransportError) {
        var value = value
        try check(zmq_setsockopt(pointer, option, &value, MemoryLayout<Int64>.size), option)
    }

    func set(_ option: Int32, _ bytes: [UInt8]) throws(TransportError) {
        try check(zmq_setsockopt(pointer, option, bytes, bytes.count), option)
    }

    private func check(_ result: Int32, _ option: Int32) throws(TransportError) {
        guard result == 0 else {
            throw TransportError(.system, "libzmq refuses option \(option): \(Self.reason()); Bookend needs libzmq 4.3")
        }
    }

    /// Where the socket is bound, as libzmq spells it.
    var lastEndpoint: String {
        var text = [CChar](repeating: 0, count: 512)
        var length = text.count
        guard zmq_getsockopt(pointer, ZMQ_LAST_ENDPOINT, &text, &length) == 0 else { return "" }
        return Z85.text(text)
    }

    /// The next message; `nil` when none is there.
    func receive(frameLimit: Int, withAddress: Bool = false, withDescriptor: Bool = false) -> Arrival? {
        var arrival = Arrival()
        var isMore = true
        while isMore {
            var part = zmq_msg_t()
            zmq_msg_init(&part)
            defer { zmq_msg_close(&part) }
            // The frames of a message arrive together: only the first can be missing.
            guard zmq_msg_recv(&part, pointer, ZMQ_DONTWAIT) >= 0 else { return nil }
            isMore = zmq_msg_more(&part) != 0
            if arrival.frames.count < frameLimit {
                arrival.frames.append(
                    Frame(UnsafeRawBufferPointer(start: zmq_msg_data(&part), count: zmq_msg_size(&part))))
            } else {
                arrival.isOverlong = true
            }
            guard !isMore else { continue }
            // The routing id in front of a router's messages carries no properties, the frames behind it do.
            if withAddress, let text = zmq_msg_gets(&part, "Peer-Address") { arrival.address = String(cString: text) }
            if let name = zmq_msg_gets(&part, "User-Id") { arrival.userID = String(cString: name) }
            if arrival.userID != nil || withDescriptor {
                // libzmq's own word for it, which its deprecated ZMQ_SRCFD reads as well.
                arrival.descriptor = zmq_msg_gets(&part, "__fd").flatMap { Int32(String(cString: $0)) }
            }
        }
        return arrival
    }

    /// Why ``receive(frameLimit:withAddress:withDescriptor:)`` had nothing, to be asked right after it: the queue was empty,
    /// and not something else.
    static var foundNothing: Bool { zmq_errno() == EAGAIN }

    /// Sends all frames or none.
    func send(_ message: Message) -> SendResult {
        if let route = message.route {
            guard !message.frames.isEmpty else { return .noRoute }
            let result = send(route.bytes, isMore: true)
            guard result == .sent else { return result }
        }
        for index in message.frames.indices {
            // Behind the first frame libzmq takes back what it had, and the message stays whole in the outbox.
            let result = send(message.frames[index], isMore: index < message.frames.count - 1)
            guard result == .sent else { return result }
        }
        return .sent
    }

    private func send(_ frame: Frame, isMore: Bool) -> SendResult {
        while true {
            if zmq_send(pointer, frame, frame.count, ZMQ_DONTWAIT | (isMore ? ZMQ_SNDMORE : 0)) >= 0 { return .sent }
            switch zmq_errno() {
            case EINTR: continue
            case EAGAIN: return .full
            default: return .noRoute
            }
        }
    }

    func close(linger: Duration) {
        var milliseconds = Int32(clamping: linger.milliseconds)
        zmq_setsockopt(pointer, ZMQ_LINGER, &milliseconds, MemoryLayout<Int32>.size)
        zmq_close(pointer)
    }

    static func reason() -> String {
        String(cString: zmq_strerror(zmq_errno()))
    }
}
