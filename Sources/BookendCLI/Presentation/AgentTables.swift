import BookendFiles
import BookendModel

/// Agents as lines.
enum AgentTables {
    static func list(_ agents: [AgentRecord], now: UnixTime) -> Table {
        var table = Table([
            .init("AGENT", shrinksTo: 8), .init("STATE"), .init("HEARD", isDispensable: true),
            .init("VERSION", isDispensable: true),
            .init("JOBS", shrinksTo: 6), .init("OUTBOX", .right, isDispensable: true),
            .init("OWED", .right, isDispensable: true),
            .init("LABELS", shrinksTo: 6, isDispensable: true),
        ])
        for agent in agents {
            let labels = agent.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            table.append([
                .init(agent.id.rawValue), state(of: agent),
                .init(Phrases.relative(agent.lastHeardAt, to: now)), .init(agent.version.isEmpty ? "-" : agent.version),
                .init(agent.activeJobs.isEmpty ? "-" : agent.activeJobs.map(\.summary).joined(separator: ", ")),
                .init("\(agent.outboxDepth)"), .init("\(agent.openDebts)", agent.openDebts > 0 ? .bad : nil),
                .init(labels.joined(separator: " ")),
            ])
        }
        return table
    }

    /// Jobs to come.
    static func slots(_ slots: [TriggerRecord], now: UnixTime) -> Table {
        var table = Table([
            .init("NEXT"), .init("JOB", .right), .init("POLICY", shrinksTo: 12), .init("IN", isDispensable: true),
        ])
        for slot in slots {
            table.append([
                .init(slot.trigger.scheduledStart.rfc3339), .init("\(slot.trigger.job)"),
                .init(slot.trigger.policy.rawValue), .init(DurationText.render(slot.trigger.scheduledStart - now)),
            ])
        }
        return table
    }

    private static func state(of agent: AgentRecord) -> Table.Cell {
        if agent.isCloned { return .init("cloned", .bad) }
        if agent.isOnline, agent.cannotRecord { return .init("cannot record", .bad) }
        if agent.maintenance != nil {
            return .init(agent.isOnline ? "maintenance" : "maintenance, offline", .notice)
        }
        return agent.isOnline ? .init("online", .good) : .init("offline", .bad)
    }
}

extension ActiveJob {
    fileprivate var summary: String { "\(job) \(stage?.rawValue ?? "queued")" }
}

extension AgentRecord {
    /// ``clockProblem``, as a line by itself.
    var clockLine: String { "\(id): \(clockProblem ?? "its clock is right")" }
}
