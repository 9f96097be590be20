/// What an agent sends to a collector.
package enum IntakeMessage: Hashable, Sendable {
    /// First on a new connection: "up to which number do you have my reports?", answered by an ``IntakeAck``.
    case resume(incarnation: UInt64)
    /// Consecutive reports of one incarnation, in order.
    case batch([Report])
}

/// Every report of this incarnation up to and including this number is stored durably.
package struct IntakeAck: Hashable, Sendable {
    package var incarnation: UInt64
    /// 0: none.
    package var through: UInt64

    package init(incarnation: UInt64, through: UInt64) {
        self.incarnation = incarnation
        self.through = through
    }
}

/// How far a running backup is.
package struct Progress: Hashable, Sendable {
    package var job: JobID
    package var agent: AgentID
    package var policy: PolicyName
    package var attempt: Int
    package var stage: Stage
    /// 0…1; `nil` while the engine does not know the total.
    package var fraction: Double?
    package var bytesDone: Int64
    package var bytesTotal: Int64
    package var filesDone: Int64
    package var filesTotal: Int64
    package var at: UnixTime

    package init(
        job: JobID, agent: AgentID, policy: PolicyName, attempt: Int, stage: Stage, fraction: Double? = nil,
        bytesDone: Int64 = 0, bytesTotal: Int64 = 0, filesDone: Int64 = 0, filesTotal: Int64 = 0, at: UnixTime
    ) {
        self.job = job
        self.agent = agent
        self.policy = policy
        self.attempt = attempt
        self.stage = stage
        self.fraction = fraction
        self.bytesDone = bytesDone
        self.bytesTotal = bytesTotal
        self.filesDone = filesDone
        self.filesTotal = filesTotal
        self.at = at
    }
}

/// A subscriber's place in the feed; opaque to everyone but the store that made it.
package struct Cursor: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
    package var description: String { rawValue }
}

/// A stored report with its place in the feed.
package struct FeedEntry: Hashable, Sendable {
    /// The place just behind this report: "go on from here".
    package var cursor: Cursor
    package var report: Report

    package init(cursor: Cursor, report: Report) {
        self.cursor = cursor
        self.report = report
    }
}
