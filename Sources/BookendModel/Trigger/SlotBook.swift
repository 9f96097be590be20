/// The jobs to come that an agent carries, and when it starts them by itself.
///
/// The coordinator's trigger comes at a slot's start and has the slot's id. One that has not come a while after is started
/// without: whichever is first consumes the slot, and nothing else does; the clock passing it does not.
///
/// ```
///                its start comes               as long after that
///  a slot ─────────────────────────▶ it waits ─────────────────────▶ begun without the coordinator
///             │                         ▲
///             └──▶ held ────────────────┘
///    too many jobs run                the coordinator is gone
/// ```
///
/// A limit over several agents holds only while they hear the coordinator: once that is gone, no job waits for another
/// server's.
package struct SlotBook: Hashable, Sendable {
    package struct Rules: Hashable, Sendable {
        /// How long after its start a slot waits for the coordinator's trigger.
        package var grace: Duration
        /// Agents wait up to this much longer, each its own part of it, so that a fleet without a coordinator does not
        /// start at one moment.
        package var splay: Duration

        package init(grace: Duration = .seconds(60), splay: Duration = .seconds(60)) {
            self.grace = grace
            self.splay = splay
        }
    }

    package let rules: Rules
    private var slots: [JobID: Trigger] = [:] {
        didSet { nextStart = slots.values.lazy.map(startTime).min() }
    }
    /// Before then no slot of these policies is started: their last good backup is not long enough ago.
    private var rests: [PolicyName: UnixTime] = [:]
    /// From then on nobody lets go what the coordinator holds back.
    private var goneAt = UnixTime(milliseconds: .max)

    /// When the first slot must be started, by the wall clock; `nil`: there is none. Looked at more often than slots change.
    package private(set) var nextStart: UnixTime?

    package init(_ slots: [Trigger], rules: Rules = Rules()) {
        self.rules = rules
        replace(slots)
    }

    package var isEmpty: Bool { slots.isEmpty }
    /// In ascending order of job.
    package var all: [Trigger] { slots.values.sorted { $0.job < $1.job } }

    package mutating func replace(_ slots: [Trigger]) {
        self.slots = Dictionary(slots.map { ($0.job, $0) }, uniquingKeysWith: { $1 })
    }

    package mutating func change(_ changed: [Trigger], withdrawn: [JobID]) {
        var new = slots
        for job in withdrawn { new[job] = nil }
        for slot in changed { new[slot.job] = slot }
        slots = new
    }

    /// For policies whose jobs start so long after their last good backup: when they may start again.
    package mutating func rest(_ rests: [PolicyName: UnixTime]) {
        guard rests != self.rests else { return }
        self.rests = rests
        nextStart = slots.values.lazy.map(startTime).min()
    }

    /// When the coordinator counts as gone, by the wall clock as it is now: unheard of for a while, or to be so unless it is
    /// heard until then.
    package mutating func coordinatorGoes(at time: UnixTime) {
        guard time != goneAt else { return }
        goneAt = time
        if slots.values.contains(where: \.isHeld) { nextStart = slots.values.lazy.map(startTime).min() }
    }

    /// The policy is no longer the agent's.
    package mutating func remove(_ policy: PolicyName) {
        slots = slots.filter { $0.value.policy != policy }
    }

    /// The job has begun, or was reported skipped.
    package mutating func consume(_ job: JobID) {
        if slots[job] != nil { slots[job] = nil }
    }

    /// The triggers of slots that must be started now, in order of their start. They stay until they are consumed.
    package func due(at now: UnixTime) -> [Trigger] {
        guard let nextStart, nextStart <= now else { return [] }
        return slots.values.filter { startTime(of: $0) <= now }
            .sorted { ($0.scheduledStart, $0.job) < ($1.scheduledStart, $1.job) }
            .map { slot in
                var trigger = slot
                trigger.cause = .autonomous
                trigger.isHeld = false
                // Its times were counted from a backup before the last good one.
                if let rest = rests[slot.policy], rest > slot.scheduledStart {
                    trigger.notAfter = slot.notAfter + (rest - slot.scheduledStart)
                    trigger.windowEnd = slot.windowEnd.map { $0 + (rest - slot.scheduledStart) }
                }
                return trigger
            }
    }

    /// When the agent starts the slot by itself: in time for a short window too.
    package func startTime(of slot: Trigger) -> UnixTime {
        let wait = (rules.grace + splay(of: slot)).milliseconds
        let from = slot.isHeld ? max(slot.scheduledStart, goneAt) : slot.scheduledStart
        let room = (slot.notAfter - from).milliseconds
        let start = from + .milliseconds(max(0, min(wait, room / 2)))
        return max(start, rests[slot.policy] ?? start)
    }

    /// The same for all slots of one agent and policy.
    private func splay(of slot: Trigger) -> Duration {
        var timeless = slot
        timeless.scheduledStart = UnixTime(milliseconds: 0)
        let bound = UInt64(max(0, rules.splay.milliseconds))
        return .milliseconds(Int64(bound == 0 ? 0 : timeless.fingerprint % (bound + 1)))
    }
}
