import BookendModel

extension DaemonLink {
    /// Jobs that a filter picks, newest first, page by page up to the filter's limit or beyond a thousand.
    ///
    /// - Parameter failedOnly: Leaves out all but failures. Failures have many numbers, unknown ones too, and the filter
    ///   knows one: so they are picked here, and pages are read until there are enough.
    func jobs(_ filter: JobFilter, limit: Int, failedOnly: Bool = false) async throws(CLIError) -> [JobAggregate] {
        var found: [JobAggregate] = []
        var filter = filter
        while found.count < limit {
            filter.limit = failedOnly ? 1_000 : min(1_000, limit - found.count)
            guard case .jobs(let page) = try await query(.jobs(filter)) else { throw unexpected() }
            found += failedOnly ? Array(page.filter(\.status.isFailure).prefix(limit - found.count)) : page
            // A page may be shorter than asked for, to fit one reply: only an empty one is the last.
            guard let last = page.last else { break }
            filter.before = last.job
        }
        return found
    }

    /// The jobs with these ids that the collector knows.
    func jobs(_ ids: [JobID]) async throws(CLIError) -> [JobAggregate] {
        var found: [JobAggregate] = []
        for start in stride(from: 0, to: ids.count, by: 500) {
            var filter = JobFilter()
            filter.jobs = Array(ids.dropFirst(start).prefix(500))
            found += try await jobs(filter, limit: .max)
        }
        return found
    }

    func job(_ id: JobID) async throws(CLIError) -> JobAggregate {
        guard case .jobs(let jobs) = try await query(.job(id)), let job = jobs.first else { throw unexpected() }
        return job
    }

    func fleet() async throws(CLIError) -> FleetSummary {
        guard case .fleet(let summary) = try await query(.fleet) else { throw unexpected() }
        return summary
    }

    func feed(from cursor: Cursor?, limit: Int) async throws(CLIError) -> (entries: [FeedEntry], head: Cursor) {
        guard case .feed(let entries, let head) = try await query(.feed(from: cursor, limit: limit)) else {
            throw unexpected()
        }
        return (entries, head)
    }

    func feedHead() async throws(CLIError) -> Cursor {
        guard case .feed(_, let head) = try await query(.feedHead) else { throw unexpected() }
        return head
    }

    /// The whole audit log that a filter picks, page by page; `take` gets each page.
    func auditLog(
        _ filter: AuditFilter, take: ([AuditEntry]) -> Void
    ) async throws(CLIError) {
        var filter = filter
        (filter.newest, filter.limit) = (false, 1_000)
        while true {
            let page = try await audit(filter)
            take(page)
            // An entry that comes again would be asked for without end.
            guard let last = page.last?.sequence, last > filter.after else { return }
            filter.after = last
        }
    }

    func audit(_ filter: AuditFilter) async throws(CLIError) -> [AuditEntry] {
        guard case .audit(let entries) = try await control(.readAudit(filter)) else { throw unexpected() }
        return entries
    }

    /// All heads of the audit log that the collector keeps.
    func auditAnchors() async throws(CLIError) -> [AuditAnchor] {
        var anchors: [AuditAnchor] = []
        var after: Int64 = 0
        while true {
            guard
                case .auditAnchors(let page, let isComplete) = try await query(
                    .auditAnchors(after: after, limit: 1_000))
            else { throw unexpected() }
            anchors += page
            guard !isComplete, let last = page.last?.head.sequence, last > after else { return anchors }
            // Some of the last one's sequence may be on the next page: they come again.
            after = max(last - 1, after + 1)
        }
    }

    func agents() async throws(CLIError) -> [AgentRecord] {
        guard case .agents(let agents) = try await control(.listAgents) else { throw unexpected() }
        return agents.sorted { $0.id < $1.id }
    }

    func peers(_ role: PeerRole) async throws(CLIError) -> [Peer] {
        guard case .peers(let peers) = try await control(.listPeers(role)) else { throw unexpected() }
        return peers
    }

    /// Jobs to come, the earliest first.
    func slots(of policy: PolicyName? = nil, at agent: AgentID? = nil, limit: Int) async throws(CLIError)
        -> [TriggerRecord]
    {
        guard case .triggered(let records) = try await control(.listSlots(policy, agent, limit: limit)) else {
            throw unexpected()
        }
        return records
    }

    func holds(_ request: ControlRequest) async throws(CLIError) -> [Hold] {
        guard case .holds(let holds) = try await control(request) else { throw unexpected() }
        return holds
    }

    func starts(_ filter: StartFilter) async throws(CLIError) -> UpcomingStarts {
        guard case .starts(let upcoming) = try await control(.listStarts(filter)) else { throw unexpected() }
        return upcoming
    }

    func drift(_ filter: DriftFilter) async throws(CLIError) -> DriftReport {
        guard case .drift(let report) = try await control(.readDrift(filter)) else { throw unexpected() }
        return report
    }

    func policies(_ request: ControlRequest) async throws(CLIError) -> [PolicyRevision] {
        guard case .policies(let policies) = try await control(request) else { throw unexpected() }
        return policies.sorted { $0.policy.name < $1.policy.name }
    }
}
