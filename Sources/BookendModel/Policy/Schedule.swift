/// One rule by which jobs of a policy start.
package struct Schedule: Hashable, Sendable {
    package enum Rule: Hashable, Sendable {
        /// Once, at this time.
        case at(UnixTime)
        /// As a cron expression of five fields says; its text as it was written.
        case cron(String)
        /// On these days, at this time.
        case days(Weekdays, start: TimeOfDay)
        /// So long after the last good backup of the policy on each agent; at once where there never was one. The policy's only
        /// schedule. See ``SuccessChain``.
        case afterSuccess(Duration)
    }

    package var rule: Rule
    /// In which zone a wall clock shows the times; means nothing for ``Rule/at(_:)`` and ``Rule/afterSuccess(_:)``.
    package var zone: ScheduleZone
    /// How long after its start a job may run; `nil`: as the policy says. Positive.
    package var window: Duration?
    /// Each agent starts up to so much later, always by the same; `nil`: as the policy says.
    package var splay: Duration?

    /// In bytes a second; `nil`: as the policy says.
    package var bandwidthLimit: Int64?

    package init(
        _ rule: Rule, zone: ScheduleZone = .utc, window: Duration? = nil, splay: Duration? = nil,
        bandwidthLimit: Int64? = nil
    ) {
        self.rule = rule
        self.zone = zone
        self.window = window
        self.splay = splay
        self.bandwidthLimit = bandwidthLimit
    }

    package static func at(_ time: UnixTime) -> Schedule { Schedule(.at(time)) }

    /// - Parameter agentZone: The agent's own zone; empty: unknown.
    package func rules(agentZone: String, _ zones: any ZoneCatalog) -> any ZoneRules {
        switch zone {
        case .utc: FixedZone.utc
        case .agent: zones.rules(of: agentZone) ?? FixedZone.utc
        case .named(let name): zones.rules(of: name) ?? FixedZone.utc
        }
    }

    /// The start times after the first time, up to and including the second, in order, without splay.
    ///
    /// - Parameter zone: The rules of ``zone``.
    package func starts(after: UnixTime, through: UnixTime, zone: any ZoneRules) -> [UnixTime] {
        switch rule {
        case .at(let start): return start > after && start <= through ? [start] : []
        case .cron(let text):
            // A text that is none was refused where the policy came in.
            guard let expression = try? CronExpression(text) else { return [] }
            return zone.starts(after: after, through: through) { expression.times(on: $0) }
        case .days(let days, let start):
            return zone.starts(after: after, through: through) { day in
                days.contains(weekday: day.weekday) ? [day.at(start)] : []
            }
        case .afterSuccess: return []  // They depend on what becomes of them.
        }
    }
}

/// In which zone a schedule's times are.
package enum ScheduleZone: Hashable, Sendable {
    case utc
    /// Each agent's own, as it tells it; UTC until it has.
    case agent
    /// By the name of the IANA database: `Europe/Berlin`.
    case named(String)

    /// As it stands in a policy.
    package init(text: String) {
        switch text {
        case "UTC": self = .utc
        case "agent": self = .agent
        default: self = .named(text)
        }
    }

    package var text: String {
        switch self {
        case .utc: "UTC"
        case .agent: "agent"
        case .named(let name): name
        }
    }
}

/// Some days of the week; never none in a policy that is right.
package struct Weekdays: Hashable, Sendable {
    /// Bit 0 is Sunday, bit 6 Saturday; no others.
    package var bits: UInt8

    package init(bits: UInt8) { self.bits = bits & 0x7F }

    package static let daily = Weekdays(bits: 0x7F)
    /// Sunday first, as their bits.
    package static let names = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

    /// - Parameter name: One of ``names``; any other says nothing.
    package mutating func insert(_ name: String) {
        if let place = Self.names.firstIndex(of: name) { bits |= 1 << place }
    }

    package func contains(weekday: Int) -> Bool { bits & (1 << weekday) != 0 }

    /// Monday first.
    package var chosenNames: [String] {
        [1, 2, 3, 4, 5, 6, 0].filter { contains(weekday: $0) }.map { Self.names[$0] }
    }
}

