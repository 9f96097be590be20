import BookendModel
import BookendTransport
import BookendWire
import Synchronization

/// Request and reply with one daemon, over a connection that is tried once. One request at a time.
final class DaemonLink: Sendable {
    static let patience = Duration.seconds(10)
    /// Pieces of an answer that may be on their way: as many more are asked for when half of them came.
    private static let credit = 16
    /// How often somebody who waits without a limit is asked whether he still does.
    private static let glance = Duration.seconds(1)

    let place: DaemonPlace
    private let socket: any MessageSocket
    /// Kept: the socket ends with it.
    private let network: any Network
    private let lastNumber = Atomic<UInt64>(0)

    init(socket: any MessageSocket, place: DaemonPlace, network: any Network) {
        self.socket = socket
        self.network = network
        self.place = place
    }

    // MARK: Query and control

    func query(_ query: Query) async throws(CLIError) -> QueryReply {
        let number = nextNumber()
        try send(.query(request: number, query))
        let deadline = ContinuousClock.now + Self.patience
        while true {
            for case .queryReply(let request, let reply) in try await receive(until: deadline, patience: Self.patience)
            where request == number || request == 0 {
                if case .failed(let failure) = reply { throw CLIError(failure) }
                return reply
            }
        }
    }

    func control(
        _ request: ControlRequest, within patience: Duration = patience
    ) async throws(CLIError) -> ControlReply {
        let number = nextNumber()
        try send(.control(request: number, request))
        guard let reply = try await reply(to: number, within: patience) else { throw place.silent(after: patience) }
        return reply
    }

    /// Asks an agent, through the coordinator.
    ///
    /// - Parameters:
    ///   - patience: How long to wait for each piece of the answer; `nil`: for as long as coordinator and agent are there.
    ///   - isWanted: Asked now and then while waiting without a limit; `false`: the rest need not come.
    ///   - take: Called with each piece, in order.
    func ask(
        _ agent: AgentID, _ request: AskRequest, patience: Duration?, isWanted: () -> Bool = { true },
        take: (AskAnswer) throws(CLIError) -> Void
    ) async throws(CLIError) {
        let number = nextNumber()
        try send(.control(request: number, .ask(agent, request)))
        var taken = 0
        while true {
            guard let reply = try await reply(to: number, within: patience, isWanted: isWanted) else { return }
            switch reply {
            case .answer(let answer):
                try take(answer)
                taken += 1
                if taken == Self.credit / 2 {
                    try send(.control(request: number, .askCredit(chunks: taken)))
                    taken = 0
                }
            case .done: return
            default: throw unexpected()
            }
        }
    }

    func unexpected() -> CLIError {
        CLIError(
            .failed,
            "\(place.daemon.name) at \(place.endpoint) answered something else than was asked: are both of "
                + "the same version? (this is \(ProtocolVersion.software))")
    }

    // MARK: Frames

    /// What came and was not looked at yet.
    private let pending = Mutex<[Envelope]>([])

    /// - Returns: `nil`: it is not wanted any more.
    private func reply(
        to number: UInt64, within patience: Duration?, isWanted: () -> Bool = { true }
    ) async throws(CLIError) -> ControlReply? {
        let deadline = patience.map { ContinuousClock.now + $0 }
        while true {
            // One at a time: several pieces of an answer come together.
            let envelopes = pending.withLock { pending in
                defer { pending = [] }
                return pending
            }
            for (index, envelope) in envelopes.enumerated() {
                guard case .controlReply(let request, let reply) = envelope, request == number || request == 0 else {
                    continue
                }
                pending.withLock { $0 = Array(envelopes[(index + 1)...]) + $0 }
                if case .failed(let failure) = reply { throw CLIError(failure) }
                return reply
            }
            let arrived = try await receive(until: deadline ?? .now + Self.glance, patience: patience)
            if arrived.isEmpty, !isWanted() { return nil }
            pending.withLock { $0 += arrived }
        }
    }

    private func nextNumber() -> UInt64 {
        lastNumber.wrappingAdd(1, ordering: .relaxed).newValue
    }

    private func send(_ envelope: Envelope) throws(CLIError) {
        guard socket.send([Wire.encode(envelope)]) else { throw place.unreachable(nil) }
    }

    /// At least one message; without a limit to the patience none may have come.
    private func receive(
        until deadline: ContinuousClock.Instant, patience: Duration?
    ) async throws(CLIError) -> [Envelope] {
        let deliveries: [Delivery]
        switch await socket.arrivals(until: deadline) {
        case .arrived(let arrived): deliveries = arrived
        case .timedOut:
            guard let patience else { return [] }
            throw place.silent(after: patience)
        case .ended(let reason): throw place.unreachable(reason)
        }
        var envelopes: [Envelope] = []
        for frame in deliveries.compactMap(\.message?.frames.last) {
            do {
                envelopes.append(try Wire.decode(frame))
            } catch {
                throw CLIError(.failed, "\(place.daemon.name) at \(place.endpoint): \(error.message)")
            }
        }
        return envelopes
    }
}
