import BookendDaemon
import BookendModel
package import BookendTransport
import Logging
import Synchronization

/// The agent's key pair, and while it is rotated the one that follows it.
///
/// ```
/// agent.key ──prepare──▶ agent.key, agent.key.next ──every server has let the next one in──▶ agent.key, the next one
/// ```
///
/// An agent that starts with both files tries the next key first and falls back to the present one, each connection by
/// itself; so it is let in whenever it died. Neither secret ever leaves the server.
package final class AgentKeys: Sendable {
    private struct State {
        var present: CurveKeyPair
        var next: CurveKeyPair?
        /// Connections are to be made anew.
        var isOrdered = false
    }

    /// What sockets prove themselves by.
    package let client: ClientKeys
    /// `nil`: the key is in no file, and stays.
    private let file: NextKeyFile?
    private let state: Mutex<State>
    private let orders: AsyncStream<Void>
    private let order: AsyncStream<Void>.Continuation

    /// A key that is never rotated.
    package convenience init(_ pair: CurveKeyPair) {
        self.init(pair, next: nil, file: nil)
    }

    /// - Throws: ``TransportError`` when a file there cannot be used.
    package convenience init(file: String) throws(TransportError) {
        let file = NextKeyFile(besides: file)
        self.init(try CurveKeyPair.read(secretFile: file.present), next: try file.read(), file: file)
    }

    private init(_ present: CurveKeyPair, next: CurveKeyPair?, file: NextKeyFile?) {
        self.file = file
        client = ClientKeys([next, present].compactMap(\.self))
        state = Mutex(State(present: present, next: next))
        (orders, order) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        if next != nil { order.yield() }
    }

    // MARK: What the coordinator asks for

    /// The public half of the next key, which is made unless there is one.
    func prepare() throws(RemoteFailure) -> CurveKey {
        do {
            return try state.withLock { state in
                if let next = state.next { return next.publicKey }
                guard let file else { throw TransportError(.keyFile, "this agent's key is in no file") }
                // On the disk before anybody hears of it.
                let next = try file.make()
                state.next = next
                return next.publicKey
            }
        } catch let error as TransportError {
            throw RemoteFailure(.failed, "no new key could be made: \(error.message)")
        } catch {
            throw RemoteFailure(.failed, "no new key could be made: \(error)")
        }
    }

    /// The next key is admitted: connections are made anew with it.
    func use(_ key: PublicKey) throws(RemoteFailure) {
        let isKnown = state.withLock { state in
            guard let next = state.next, PublicKey(next.publicKey) == key else {
                return PublicKey(state.present.publicKey) == key
            }
            client.replace(with: [next, state.present])
            state.isOrdered = true
            return true
        }
        guard isKnown else { throw RemoteFailure(.invalid, "this agent has no such key") }
        order.yield()
    }

    // MARK: What the agent does about it

    /// Makes connections anew when that is ordered, and forgets the present key once each of them is up with the next one,
    /// until it is canceled.
    func change(on sockets: [any MessageSocket], clock: any DaemonClock, logger: Logger) async {
        for await _ in orders {
            while let next = state.withLock({ $0.next }), !Task.isCancelled {
                let isOrdered = state.withLock { state in
                    defer { state.isOrdered = false }
                    return state.isOrdered
                }
                if isOrdered {
                    logger.notice("connections are made anew with the next key", metadata: ["key": "\(next.publicKey)"])
                    for socket in sockets { socket.reconnect() }
                }
                var pause = Duration.seconds(1)
                if !isOrdered, sockets.allSatisfy({ $0.statistics.isConnected(with: next.publicKey) }) {
                    do throws(TransportError) {
                        try promote(next)
                        logger.notice("this agent has a new key", metadata: ["key": "\(next.publicKey)"])
                    } catch {
                        logger.error("the new key cannot take the old one's place", metadata: ["error": "\(error)"])
                        pause = .seconds(60)
                    }
                }
                // Canceled: the loop's condition sees it.
                try? await clock.sleep(until: clock.now.boot + pause)
            }
        }
    }

    private func promote(_ next: CurveKeyPair) throws(TransportError) {
        try file?.promote()
        state.withLock { state in
            state.present = next
            state.next = nil
            client.replace(with: [next])
        }
    }
}

extension SocketStatistics {
    fileprivate func isConnected(with key: CurveKey) -> Bool { isConnected && self.key == key }
}
