package import BookendModel

/// One message that waits until its channel has accepted it.
package struct OutgoingMessage: Hashable, Sendable {
    package enum Body: Hashable, Sendable {
        case notice(AlertNotice)
        case ping(JobPing)
        case digest(AlertDigest)
        case letter(ReportLetter)
    }

    /// 0 until it is stored; what has the lower one came earlier.
    package var id: Int64
    package var channel: String
    /// The same each time that it is sent, and of no other message: who gets it twice can know.
    package var key: String
    package var createdAt: UnixTime
    /// Tries that were begun: without any, nobody can have got it.
    package var attempts: Int
    /// Not before.
    package var nextAt: UnixTime
    package var body: Body
    /// Why whoever is there did not take it, the last time; `nil`: it waits.
    package var refusal: String?
    package var refusedAt: UnixTime?
    /// Those who have not got it yet; `nil`: nobody has.
    package var recipients: [String]?

    package init(
        id: Int64 = 0, channel: String, key: String, createdAt: UnixTime, attempts: Int = 0, nextAt: UnixTime? = nil,
        body: Body
    ) {
        self.id = id
        self.channel = channel
        self.key = key
        self.createdAt = createdAt
        self.attempts = attempts
        self.nextAt = nextAt ?? createdAt
        self.body = body
    }
}

extension OutgoingMessage.Body {
    /// Messages of one line go out in their order, and so does a digest with everything: a mail that says that something is over
    /// never comes before the one that says that it began. `nil`: it waits for nothing.
    var line: String? {
        switch self {
        case .notice(let notice) where notice.occasion == .test: Self.test
        case .notice(let notice): "\(notice.alert.cause.kind.rawValue) \(notice.alert.cause.policy?.rawValue ?? "")"
        case .ping(let ping): "ping \(ping.policy) \(ping.agent)"
        case .digest: Self.everything
        case .letter: nil
        }
    }

    static let everything = "*"
    /// Goes first: somebody waits to see whether the channel works.
    static let test = "test"
}

extension Status {
    /// The job ended without a backup, by a rule or by somebody's will, and nothing is wrong.
    var isWithoutBackup: Bool { self == .skipped || self == .canceled }
}

/// What a service that counts on signs of life is told of a job.
package struct JobPing: Hashable, Sendable {
    package var policy: PolicyName
    package var agent: AgentID
    package var job: JobID
    /// ``Status/running`` at its start; otherwise how it ended.
    package var status: Status
    /// Earlier messages about other jobs of the same policy and agent that this one stands for.
    package var folded = 0
    /// Those of them that told of a failure.
    package var foldedFailures = 0

    package init(policy: PolicyName, agent: AgentID, job: JobID, status: Status) {
        self.policy = policy
        self.agent = agent
        self.job = job
        self.status = status
    }
}

/// How many messages of a channel wait, and since when.
package struct OutgoingQueue: Hashable, Sendable {
    package var waiting: Int
    /// Of those that wait.
    package var oldestAt: UnixTime?
    package var refused: Int
    /// Why the latest of them was.
    package var refusal: String?

    package init(waiting: Int, oldestAt: UnixTime?, refused: Int = 0, refusal: String? = nil) {
        self.waiting = waiting
        self.oldestAt = oldestAt
        self.refused = refused
        self.refusal = refusal
    }
}
