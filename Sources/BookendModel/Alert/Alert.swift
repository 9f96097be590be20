/// Something that people must be told of, from its beginning until it is mended: one for each cause, whoever it hits.
///
/// ```
/// raised ──▶ active ──(all who are hit are mended, or somebody says so)──▶ resolved, for ever: the next time is a new alert
/// ```
package struct Alert: Hashable, Sendable {
    /// Small and growing, so that a person can type it.
    package var id: Int64
    package var cause: AlertCause
    package var raisedAt: UnixTime
    /// `nil`: active.
    package var resolvedAt: UnixTime?
    /// When people were first told; `nil`: not yet.
    package var toldAt: UnixTime?
    package var lastToldAt: UnixTime?
    /// Notices so far; each has the next number.
    package var notices: Int
    /// Reminders so far.
    package var reminders: Int
    package var acknowledgement: Acknowledgement?
    /// Who resolved it by hand, and why; `nil`: nobody did.
    package var resolution: Acknowledgement?
    /// Whom it hits, and whom it hit.
    package var subjects: [AlertSubject.Key: AlertSubject]

    package init(
        id: Int64, cause: AlertCause, raisedAt: UnixTime, resolvedAt: UnixTime? = nil, toldAt: UnixTime? = nil,
        lastToldAt: UnixTime? = nil, notices: Int = 0, reminders: Int = 0, acknowledgement: Acknowledgement? = nil,
        subjects: [AlertSubject.Key: AlertSubject] = [:]
    ) {
        self.id = id
        self.cause = cause
        self.raisedAt = raisedAt
        self.resolvedAt = resolvedAt
        self.toldAt = toldAt
        self.lastToldAt = lastToldAt
        self.notices = notices
        self.reminders = reminders
        self.acknowledgement = acknowledgement
        self.subjects = subjects
    }

    package struct Acknowledgement: Hashable, Sendable {
        package var by: String
        package var at: UnixTime
        package var note: String

        package init(by: String, at: UnixTime, note: String) {
            self.by = by
            self.at = at
            self.note = note
        }
    }

    package var severity: AlertSeverity { cause.kind.severity }
    package var isActive: Bool { resolvedAt == nil }
    package var open: [AlertSubject] { subjects.values.filter { $0.mendedAt == nil } }

    /// In the order of their agents.
    package var ordered: [AlertSubject] {
        subjects.values.sorted { ($0.agent, $0.job?.rawValue ?? 0) < ($1.agent, $1.job?.rawValue ?? 0) }
    }
}

/// What makes failures alike: they are one alert.
package struct AlertCause: Hashable, Sendable {
    package var kind: AlertKind
    /// `nil`: of the whole fleet.
    package var policy: PolicyName?

    package init(_ kind: AlertKind, _ policy: PolicyName?) {
        self.kind = kind
        self.policy = kind.isOfFleet ? nil : policy
    }

    /// `backup failed (nightly)`
    package var title: String { kind.title + (policy.map { " (\($0))" } ?? "") }
}

/// One agent that an alert hits.
package struct AlertSubject: Hashable, Sendable {
    package struct Key: Hashable, Sendable {
        package var agent: AgentID
        /// Only where each job is mended by itself.
        package var job: JobID?

        package init(agent: AgentID, job: JobID? = nil) {
            self.agent = agent
            self.job = job
        }
    }

    package let agent: AgentID
    /// The latest that it happened to; `nil`: no job.
    package var job: JobID?
    package let status: Status?
    /// One sentence, at most 300 bytes.
    package let reason: String
    package let likeness: Likeness
    /// Since when it is so, by the collector's clock.
    package var raisedAt: UnixTime
    /// `nil`: it still is.
    package var mendedAt: UnixTime?
    /// People were told.
    package var isTold: Bool
    /// How many jobs it happened to, one after the other.
    package var times: Int

    package init(
        agent: AgentID, job: JobID?, status: Status?, reason: String, raisedAt: UnixTime, mendedAt: UnixTime? = nil,
        isTold: Bool = false, times: Int = 1
    ) {
        self.agent = agent
        self.job = job
        self.status = status
        self.reason = reason.cut(toBytes: 300)
        likeness = Likeness(agent, status, self.reason)
        self.raisedAt = raisedAt
        self.mendedAt = mendedAt
        self.isTold = isTold
        self.times = times
    }

    package func key(of kind: AlertKind) -> Key { Key(agent: agent, job: kind.isOfJob ? job : nil) }

    /// What two agents have in common that are hit alike: the same status, and the same words.
    package struct Likeness: Hashable, Sendable {
        private var status: Status?
        private var words: String

        /// Leaves out the agent's name, and whatever has a digit in it: times, sizes, process ids, numbered servers.
        fileprivate init(_ agent: AgentID, _ status: Status?, _ reason: String) {
            self.status = status
            let words = reason.replacing(agent.rawValue, with: " ").split { !($0.isLetter || $0.isNumber) }
            self.words = words.filter { !$0.contains(where: \.isNumber) }.joined(separator: " ")
        }
    }
}

/// Nobody is told of what it names until it ends.
package struct AlertSilence: Hashable, Sendable {
    package var id: Int64
    /// `nil`: any.
    package var kind: AlertKind?
    /// With `*` and `?`; empty: any.
    package var policy: String
    package var agent: String
    /// Of the agent; all must hold. Empty: whatever they are.
    package var labels: [String: String]
    package var until: UnixTime
    package var by: String
    package var reason: String

    package init(
        id: Int64 = 0, kind: AlertKind? = nil, policy: String = "", agent: String = "", labels: [String: String] = [:],
        until: UnixTime, by: String = "", reason: String
    ) {
        self.id = id
        self.kind = kind
        self.policy = policy
        self.agent = agent
        self.labels = labels
        self.until = until
        self.by = by
        self.reason = reason
    }

    /// An alert of the whole fleet has no policy: a silence that names one does not cover it.
    ///
    /// - Parameter known: The labels of the agent.
    package func covers(_ cause: AlertCause, _ subject: AlertSubject, labels known: [String: String]) -> Bool {
        (kind == nil || kind == cause.kind)
            && (policy.isEmpty || cause.policy.map { Glob(policy).matches($0.rawValue) } ?? false)
            && (agent.isEmpty || Glob(agent).matches(subject.agent.rawValue))
            && labels.allSatisfy { known[$0.key] == $0.value }
    }
}

/// Which alerts; every part that is set must hold.
package struct AlertFilter: Hashable, Sendable {
    package var activeOnly = true
    package var kind: AlertKind?
    package var policy: PolicyName?
    /// 1–1,000.
    package var limit = 100

    package init() {}
}
