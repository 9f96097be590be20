import BookendCollector
import BookendModel
import BookendTransport
import Testing

/// Makes the reports that an agent would make.
struct ReportMaker {
    let agent: AgentID
    var incarnation: UInt64 = 7
    var sequence: UInt64 = 0
    /// Of each report that was made, in order; before them, what they go on from.
    private(set) var digests = [ReportDigest(rawValue: 99)]

    init(_ agent: String) { self.agent = AgentID(rawValue: agent) }

    mutating func report(
        job: Int64, policy: String = "nightly", attempt: Int = 1, stage: Stage? = nil, _ status: Status, at: Int64 = 0
    ) -> Report {
        sequence += 1
        let report = Report(
            origin: ReportOrigin(agent: agent, incarnation: incarnation, sequence: sequence),
            trigger: ReportedTrigger(
                job: JobID(rawValue: job), policy: PolicyName(rawValue: policy), revision: 1, cause: .manual,
                scheduledStart: UnixTime(milliseconds: 1_000 + job)),
            attempt: attempt, stage: stage, status: status,
            at: UnixTime(milliseconds: at == 0 ? 10_000 + Int64(sequence) : at))
        digests.append(digests[digests.count - 1].followed(by: report))
        return report
    }

    /// What an agent sends of these.
    func batch(_ reports: some Collection<Report>) -> IntakeBatch {
        let own = reports.first { $0.origin.agent == agent && $0.origin.incarnation == incarnation }
        let first = own.map { Int($0.origin.sequence) } ?? 1
        return IntakeBatch(incarnation: incarnation, after: digests[first - 1], reports: Array(reports))
    }

    /// What an intake makes of these.
    func accepted(_ reports: some Collection<Report>) -> [AcceptedReport] {
        reports.map { AcceptedReport(report: $0, digest: digests[Int($0.origin.sequence)]) }
    }

    /// The same journal's reports in another stream.
    func renumbered(
        _ reports: some Collection<Report>, incarnation: UInt64, base: UInt64
    ) -> [AcceptedReport] {
        accepted(reports).map { accepted in
            var accepted = accepted
            accepted.report.origin.incarnation = incarnation
            accepted.report.origin.sequence -= base
            return accepted
        }
    }

    /// A job from queued to its end.
    mutating func job(_ job: Int64, policy: String = "nightly", backup: Status = .successful) -> [Report] {
        [
            report(job: job, policy: policy, attempt: 0, .queued), report(job: job, policy: policy, .running),
            report(job: job, policy: policy, stage: .preScript, .successful),
            report(job: job, policy: policy, stage: .backup, .running),
            report(job: job, policy: policy, stage: .backup, backup),
            report(job: job, policy: policy, stage: .postScript, .successful), report(job: job, policy: policy, backup),
        ]
    }
}

func triggerRecord(_ job: Int64, _ agent: String, _ state: TriggerRecord.State) -> TriggerRecord {
    TriggerRecord(
        trigger: Trigger(
            job: JobID(rawValue: job), agent: AgentID(rawValue: agent), policy: PolicyName(rawValue: "nightly"),
            revision: 1,
            cause: .manual, scheduledStart: UnixTime(milliseconds: 1_000 + job),
            notAfter: UnixTime(milliseconds: 90_000)), state: state)
}

func roster(_ through: Int64, _ triggers: TriggerRecord...) -> RosterReply {
    RosterReply(through: through, triggers: triggers, isComplete: true, agents: [])
}

extension ReportStore {
    /// Stores at a time that does not matter.
    @discardableResult
    func store(_ roster: RosterReply) throws -> [FeedEntry] {
        try store(roster, at: UnixTime(milliseconds: 70_000))
    }

    /// Stores when the last of them was made, each under a digest of its own.
    func store(_ reports: [Report]) throws -> [FeedEntry] {
        try store(reports, at: reports.last?.at ?? UnixTime(milliseconds: 0))
    }

    func store(_ reports: [Report], at now: UnixTime) throws -> [FeedEntry] {
        let accepted = reports.map { report in
            let start = ReportDigest(rawValue: report.origin.sequence &* 31 &+ report.origin.incarnation)
            return AcceptedReport(report: report, digest: start.followed(by: report))
        }
        return try store(accepted, at: now)
    }
}

func ringOfAgents(_ names: String...) throws -> KeyRing {
    KeyRing(
        try names.map { name in
            EnrolledKey(
                key: try CurveKeyPair.generate().publicKey, identity: try #require(PeerIdentity("agent/\(name)")))
        })
}

/// A small seeded generator, so that a failure comes back.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
