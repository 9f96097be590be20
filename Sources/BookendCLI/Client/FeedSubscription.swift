import BookendModel
import BookendTransport
import BookendWire

/// The collector's published stream: stored reports and progress. May lose.
struct FeedSubscription: Sendable {
    let socket: any MessageSocket
    let place: DaemonPlace
    /// Kept: the socket ends with it.
    let network: any Network

    enum Event: Sendable {
        /// The publisher is there, and what it publishes from about now on arrives.
        case welcome
        case entry(FeedEntry)
        case progress(Progress)
    }

    enum Outcome: Sendable {
        case events([Event])
        case timedOut
        case ended(LossReason?)
    }

    func next(until deadline: ContinuousClock.Instant?) async -> Outcome {
        switch await socket.arrivals(until: deadline) {
        case .timedOut: .timedOut
        case .ended(let reason): .ended(reason)
        case .arrived(let deliveries): .events(deliveries.compactMap { $0.message.flatMap(Self.event) })
        }
    }

    /// Waits until the subscription holds.
    func established(within patience: Duration = .seconds(5)) async throws(CLIError) {
        let deadline = ContinuousClock.now + patience
        while true {
            switch await next(until: deadline) {
            case .timedOut: throw place.silent(after: patience)
            case .ended(let reason): throw place.unreachable(reason)
            // The first is the welcome: nothing comes before it.
            case .events: return
            }
        }
    }

    /// `nil`: of a newer version, or no message of the feed; a subscriber repairs by asking anyway.
    private static func event(_ message: Message) -> Event? {
        guard let last = message.frames.last else { return nil }
        if message.frames.count == 1 { return last == Topic.welcome ? .welcome : nil }
        guard let envelope = try? Wire.decode(last) else { return nil }  // nil says it
        switch envelope {
        case .feedEntry(let entry): return .entry(entry)
        case .progress(let progress): return .progress(progress)
        default: return nil
        }
    }
}
