import Synchronization

/// Keys of which one fits, the preferred one first. A client's sockets look here at each attempt to connect; one for which a
/// key did not fit tries the next, at once until it has tried each. Safe to use from any thread.
package final class CandidateKeys<Key: Sendable>: Sendable {
    private struct State {
        var keys: [Key]
        /// Grows with each change.
        var version = 0
    }

    private let state: Mutex<State>

    package init(_ key: Key) {
        state = Mutex(State(keys: [key]))
    }

    /// - Parameter keys: At least one.
    package init(_ keys: [Key]) {
        precondition(!keys.isEmpty, "there is a key")
        state = Mutex(State(keys: keys))
    }

    /// Holds for the next attempts; a connection that is up stays: see ``MessageSocket/reconnect()``.
    ///
    /// - Parameter keys: At least one.
    package func replace(with keys: [Key]) {
        precondition(!keys.isEmpty, "there is a key")
        state.withLock { $0 = State(keys: keys, version: $0.version + 1) }
    }

    /// The one that is tried first.
    package var preferred: Key { state.withLock { $0.keys[0] } }

    package var all: [Key] { state.withLock { $0.keys } }

    fileprivate var current: (keys: [Key], version: Int) { state.withLock { ($0.keys, $0.version) } }
}

/// The key pairs by which a client may prove itself.
package typealias ClientKeys = CandidateKeys<CurveKeyPair>

/// The public keys of which a client's server has one: whoever proves any of them is taken for the server.
package typealias ServerKeys = CandidateKeys<CurveKey>

/// With which of the candidates one socket tries.
struct KeyChoice<Key: Sendable> {
    private var place = 0
    private var version = 0
    private var candidates = 1
    /// Attempts in a row whose key did not fit.
    private var misfits = 0
    private(set) var key: Key?

    /// The key for the next attempt: that of the last one, unless it did not fit.
    mutating func choose(from candidates: CandidateKeys<Key>) -> Key {
        let (keys, version) = candidates.current
        if version != self.version { (place, self.version, misfits) = (0, version, 0) }
        self.candidates = keys.count
        let key = keys[place % keys.count]
        self.key = key
        return key
    }

    /// - Returns: Whether another candidate comes before it has its turn again.
    mutating func noteMisfit() -> Bool {
        place += 1
        misfits += 1
        return misfits % candidates != 0
    }

    mutating func noteFit() { misfits = 0 }
}
