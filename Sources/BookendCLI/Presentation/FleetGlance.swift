import BookendModel

/// What coordinator and collector know of the fleet, put together.
struct FleetGlance: Sendable {
    private struct Row {
        var id: AgentID
        var record: AgentRecord?
        var summary: AgentSummary?
    }

    let agents: [AgentRecord]
    let summary: FleetSummary
    /// What starts nothing by itself now.
    private let holds: [Hold]
    /// Jobs between two attempts.
    private let waiting: [JobAggregate]
    private let knowsAgents: Bool
    private let knowsJobs: Bool

    /// - Parameters:
    ///   - agents: `nil`: the coordinator cannot be reached.
    ///   - summary: `nil`: the collector cannot be reached.
    init(agents: [AgentRecord]?, summary: FleetSummary?, holds: [Hold] = [], waiting: [JobAggregate] = []) {
        self.holds = holds
        self.waiting = waiting
        self.agents = agents ?? []
        self.summary = summary ?? FleetSummary(jobs: [:], agents: [], policies: [], reportsStored: 0, asOf: .now)
        (knowsAgents, knowsJobs) = (agents != nil, summary != nil)
    }

    /// Every agent that either knows.
    private var rows: [Row] {
        var rows: [AgentID: Row] = [:]
        for agent in agents { rows[agent.id, default: Row(id: agent.id)].record = agent }
        for agent in summary.agents { rows[agent.agent, default: Row(id: agent.agent)].summary = agent }
        return rows.values.sorted { $0.id < $1.id }
    }

    private static let waitingLines = 5
    private static let stuckLines = 5

    func lines(_ now: UnixTime, _ terminal: Terminal) -> [String] {
        let online = agents.filter(\.isOnline).count
        let counts = StatusCounts(summary.jobs)
        let failures = Phrases.count(counts.failures, "failure")
        let known = knowsAgents ? "\(Phrases.count(agents.count, "agent")), \(online) online; " : ""
        var lines = [
            known + "\(Phrases.count(counts.total, "job")): "
                + "\(counts.outcomes) over, \(terminal.paint(failures, counts.failures > 0 ? .bad : nil)), "
                + "\(counts.inProgress) in progress" + (counts.inferred > 0 ? ", \(counts.inferred) inferred" : "")
        ]
        if !knowsAgents {
            lines.append(
                terminal.paint("the coordinator cannot be reached: which agents are online is not known", .bad))
        }
        if !knowsJobs {
            lines = [terminal.paint("the collector cannot be reached: jobs are not known", .bad)] + lines.dropFirst()
        }
        let owing = agents.filter { $0.openDebts > 0 }
        if !owing.isEmpty {
            let count = Phrases.count(Int(owing.map(\.openDebts).reduce(0, +)), "post-script")
            let names = owing.prefix(5).map(\.id.rawValue).joined(separator: ", ") + (owing.count > 5 ? ", …" : "")
            lines.append(terminal.paint("\(count) owed and could not be run, on \(names); see: bookend debts", .bad))
        }
        let stuck = agents.filter(\.cannotRecord)
        for agent in stuck.prefix(Self.stuckLines) {
            lines.append(
                terminal.paint(
                    SafeText.line("nothing new begins on \(agent.id): \(agent.journalProblem ?? "")"), .bad))
        }
        if stuck.count > Self.stuckLines {
            lines.append(
                terminal.paint("nothing new begins on \(stuck.count - Self.stuckLines) more; see: bookend agents", .bad)
            )
        }
        let skewed = agents.filter { $0.clockProblem != nil }
        lines += skewed.prefix(Self.stuckLines).map { terminal.paint(SafeText.line($0.clockLine), .notice) }
        if skewed.count > Self.stuckLines {
            let text = "the clocks of \(skewed.count - Self.stuckLines) more are wrong; see: bookend agents"
            lines.append(terminal.paint(text, .notice))
        }
        if summary.activeAlerts > 0 {
            let critical = summary.criticalAlerts > 0 ? ", \(summary.criticalAlerts) critical" : ""
            lines.append(
                terminal.paint(
                    Phrases.count(summary.activeAlerts, "alert") + critical + "; see: bookend alerts",
                    summary.criticalAlerts > 0 ? .bad : .active))
        }
        for channel in summary.channels where !channel.problem.isEmpty {
            let waiting = channel.waiting > 0 ? ", \(Phrases.count(channel.waiting, "message")) waiting" : ""
            lines.append(
                terminal.paint(
                    "the channel \(channel.name) is broken"
                        + (channel.failingSince.map { " since \(Phrases.relative($0, to: now))" } ?? "")
                        + "\(waiting): \(SafeText.line(channel.problem))", .bad))
        }
        for channel in summary.channels where channel.undeliverable > 0 {
            lines.append(
                terminal.paint(
                    "\(Phrases.count(channel.undeliverable, "message")) cannot be delivered over \(channel.name): "
                        + "\(SafeText.line(channel.refusal)); see: bookend alerts messages", .bad))
        }
        for job in waiting.prefix(Self.waitingLines) {
            let line = "\(job.agent) job \(job.job) waits for another attempt: \(job.why(now))"
            lines.append(terminal.paint(SafeText.line(line), .active))
        }
        if waiting.count > Self.waitingLines {
            lines.append("… and \(waiting.count - Self.waitingLines) more; see: bookend jobs --status 12")
        }
        lines += holds.map { terminal.paint(SafeText.line($0.line(now: now)), .notice) }
        var table = Table([
            .init("AGENT", shrinksTo: 8), .init("STATE"), .init("HEARD", isDispensable: true),
            .init("NOW", shrinksTo: 6, isDispensable: true),
            .init("LAST JOB", .right, isDispensable: true), .init("ITS STATUS", shrinksTo: 12, shrinksLast: true),
            .init("LAST GOOD BACKUP"),
            .init("FAILED", .right, isDispensable: true),
        ])
        for row in rows {
            let jobs = row.record?.activeJobs ?? []
            let failed = StatusCounts(row.summary?.jobs ?? [:]).failures
            table.append([
                .init(row.id.rawValue), state(row.record), .init(Phrases.relative(row.record?.lastHeardAt, to: now)),
                jobs.isEmpty ? .init("idle", .faint) : .init(Phrases.count(jobs.count, "job"), .active),
                .init(row.summary?.lastJob?.description ?? "-"), row.summary?.lastStatus.map { .init($0) } ?? "-",
                .init(Phrases.relative(row.summary?.lastGoodBackupAt, to: now)),
                .init("\(failed)", failed > 0 ? .bad : nil),
            ])
        }
        if !rows.isEmpty { lines += [""] + table.lines(terminal) }
        guard !summary.policies.isEmpty else { return lines }
        var policies = Table([
            .init("POLICY", shrinksTo: 8), .init("JOBS", .right), .init("FAILED", .right),
            .init("LAST GOOD BACKUP"), .init("BY STATUS", shrinksTo: 12, isDispensable: true),
        ])
        for policy in summary.policies {
            let counts = StatusCounts(policy.jobs)
            let byStatus = policy.jobs.sorted { $0.key.rawValue < $1.key.rawValue }.map { "\($1) × \($0)" }
            policies.append([
                .init(policy.policy.rawValue), .init("\(counts.total)"),
                .init("\(counts.failures)", counts.failures > 0 ? .bad : nil),
                .init(Phrases.relative(policy.lastGoodBackupAt, to: now)), .init(byStatus.joined(separator: ", ")),
            ])
        }
        return lines + [""] + policies.lines(terminal)
    }

