import Synchronization

/// The key pairs by which a client may prove itself, the preferred one first. Its sockets look here at each attempt to
/// connect; one that was refused with a pair tries the next. Safe to use from any thread.
package final class ClientKeys: Sendable {
    private struct State {
        var pairs: [CurveKeyPair]
        /// Grows with each change.
        var version = 0
    }

    private let state: Mutex<State>

    package init(_ pair: CurveKeyPair) {
        state = Mutex(State(pairs: [pair]))
    }

    /// - Parameter pairs: At least one.
    package init(_ pairs: [CurveKeyPair]) {
        precondition(!pairs.isEmpty, "a client has a key")
        state = Mutex(State(pairs: pairs))
    }

    /// Holds for the next attempts; a connection that is up stays: see ``MessageSocket/reconnect()``.
    ///
    /// - Parameter pairs: At least one.
    package func replace(with pairs: [CurveKeyPair]) {
        precondition(!pairs.isEmpty, "a client has a key")
        state.withLock { $0 = State(pairs: pairs, version: $0.version + 1) }
    }

    /// The one that is tried first.
    package var preferred: CurveKeyPair { state.withLock { $0.pairs[0] } }

    fileprivate var all: (pairs: [CurveKeyPair], version: Int) { state.withLock { ($0.pairs, $0.version) } }
}

/// With which of its client's pairs one socket tries.
struct KeyChoice {
    private var place = 0
    private var version = 0
    private(set) var pair: CurveKeyPair?

    /// The pair for the next attempt: that of the last one, unless it was refused.
    mutating func choose(from keys: ClientKeys) -> CurveKeyPair {
        let (pairs, version) = keys.all
        if version != self.version { (place, self.version) = (0, version) }
        let pair = pairs[place % pairs.count]
        self.pair = pair
        return pair
    }

    mutating func noteRefused() { place += 1 }
}
