import BookendFiles
import BookendModel

/// What is to come, as lines.
enum ScheduleTables {
    static func starts(_ starts: [ScheduledStart], showsJobs: Bool, now: UnixTime) -> Table {
        let isHeld = starts.contains { !$0.held.isEmpty || $0.firstAgents.contains { !$0.held.isEmpty } }
        var columns: [Table.Column] = [
            .init("START"), .init("ZONE", shrinksTo: 3, isDispensable: true), .init("IN", isDispensable: true),
            .init("POLICY", shrinksTo: 8), .init("AGENTS", shrinksTo: 6), .init("UNTIL", isDispensable: true),
        ]
        if showsJobs { columns.append(.init("JOB", .right)) }
        if isHeld { columns.append(.init("HELD", shrinksTo: 6)) }
        var table = Table(columns)
        for start in starts {
            var cells: [Table.Cell] = [
                .init(wall(start.start, start) + (start.splay > .zero && !showsJobs ? " +" : "")),
                .init(start.zone.text), .init(Phrases.relative(first(start), to: now)), .init(start.policy.rawValue),
                .init(agents(of: start)),
                .init(start.windowEnd.map { String(wall($0, start).suffix(5)) } ?? "-"),
            ]
            if showsJobs {
                cells[0] = .init(wall(first(start), start))
                cells.append(.init(start.firstAgents.first?.job?.description ?? "-"))
            }
            if isHeld {
                cells.append(.init(held(start), .notice))
            }
            table.append(cells)
        }
        return table
    }

    private static func first(_ start: ScheduledStart) -> UnixTime {
        start.firstAgents.count == 1 && start.agents == 1 ? start.firstAgents[0].start : start.start
    }

    private static func held(_ start: ScheduledStart) -> String {
        if !start.held.isEmpty { return start.held }
        let held = start.firstAgents.filter { !$0.held.isEmpty }
        return held.map { start.agents == 1 ? $0.held : "\($0.agent): \($0.held)" }.joined(separator: ", ")
    }

    private static func agents(of start: ScheduledStart) -> String {
        let names = start.firstAgents.prefix(start.agents > 3 ? 2 : 3).map(\.agent.rawValue).joined(separator: ", ")
        let rest = start.agents - min(start.agents, start.agents > 3 ? 2 : 3)
        return rest > 0 ? "\(names) and \(rest) more" : names
    }

    /// `2026-11-24 02:30`, as a wall clock in the schedule's zone shows it.
    private static func wall(_ time: UnixTime, _ start: ScheduledStart) -> String {
        let text = (time + .seconds(start.offset)).rfc3339
        return text.prefix(10) + " " + text.dropFirst(11).prefix(5)
    }
}

extension ScheduledStart {
    var document: Document {
        .object(["policy": .text(policy.rawValue)]) + .time("start", start)
            + .object([
                "timezone": .text(zone.text), "utc_offset_seconds": Document(offset),
                "splay_ms": Document(splay.milliseconds),
            ]) + .time("window_end", windowEnd)
            + .object([
                "agents": Document(agents),
                "first_agents": .list(
                    firstAgents.map { agent in
                        .object(["agent": .text(agent.agent.rawValue)]) + .time("start", agent.start)
                            + .object([
                                "job_id": Document(agent.job?.rawValue),
                                "held": Document(agent.held.isEmpty ? nil : agent.held),
                            ])
                    }),
                "held": Document(held.isEmpty ? nil : held),
            ])
    }
}
