/// One run of one policy on one agent; positive, small and growing, so that a person can type it.
package struct JobID: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: Int64

    package init(rawValue: Int64) { self.rawValue = rawValue }

    package var description: String { String(rawValue) }
    package static func < (left: JobID, right: JobID) -> Bool { left.rawValue < right.rawValue }
}

/// Why a job starts.
package enum TriggerCause: String, Hashable, Sendable, CaseIterable {
    case schedule
    /// Backup now.
    case manual
    case catchUp = "catch-up"
    /// The agent started it by itself, from a slot that it carries.
    case autonomous
    /// Both scripts run, and no backup: an operator wants to see whether the post-script copes.
    case rehearsal

    /// Somebody asked for this job and looks at it: no rule of the schedule holds for it.
    package var isAsked: Bool { self == .manual || self == .rehearsal }
}

/// One order to start one job.
package struct Trigger: Hashable, Sendable {
    package var job: JobID
    package var agent: AgentID
    package var policy: PolicyName
    package var revision: Int64
    package var cause: TriggerCause
    /// When the job should start; for ``TriggerCause/manual`` the time at which the operator asked.
    package var scheduledStart: UnixTime
    /// A trigger that comes later is reported skipped, never run late.
    package var notAfter: UnixTime
    /// When the job's window ends; `nil`: the job has no window.
    package var windowEnd: UnixTime?
    /// In bytes a second; `nil`: as the policy says.
    package var bandwidthLimit: Int64?
    /// What goes wrong on purpose; only in a ``TriggerCause/rehearsal``.
    package var fault: StagedFault?
    /// Its start has come, and the coordinator holds it back: its agent does not begin it by itself as long as it hears the
    /// coordinator. Only in slots.
    package var isHeld = false

    package init(
        job: JobID, agent: AgentID, policy: PolicyName, revision: Int64, cause: TriggerCause,
        scheduledStart: UnixTime, notAfter: UnixTime, windowEnd: UnixTime? = nil,
        bandwidthLimit: Int64? = nil, fault: StagedFault? = nil
    ) {
        self.job = job
        self.agent = agent
        self.policy = policy
        self.revision = revision
        self.cause = cause
        self.scheduledStart = scheduledStart
        self.notAfter = notAfter
        self.windowEnd = windowEnd
        self.bandwidthLimit = bandwidthLimit
        self.fault = fault
    }

    /// It is a start of its policy's schedule: there is one at that time.
    package var isOfSchedule: Bool { !cause.isAsked }

    /// Tells whether two triggers of one id are the same order: one agent, one policy, one scheduled start. The cause, the
    /// revision and the deadline may differ. FNV-1a over both names, each with a NUL behind it, and the start in
    /// milliseconds as eight bytes, the lowest first.
    package var fingerprint: UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func mix(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        for byte in agent.rawValue.utf8 { mix(byte) }
        mix(0)
        for byte in policy.rawValue.utf8 { mix(byte) }
        mix(0)
        let start = UInt64(bitPattern: scheduledStart.milliseconds)
        for shift in stride(from: 0 as UInt64, to: 64, by: 8) { mix(UInt8(truncatingIfNeeded: start >> shift)) }
        return hash
    }
}
