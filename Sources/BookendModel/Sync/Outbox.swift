/// The agent's side of the intake: decides which reports to send to one collector, and when again.
///
/// Reports stay in the journal until they are acknowledged, and a while longer; the outbox holds numbers only, all of
/// them the journal's. On each connection it asks how far the collector is, and sends everything above: what was sent
/// before a loss may be lost, and sending a number twice does no harm.
///
/// ```
///   away ──connected──▶ resuming ──ack──▶ streaming
///    ▲                   ▲  │  ▲              │
///    └──────lost─────────┘  │  └─ patience over, out of step ─┘
///                           ▼
///            breaking: ack says that both sides mean different reports
///                           └──began a new stream──▶ resuming
/// ```
package struct Outbox: Hashable, Sendable {
    package enum Event: Hashable, Sendable {
        case connected
        case lost
        /// The journal holds reports up to and including this number.
        case appended(through: UInt64)
        /// The journal no longer holds reports up to and including this number.
        case pruned(through: UInt64)
        /// - own: The journal's digest of the report that the acknowledgement names; `nil`: it is no longer kept.
        case acknowledged(IntakeAck, own: ReportDigest?)
        /// The journal has recorded the stream that ``Action/beginStream(after:_:)`` asked for.
        case began(ReportStream)
        /// So much time passed without any acknowledgement although one is awaited, that what was sent counts as lost.
        case patienceOver
    }

    package enum Action: Hashable, Sendable {
        case sendResume(IntakeResume)
        /// Send these reports as one batch.
        case sendBatch(ClosedRange<UInt64>)
        /// Record the stream: what the collector has stored changed. It may have become less.
        case recordAcknowledged(ReportStream)
        /// The collector lost these, which it had acknowledged, and gets them again.
        case sendAgain(ClosedRange<UInt64>)
        /// Record the stream that is this one ``ReportStream/renewed(base:newest:)``, and answer with ``Event/began(_:)``.
        case beginStream(after: UInt64, StreamBreak)
    }

    private enum State: Hashable {
        case away
        case resuming
        case breaking
        case streaming
    }

    /// Reports in one batch, at most.
    package static let batchLimit: UInt64 = 256
    /// Reports that are sent and not acknowledged, at most; what comes beyond waits in the journal.
    package static let windowLimit: UInt64 = 1_024

    package private(set) var stream: ReportStream
    /// The highest number in the journal.
    package private(set) var highest: UInt64
    /// The highest number that the journal held once and does not any more.
    private var pruned: UInt64
    private var sent: UInt64
    private var state = State.away
    /// A stream was begun, and nothing has been acknowledged in it yet.
    private var isStreamUntried = false

    package init(stream: ReportStream, highest: UInt64, pruned: UInt64) {
        self.stream = stream
        self.highest = max(highest, stream.acknowledged)
        self.pruned = pruned
        sent = stream.acknowledged
    }

    /// Reports that the collector has not acknowledged.
    package var depth: UInt64 { highest - stream.acknowledged }

    /// An acknowledgement is awaited: patience is running.
    package var isWaiting: Bool {
        switch state {
        case .away: false
        case .resuming, .breaking: true
        case .streaming: sent > stream.acknowledged
        }
    }

    package mutating func handle(_ event: Event) -> [Action] {
        switch event {
        case .connected: return resume()
        case .lost:
            state = .away
            return []
        case .appended(let through):
            highest = max(highest, through)
            return batches()
        case .pruned(let through):
            pruned = max(pruned, through)
            return []
        case .acknowledged(let ack, let own):
            guard ack.incarnation == stream.incarnation else { return [] }
            switch state {
            case .away, .breaking: return []
            // What answers an earlier batch says nothing that the answer to the question will not say.
            case .resuming: return ack.mustResume ? [] : takeUp(ack, own)
            case .streaming: return goOn(ack, own)
            }
        case .began(let stream):
            guard state == .breaking else { return [] }
            self.stream = stream
            isStreamUntried = true
            return resume()
        case .patienceOver: return isWaiting ? resume() : []
        }
    }

    private mutating func resume() -> [Action] {
        state = .resuming
        sent = stream.acknowledged
        return [
            .sendResume(
                IntakeResume(
                    incarnation: stream.incarnation, acknowledged: stream.sequence(of: stream.acknowledged),
                    epoch: stream.epoch))
        ]
    }

    /// The collector said where it is. That stands, be it further than it was known to be, or less far.
    private mutating func takeUp(_ ack: IntakeAck, _ own: ReportDigest?) -> [Action] {
        let number = stream.number(of: ack.through)
        if let reason = breach(ack, own) { return begin(reason) }
        guard number >= pruned else {
            let missing = number + 1...pruned
            return begin(number < stream.acknowledged ? .lostByCollector(missing) : .olderThanCollector(missing))
        }
        var actions: [Action] = []
        if number < stream.acknowledged { actions.append(.sendAgain(number + 1...stream.acknowledged)) }
        state = .streaming
        sent = number
        return actions + record(number, ack.epoch) + batches()
    }

    /// An acknowledgement of batches.
    private mutating func goOn(_ ack: IntakeAck, _ own: ReportDigest?) -> [Action] {
        if let reason = breach(ack, own) { return begin(reason) }
        let number = stream.number(of: ack.through)
        guard !ack.mustResume, number >= stream.acknowledged else { return resume() }
        sent = max(sent, number)
        return (number > stream.acknowledged ? record(number, ack.epoch) : []) + batches()
    }

    /// Why this acknowledgement cannot be about this journal's reports; `nil`: it can.
    private func breach(_ ack: IntakeAck, _ own: ReportDigest?) -> StreamBreak? {
        let number = stream.number(of: ack.through)
        if number > highest { return .journalIsBehind(collectorHas: number) }
        guard ack.through > 0, let digest = ack.digest, let own, digest != own else { return nil }
        return .diverged(at: number)
    }

    /// Everything that is kept goes into the new stream. Where the two parted is not known, and need not be: the
    /// collector knows each report by its digest.
    ///
    /// One that breaks before anything was acknowledged in it is followed by another only once patience is over: were the
    /// two sides never to agree, they would do nothing else.
    private mutating func begin(_ reason: StreamBreak) -> [Action] {
        state = .breaking
        guard !isStreamUntried else {
            isStreamUntried = false
            return []
        }
        return [.beginStream(after: pruned, reason)]
    }

    private mutating func record(_ number: UInt64, _ epoch: Int64) -> [Action] {
        let old = stream
        if number > stream.base { isStreamUntried = false }
        stream.acknowledged = number
        stream.epoch = epoch
        return stream == old ? [] : [.recordAcknowledged(stream)]
    }

    private mutating func batches() -> [Action] {
        guard state == .streaming else { return [] }
        var actions: [Action] = []
        while sent < highest, sent - stream.acknowledged < Outbox.windowLimit {
            let last = min(highest, sent + Outbox.batchLimit)
            actions.append(.sendBatch(sent + 1...last))
            sent = last
        }
        return actions
    }
}
