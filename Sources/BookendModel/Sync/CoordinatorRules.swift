/// The coordinator's times and bounds.
package struct CoordinatorRules: Hashable, Sendable {
    /// An agent unheard of for this long is offline.
    package var offlineAfter: Duration
    /// A trigger or cancel that was not acknowledged is sent again after this, while its agent is online.
    package var redeliverAfter: Duration
    /// How long a trigger for an agent that seems online may take to be delivered, before it is missed.
    package var orderPatience: Duration
    /// A larger difference between two wall clocks is told.
    package var skewTolerance: Duration
    /// The longest `queueFor` of an order.
    package var longestQueue: Duration
    /// Triggers and cancels that wait for agents, at most; an order that would make them more is refused.
    package var openTriggers: Int
    /// Triggers and cancels sent again to one agent at one time, at most; the others follow.
    package var redeliveries: Int
    /// How long after its start a coordinator that was there before waits for its agents, until it gives ids to new slots:
    /// longer than they take to come back after an outage of any length.
    package var settling: Duration
    /// How far ahead slots are computed.
    package var slotHorizon: Duration
    /// How late the job of a slot may start when its policy has no window.
    package var slotPatience: Duration
    /// How often slots are computed while nothing changes.
    package var planningInterval: Duration
    /// Slots that one agent carries, at most: the earliest.
    package var slotsPerAgent: Int
    /// Jobs of the whole fleet at once before a start of the schedule waits; `nil`: no limit.
    package var jobsAtOnce: Int?
    /// Hellos answered in a second, at most; the others are told to come back.
    package var hellosPerSecond: Int
    /// How long a change of keys waits for the collectors to act by it: a round trip, and a commit.
    package var collectorPatience: Duration

    package init(
        offlineAfter: Duration = .seconds(45), redeliverAfter: Duration = .seconds(5),
        orderPatience: Duration = .seconds(300), skewTolerance: Duration = AgentRecord.skewTolerance,
        longestQueue: Duration = .seconds(14 * 86_400), openTriggers: Int = 100_000, redeliveries: Int = 1_000,
        settling: Duration = .seconds(90), slotHorizon: Duration = .seconds(14 * 86_400),
        slotPatience: Duration = .seconds(3_600),
        planningInterval: Duration = .seconds(600), slotsPerAgent: Int = 4_000, hellosPerSecond: Int = 200,
        jobsAtOnce: Int? = nil, collectorPatience: Duration = .seconds(3)
    ) {
        self.offlineAfter = offlineAfter
        self.redeliverAfter = redeliverAfter
        self.orderPatience = orderPatience
        self.skewTolerance = skewTolerance
        self.longestQueue = longestQueue
        self.openTriggers = openTriggers
        self.redeliveries = redeliveries
        self.settling = settling
        self.slotHorizon = slotHorizon
        self.slotPatience = slotPatience
        self.planningInterval = planningInterval
        self.slotsPerAgent = slotsPerAgent
        self.hellosPerSecond = hellosPerSecond
        self.jobsAtOnce = jobsAtOnce
        self.collectorPatience = collectorPatience
    }
}
