import BookendModel
import CZeroMQ

// A publisher's part: who subscribes to what.
extension LiveSocket {
    /// Grants what is authorized, as far as it is sure to whom; see ``SubscriberBook``.
    func receiveSubscriptions(
        _ raw: RawSocket, _ welcome: Frame?, _ authorize: (@Sendable (PeerIdentity?, _ topic: Frame) -> Bool)?
    ) {
        heard.removeAll(keepingCapacity: true)
        for _ in 0..<Self.messagesPerRound {
            guard let arrival = raw.receive(frameLimit: 1, withAddress: true, withDescriptor: true) else {
                if RawSocket.foundNothing { subscribers.noteEmpty() }
                return
            }
            // After the read: then each connection that libzmq has forgotten by now is known to have ended.
            followSubscribers()
            guard let frame = arrival.frames.first, let kind = frame.first, kind <= 1, !arrival.isOverlong else {
                subscribers.noteStray()
                cut(arrival, for: .stray, "a message to a publisher")
                continue
            }
            let topic = Frame(frame.dropFirst())
            // Without a descriptor: the subscriber went away, and libzmq has done it itself.
            if let descriptor = arrival.descriptor, !subscribers.count(descriptor) {
                cut(arrival, for: .flood, topic.readable)
            } else if kind == 0 {
                revoke(topic, arrival, raw, isManual: authorize != nil)
            } else {
                grant(topic, arrival, raw, welcome, authorize)
            }
        }
    }

    /// On a publisher: hears which connections ended.
    func followSubscribers() {
        while let event = monitor?.receive(frameLimit: 2) {
            guard let head = event.frames.first, head.count >= 6 else { continue }
            subscribers.noteEnd(of: (0..<4).reduce(Int32(0)) { $0 | Int32(head[2 + $1]) << (8 * $1) })
        }
    }

    private func revoke(_ topic: Frame, _ arrival: RawSocket.Arrival, _ raw: RawSocket, isManual: Bool) {
        if isManual, let descriptor = arrival.descriptor {
            guard subscribers.isSure(of: descriptor) else {
                return PeerDescriptor.end(descriptor, of: handle.endpoint)
            }
            subscribers.remove(topic, of: descriptor)
            zmq_setsockopt(raw.pointer, ZMQ_UNSUBSCRIBE, topic, topic.count)
        }
        offer(Delivery(.unsubscribed(topic: topic), from: arrival.userID.flatMap { spelledOut($0) }))
    }

    private func grant(
        _ topic: Frame, _ arrival: RawSocket.Arrival, _ raw: RawSocket, _ welcome: Frame?,
        _ authorize: (@Sendable (PeerIdentity?, _ topic: Frame) -> Bool)?
    ) {
        guard let sender = admitted(arrival) else {
            handle.count { $0.fromRevoked += 1 }
            return
        }
        if let authorize {
            guard authorize(sender.proved?.identity, topic) else {
                // Who wants to read the welcome subscribes to it like to anything else; it comes by itself.
                if topic == welcome { return }
                handle.count { $0.unauthorized += 1 }
                return note(.topic, of: arrival, topic.readable)
            }
            guard let descriptor = arrival.descriptor else { return }  // nobody of a place in this process
            guard subscribers.isSure(of: descriptor) else {
                return PeerDescriptor.end(descriptor, of: handle.endpoint)
            }
            switch subscribers.add(topic, of: descriptor) {
            case .known: return
            case .tooMany: return cut(arrival, for: .flood, topic.readable)
            case .new: zmq_setsockopt(raw.pointer, ZMQ_SUBSCRIBE, topic, topic.count)
            }
        }
        offer(Delivery(.subscribed(topic: topic), from: sender.proved))
    }
}

extension Frame {
    /// For people: what is no printable ASCII stands as a number.
    var readable: String {
        prefix(128).map { (0x20...0x7E).contains($0) ? String(UnicodeScalar($0)) : "\\x" + String($0, radix: 16) }
            .joined()
    }
}
