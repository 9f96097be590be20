/// What an agent sends to a collector.
package enum IntakeMessage: Hashable, Sendable {
    /// First on a new connection: "up to which number do you have my reports?", answered by an ``IntakeAck``.
    case resume(IntakeResume)
    case batch(IntakeBatch)
    /// Each heartbeat interval; answered by a ``BeaconReply`` when the agent does not know the collector's newest key.
    case beacon(IntakeBeacon)
}

/// An agent takes up a stream.
package struct IntakeResume: Hashable, Sendable {
    package var incarnation: UInt64
    /// The highest number of the stream that the collector is known to have stored; 0: none.
    package var acknowledged: UInt64
    /// The collector's epoch when it said so; 0: it never did.
    package var epoch: Int64

    package init(incarnation: UInt64, acknowledged: UInt64, epoch: Int64) {
        self.incarnation = incarnation
        self.acknowledged = acknowledged
        self.epoch = epoch
    }
}

/// Consecutive reports of one stream, in order.
package struct IntakeBatch: Hashable, Sendable {
    package var incarnation: UInt64
    /// The digest of the report before the first; of a stream's first report, what the journal's digests begin with.
    package var after: ReportDigest
    package var reports: [Report]

    package init(incarnation: UInt64, after: ReportDigest, reports: [Report]) {
        self.incarnation = incarnation
        self.after = after
        self.reports = reports
    }
}

/// An agent's sign of life to a collector: silence on this way, too, means something.
package struct IntakeBeacon: Hashable, Sendable {
    package static let jobLimit = 1_000
    /// At most ``jobLimit``, the oldest.
    package var activeJobs: [ActiveJob]
    /// The agent's wall clock.
    package var wall: UnixTime
    /// The newest key of the collector's that the agent has written down; `nil`: it does not say.
    package var serverKey: PublicKey?

    package init(activeJobs: [ActiveJob], wall: UnixTime) {
        self.activeJobs = activeJobs
        self.wall = wall
    }
}

/// What a collector tells an agent beside what it has stored.
package struct BeaconReply: Hashable, Sendable {
    /// The key that the collector will have; `nil`: it keeps the one that it has.
    package var nextKey: PublicKey?

    package init(nextKey: PublicKey?) { self.nextKey = nextKey }
}

/// Every report of this stream up to and including this number is stored durably.
package struct IntakeAck: Hashable, Sendable {
    package var incarnation: UInt64
    /// 0: none.
    package var through: UInt64
    /// Of the report at `through`: the agent holds it against its own. `nil`: none is stored, or its digest is unknown.
    package var digest: ReportDigest?
    /// The collector's, renewed when its state went back in time.
    package var epoch: Int64
    /// A batch did not follow what is stored: the agent asks again where to go on.
    package var mustResume: Bool

    package init(
        incarnation: UInt64, through: UInt64, digest: ReportDigest? = nil, epoch: Int64 = 0, mustResume: Bool = false
    ) {
        self.incarnation = incarnation
        self.through = through
        self.digest = digest
        self.epoch = epoch
        self.mustResume = mustResume
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

/// What was stored, with its place in the feed.
package struct FeedEntry: Hashable, Sendable {
    package enum Body: Hashable, Sendable {
        case report(Report)
        case inference(Inference)
        case alert(AlertEvent)
    }

    /// The place just behind this entry: "go on from here".
    package var cursor: Cursor
    package var body: Body

    package init(cursor: Cursor, body: Body) {
        self.cursor = cursor
        self.body = body
    }

    package init(cursor: Cursor, report: Report) {
        self.init(cursor: cursor, body: .report(report))
    }

    /// `nil`: it is an inference or an alert.
    package var report: Report? {
        if case .report(let report) = body { report } else { nil }
    }

    /// `nil`: it is a report or an alert.
    package var inference: Inference? {
        if case .inference(let inference) = body { inference } else { nil }
    }
}
