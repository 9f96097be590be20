package import BookendModel
import Synchronization

/// A key, what it is enrolled as, and what else is known of it.
package struct EnrolledKey: Hashable, Sendable {
    package let key: CurveKey
    package let identity: PeerIdentity
    package let labels: [String: String]

    package init(key: CurveKey, identity: PeerIdentity, labels: [String: String] = [:]) {
        self.key = key
        self.identity = identity
        self.labels = labels
    }
}

/// The keys that a server admits, in memory. Safe to use from any thread.
///
/// A change holds from the moment that it returns: handshakes ask the ring, and so does each message that arrives.
package final class KeyRing: Sendable {
    private let keys = Mutex<[CurveKey: EnrolledKey]>([:])

    /// Of two entries with one key the later counts.
    package init(_ keys: [EnrolledKey] = []) {
        replace(with: keys)
    }

    /// All at once: no key that stays is ever missing in between.
    package func replace(with enrolled: [EnrolledKey]) {
        let table = Dictionary(enrolled.map { ($0.key, $0) }, uniquingKeysWith: { $1 })
        keys.withLock { $0 = table }
    }

    package func enroll(_ enrolled: EnrolledKey) {
        keys.withLock { $0[enrolled.key] = enrolled }
    }

    /// Revoking a key that is not there does no harm.
    package func revoke(_ key: CurveKey) {
        keys.withLock { $0[key] = nil }
    }

    /// What the key is enrolled as; `nil`: it is not admitted.
    package func enrolled(_ key: CurveKey) -> EnrolledKey? {
        keys.withLock { $0[key] }
    }

    /// Whether the sender's key is still enrolled, and under the same name.
    package func isAdmitted(_ sender: Sender) -> Bool {
        guard let key = sender.key else { return false }
        return enrolled(key)?.identity == sender.identity
    }

    /// Whether a message that waited may still be read. In memory there are no keys, and nobody is revoked.
    package func stillAdmits(_ delivery: Delivery) -> Bool {
        guard let sender = delivery.sender, sender.key != nil else { return true }
        return isAdmitted(sender)
    }

    package var all: [EnrolledKey] {
        keys.withLock { Array($0.values) }.sorted { $0.identity < $1.identity }
    }
}
