package import BookendModel

/// One part of a message. The transport never looks inside.
package typealias Frame = [UInt8]

/// Where a router's answer goes: the address that the transport gave to one connection.
///
/// Means nothing on another socket, nor once the connection is gone. It proves nothing about who is there: see
/// ``Sender`` for that.
package struct Route: Hashable, Sendable {
    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }
}

/// One message: frames that arrive together and in order, or not at all.
package struct Message: Hashable, Sendable {
    /// At least one.
    package var frames: [Frame]
    /// On a router, whom it goes to or came from; `nil` on every other kind of socket.
    package var route: Route?

    package init(_ frames: [Frame], to route: Route? = nil) {
        self.frames = frames
        self.route = route
    }

    package var byteCount: Int {
        frames.reduce(0) { $0 + $1.count }
    }
}

/// Who sent something, as its CURVE key proved it.
package struct Sender: Hashable, Sendable {
    package let identity: PeerIdentity
    /// The key itself: one name may have had several keys, and only this one may since have been revoked. `nil` in memory.
    package let key: CurveKey?

    package init(identity: PeerIdentity, key: CurveKey?) {
        self.identity = identity
        self.key = key
    }
}

/// What a socket hands over.
package struct Delivery: Hashable, Sendable {
    package enum Event: Hashable, Sendable {
        case message(Message)
        /// On a publisher: somebody subscribed to the topic, and was allowed to.
        case subscribed(topic: Frame)
        /// On a publisher: a subscription has ended. Its sender is `nil` when the connection went away.
        case unsubscribed(topic: Frame)
        /// On a router: an own message that found nobody at its route, or a peer that has taken nothing for five
        /// seconds. It is lost.
        case undeliverable(Message)
    }

    package var event: Event
    /// `nil` on a Unix socket and in-process, where file permissions or nothing guard the way.
    package var sender: Sender?
    /// Of a message to a router; `nil` in memory, and where the system does not say.
    package var address: PeerAddress?

    package init(_ event: Event, from sender: Sender? = nil, at address: PeerAddress? = nil) {
        self.event = event
        self.sender = sender
        self.address = address
    }

    /// The message, unless this is one of the other events.
    package var message: Message? {
        if case .message(let message) = event { message } else { nil }
    }

    /// Where an answer goes, on a router.
    package var route: Route? { message?.route }

    /// Who sent it, by the name that the key was enrolled with.
    package var peer: PeerIdentity? { sender?.identity }

    var byteCount: Int {
        switch event {
        case .message(let message), .undeliverable(let message): message.byteCount
        case .subscribed(let topic), .unsubscribed(let topic): topic.count
        }
    }
}
