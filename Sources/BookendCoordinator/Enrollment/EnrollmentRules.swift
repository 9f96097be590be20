package import BookendModel
package import BookendTransport

/// How a coordinator enrolls newcomers, and what it tells them.
package struct EnrollmentRules: Sendable {
    /// Where newcomers reach the gate.
    package var endpoint: String
    /// The gate's key.
    package var gateKey: PublicKey
    /// An operator must approve each newcomer, unless a token says otherwise.
    package var needsApproval: Bool
    /// Where agents reach the coordinator, and its key.
    package var sync: String
    package var broadcast: String
    package var coordinatorKey: PublicKey
    /// Starts the gate's process.
    package var open: @Sendable () throws(TransportError) -> GateProcess

    package init(
        endpoint: String, gateKey: PublicKey, needsApproval: Bool, sync: String, broadcast: String,
        coordinatorKey: PublicKey, open: @escaping @Sendable () throws(TransportError) -> GateProcess
    ) {
        self.endpoint = endpoint
        self.gateKey = gateKey
        self.needsApproval = needsApproval
        self.sync = sync
        self.broadcast = broadcast
        self.coordinatorKey = coordinatorKey
        self.open = open
    }
}

/// The gate's process as the coordinator keeps it: there while somebody could be let in, started anew when it died.
struct GateKeeper {
    private(set) var gate: GateProcess?
    private var backoff = Backoff(first: .seconds(1), limit: .seconds(60))
    private var openAgainAt: BootTime?
    private var openedAt: BootTime?

    enum Change {
        case opened(GateProcess)
        case closed
        /// It died, or could not be started; the text says more.
        case failed(String)
    }

    /// - Returns: What has changed; `nil`: nothing.
    mutating func tend(
        isWanted: Bool, at now: BootTime, open: () throws(TransportError) -> GateProcess
    ) -> Change? {
        guard isWanted else {
            openAgainAt = nil
            guard let gate else { return nil }
            gate.stop()
            self.gate = nil
            return .closed
        }
        if let gate {
            guard gate.hasEnded else { return nil }
            self.gate = nil
            if let openedAt, now - openedAt > .seconds(60) { backoff.reset() }
            delay(from: now)
            return .failed("its process ended")
        }
        if let openAgainAt, now < openAgainAt { return nil }
        do throws(TransportError) {
            let gate = try open()
            (self.gate, openedAt, openAgainAt) = (gate, now, nil)
            return .opened(gate)
        } catch {
            delay(from: now)
            return .failed(error.message)
        }
    }

    mutating func close() {
        gate?.stop()
        gate = nil
    }

    private mutating func delay(from now: BootTime) {
        var random = SystemRandomNumberGenerator()
        openAgainAt = now + .milliseconds(200) + backoff.next(using: &random)
    }
}