/// A time of the day by a wall clock, to the minute.
package struct TimeOfDay: Hashable, Sendable {
    /// From midnight, less than 1,440.
    package var minutes: Int

    package init(minutes: Int) { self.minutes = minutes }

    /// `02:30`; `nil`: the text is none.
    package init?(text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 5, bytes[2] == UInt8(ascii: ":") else { return nil }
        let digits = [0, 1, 3, 4].map { Int(bytes[$0]) - 48 }
        guard digits.allSatisfy({ (0...9).contains($0) }) else { return nil }
        let (hour, minute) = (digits[0] * 10 + digits[1], digits[2] * 10 + digits[3])
        guard hour < 24, minute < 60 else { return nil }
        minutes = hour * 60 + minute
    }

    package var text: String {
        let (hour, minute) = (minutes / 60, minutes % 60)
        return "\(hour < 10 ? "0" : "")\(hour):\(minute < 10 ? "0" : "")\(minute)"
    }
}

extension CivilDay {
    fileprivate func at(_ time: TimeOfDay) -> CivilTime { at(hour: time.minutes / 60, minute: time.minutes % 60) }
}

/// One start of a policy on one agent.
package struct PolicyStart: Hashable, Sendable {
    package var time: UnixTime
    /// Without splay.
    package var nominal: UnixTime
    package var windowEnd: UnixTime?
    /// ``Schedule/bandwidthLimit``.
    package var bandwidthLimit: Int64?

    package init(time: UnixTime, nominal: UnixTime, windowEnd: UnixTime?, bandwidthLimit: Int64? = nil) {
        self.time = time
        self.nominal = nominal
        self.windowEnd = windowEnd
        self.bandwidthLimit = bandwidthLimit
    }
}

extension Policy {
    /// What of each schedule is the same for all agents: its starts, as far as they do not depend on the agent.
    ///
    /// - Parameter agentZone: Of the agents that are asked for; empty: unknown, or it does not matter.
    /// - Returns: One list for each schedule, from before the first time by the longest splay.
    package func nominalStarts(
        after: UnixTime, through: UnixTime, agentZone: String, zones: any ZoneCatalog
    ) -> [[UnixTime]] {
        schedules.map { schedule in
            schedule.starts(
                after: after + (.zero - (schedule.splay ?? splay)), through: through,
                zone: schedule.rules(agentZone: agentZone, zones))
        }
    }

    /// The starts on one agent after the first time, up to and including the second; in order, each once. Of two schedules
    /// that start together the earlier one in the file counts.
    ///
    /// - Parameter nominal: What ``nominalStarts(after:through:agentZone:zones:)`` says for the same times.
    package func starts(
        of nominal: [[UnixTime]], on agent: AgentID, after: UnixTime, through: UnixTime
    ) -> [PolicyStart] {
        var found: [UnixTime: PolicyStart] = [:]
        found.reserveCapacity(nominal.reduce(0) { $0 + $1.count })
        for (schedule, starts) in zip(schedules, nominal) {
            let delay = delay(of: agent, upTo: schedule.splay ?? splay)
            let window = schedule.window ?? self.window
            for start in starts {
                let time = start + delay
                guard time > after, time <= through, found[time] == nil else { continue }
                // The window is the operator's: splay starts later within it.
                found[time] = PolicyStart(
                    time: time, nominal: start, windowEnd: window.map { start + $0 },
                    bandwidthLimit: schedule.bandwidthLimit)
            }
        }
        return found.values.sorted { $0.time < $1.time }
    }

    /// Whether the agents' own zones matter.
    package var dependsOnAgentZone: Bool { schedules.contains { $0.zone == .agent } }

    /// An agent's own part of a splay: whole seconds, always the same for one agent and policy.
    package func delay(of agent: AgentID, upTo splay: Duration) -> Duration {
        let bound = UInt64(max(0, splay.milliseconds / 1_000))
        guard bound > 0 else { return .zero }
        let trigger = Trigger(
            job: JobID(rawValue: 0), agent: agent, policy: name, revision: 0, cause: .schedule,
            scheduledStart: UnixTime(milliseconds: 0), notAfter: UnixTime(milliseconds: 0))
        return .seconds(Int64(trigger.fingerprint % (bound + 1)))
    }
}