    private func state(_ record: AgentRecord?) -> Table.Cell {
        guard let record else { return knowsAgents ? .init("not enrolled", .faint) : .init("unknown", .faint) }
        if record.isCloned { return .init("cloned", .bad) }
        if record.isOnline, record.cannotRecord { return .init("cannot record", .bad) }
        if record.maintenance != nil {
            return .init(record.isOnline ? "maintenance" : "maintenance, offline", .notice)
        }
        return record.isOnline ? .init("online", .good) : .init("offline", .bad)
    }

    var document: Document {
        let counts = StatusCounts(summary.jobs)
        return Document.time("as_of", summary.asOf)
            + .object([
                "coordinator_reached": .bool(knowsAgents), "collector_reached": .bool(knowsJobs),
                "reports_stored": Document(summary.reportsStored),
                "agents_online": Document(agents.filter(\.isOnline).count),
                "open_debts": Document(agents.map(\.openDebts).reduce(0, +)),
                "holds": .list(holds.map(\.document)),
                "jobs_waiting_for_retry": .list(waiting.map(\.document)),
                "jobs_total": Document(counts.total), "jobs_over": Document(counts.outcomes),
                "jobs_failed": Document(counts.failures), "jobs_in_progress": Document(counts.inProgress),
                "alerts_active": Document(summary.activeAlerts), "alerts_critical": Document(summary.criticalAlerts),
                "channels": .list(summary.channels.map(\.document)),
                "jobs_inferred": Document(counts.inferred), "jobs": BookendCLI.document(counts: summary.jobs),
                "agents": .list(
                    rows.map { row in
                        .object([
                            "agent": .text(row.id.rawValue), "is_enrolled": .bool(row.record != nil),
                            "is_online": .bool(row.record?.isOnline ?? false),
                            "open_debts": Document(row.record?.openDebts ?? 0),
                            "journal_problem": Document(row.record?.journalProblem),
                            "clock_problem": Document(row.record?.clockProblem),
                            "last_job_id": Document(row.summary?.lastJob?.rawValue),
                            "last_status": row.summary?.lastStatus?.document ?? .null,
                            "jobs": BookendCLI.document(counts: row.summary?.jobs ?? [:]),
                        ]) + .time("last_heard_at", row.record?.lastHeardAt)
                            + .time("last_good_backup_at", row.summary?.lastGoodBackupAt)
                    }),
                "policies": .list(
                    summary.policies.map { policy in
                        .object([
                            "policy": .text(policy.policy.rawValue), "jobs": BookendCLI.document(counts: policy.jobs),
                        ]) + .time("last_good_backup_at", policy.lastGoodBackupAt)
                    }),
            ])
    }
}
