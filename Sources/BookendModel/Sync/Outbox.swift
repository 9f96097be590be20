/// The agent's side of the intake: decides which reports to send to one collector, and when again.
///
/// Reports stay in the journal until they are acknowledged; the outbox holds numbers only. On each connection it asks
/// how far the collector is, and sends everything above: what was sent before a loss may be lost, and sending a number
/// twice does no harm.
package struct Outbox: Hashable, Sendable {
    package enum Event: Hashable, Sendable {
        case connected
        case lost
        /// The journal holds reports up to and including this number.
        case appended(through: UInt64)
        case acknowledged(IntakeAck)
        /// So much time passed without any acknowledgement although reports were sent, that they count as lost.
        case patienceOver
    }

    package enum Action: Hashable, Sendable {
        case sendResume(incarnation: UInt64)
        /// Send these reports as one batch.
        case sendBatch(ClosedRange<UInt64>)
        /// Everything up to and including this number is stored by the collector.
        case recordAcknowledged(through: UInt64)
        /// The collector claims reports that this journal never made: the journal went back in time.
        case journalIsBehind(collectorHas: UInt64)
    }

    /// Reports in one batch, at most.
    package static let batchLimit: UInt64 = 256
    /// Reports that are sent and not acknowledged, at most; what comes beyond waits in the journal.
    package static let windowLimit: UInt64 = 1_024

    package let incarnation: UInt64
    /// The highest number in the journal.
    package private(set) var highest: UInt64
    package private(set) var acknowledged: UInt64
    private var sent: UInt64
    private var isResumed = false
    private var isConnected = false

    package init(incarnation: UInt64, highest: UInt64, acknowledged: UInt64) {
        self.incarnation = incarnation
        self.highest = highest
        self.acknowledged = min(acknowledged, highest)
        sent = self.acknowledged
    }

    /// Reports that the collector has not acknowledged.
    package var depth: UInt64 { highest - acknowledged }

    /// Sent, and not acknowledged: patience is running.
    package var isWaiting: Bool { isConnected && (!isResumed || sent > acknowledged) }

    package mutating func handle(_ event: Event) -> [Action] {
        switch event {
        case .connected:
            isConnected = true
            isResumed = false
            sent = acknowledged
            return [.sendResume(incarnation: incarnation)]
        case .lost:
            isConnected = false
            isResumed = false
            return []
        case .appended(let through):
            highest = max(highest, through)
            return batches()
        case .acknowledged(let ack):
            return take(ack)
        case .patienceOver:
            guard isWaiting else { return [] }
            isResumed = false
            sent = acknowledged
            return [.sendResume(incarnation: incarnation)]
        }
    }

    private mutating func take(_ ack: IntakeAck) -> [Action] {
        guard ack.incarnation == incarnation else { return [] }
        guard ack.through <= highest else { return [.journalIsBehind(collectorHas: ack.through)] }
        var actions: [Action] = []
        if ack.through > acknowledged {
            acknowledged = ack.through
            actions.append(.recordAcknowledged(through: acknowledged))
        }
        if !isResumed {
            // The collector may have been restored to an earlier state: it gets what it says that it lacks.
            isResumed = true
            sent = ack.through
        } else {
            sent = max(sent, acknowledged)
        }
        return actions + batches()
    }

    private mutating func batches() -> [Action] {
        guard isConnected, isResumed else { return [] }
        var actions: [Action] = []
        while sent < highest, sent - min(sent, acknowledged) < Outbox.windowLimit {
            let last = min(highest, sent + Outbox.batchLimit)
            actions.append(.sendBatch(sent + 1...last))
            sent = last
        }
        return actions
    }
}
