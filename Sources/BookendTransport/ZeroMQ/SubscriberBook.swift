/// Whose subscription libzmq would grant, and what each connection has been granted.
///
/// With `ZMQ_XPUB_MANUAL` libzmq keeps two queues: what subscribers sent, and over which connections. A read takes one entry
/// of either, and `ZMQ_SUBSCRIBE` then means the connection that was taken. Two things set that astray (libzmq 4.3.4):
///
/// - What is no subscription has no entry in the second queue, and its read takes another's all the same: from there on,
///   until both queues are empty, a subscription of one connection is granted to another.
/// - A connection that ends stays in the second queue: as an address in memory, at which another connection may be by now.
///
/// ```
/// sent:         message of a   subscription of b   subscription of a
/// connections:  b              a
/// ```
///
/// So after a message that is no subscription nothing is granted until a read has found the queue empty. Nor is anything
/// over a descriptor whose connection ended since a read found it empty: libzmq tells of an end before it forgets the
/// connection, and after it has queued what came over it. Whoever is not granted what he may have is cut off, and comes again.
struct SubscriberBook {
    /// What a connection may send between two looks, and how many topics it may have.
    static let frameLimit = 256
    static let topicLimit = 64

    private struct Subscriber {
        var topics: Set<Frame> = []
        var frames = 0
    }

    private var subscribers: [Int32: Subscriber] = [:]
    private var isAstray = false
    /// Descriptors whose connections ended since the queue was last found empty.
    private var ended: Set<Int32> = []

    /// A read brought something that is no subscription.
    mutating func noteStray() {
        isAstray = true
    }

    /// A connection ended. To be told of all ends that are known after a read before anything is granted for it.
    mutating func noteEnd(of descriptor: Int32) {
        ended.insert(descriptor)
        subscribers[descriptor] = nil
    }

    /// A read found nothing.
    mutating func noteEmpty() {
        isAstray = false
        ended = []
    }

    /// Whether libzmq would apply what is granted now to the connection over which the last read came.
    func isSure(of descriptor: Int32) -> Bool { !isAstray && !ended.contains(descriptor) }

    /// - Returns: `false`: it sends more than anybody needs.
    mutating func count(_ descriptor: Int32) -> Bool {
        subscribers[descriptor, default: Subscriber()].frames += 1
        return subscribers[descriptor]!.frames <= Self.frameLimit
    }

    enum Entry {
        case new, known, tooMany
    }

    mutating func add(_ topic: Frame, of descriptor: Int32) -> Entry {
        let topics = subscribers[descriptor]?.topics ?? []
        if topics.contains(topic) { return .known }
        guard topics.count < Self.topicLimit else { return .tooMany }
        subscribers[descriptor, default: Subscriber()].topics.insert(topic)
        return .new
    }

    mutating func remove(_ topic: Frame, of descriptor: Int32) {
        subscribers[descriptor]?.topics.remove(topic)
    }

    /// Another interval begins.
    mutating func beginCount() {
        for descriptor in subscribers.keys { subscribers[descriptor]?.frames = 0 }
    }
}
