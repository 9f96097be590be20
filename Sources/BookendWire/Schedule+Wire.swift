import BookendModel

extension ProtoSchedule {
    init(_ schedule: Schedule) {
        self.init()
        switch schedule.rule {
        case .at(let start): atUnixMs = start.milliseconds
        case .cron(let text): cron = text
        case .days(let days, let start):
            var calendar = ProtoCalendarRule()
            calendar.weekdays = UInt32(days.bits)
            calendar.startMinutes = Int32(clamping: start.minutes)
            self.calendar = calendar
        case .afterSuccess(let interval): afterSuccessMs = interval.milliseconds
        }
        if schedule.zone != .utc { timeZone = schedule.zone.text }
        if let window = schedule.window { windowMs = window.milliseconds }
        if let splay = schedule.splay { splayMs = splay.milliseconds }
        if let limit = schedule.bandwidthLimit { bandwidthLimitBytes = limit }
    }
}

extension Schedule {
    init(_ proto: ProtoSchedule) throws(WireError) {
        let rule: Rule =
            switch try required(proto.rule, "schedule.rule") {
            case .atUnixMs(let start): .at(UnixTime(milliseconds: start))
            case .afterSuccessMs(let interval): .afterSuccess(.milliseconds(interval))
            case .cron(let text): .cron(try text.bounded(1_024, "schedule.cron"))
            case .calendar(let calendar):
                .days(
                    Weekdays(bits: UInt8(truncatingIfNeeded: calendar.weekdays)),
                    start: TimeOfDay(minutes: try calendar.startMinutes.within(0...1_439, "schedule.start_minutes")))
            }
        self.init(
            rule, zone: try ScheduleZone(wire: proto.timeZone),
            window: proto.hasWindowMs ? .milliseconds(proto.windowMs) : nil,
            splay: proto.hasSplayMs ? .milliseconds(proto.splayMs) : nil,
            bandwidthLimit: proto.hasBandwidthLimitBytes ? proto.bandwidthLimitBytes : nil)
    }
}

extension ScheduleZone {
    fileprivate init(wire text: String) throws(WireError) {
        self = text.isEmpty ? .utc : ScheduleZone(text: try text.bounded(256, "time_zone"))
    }
}

extension ProtoControlReply.Starts {
    init(_ upcoming: UpcomingStarts) {
        self.init()
        starts = upcoming.starts.map(ProtoScheduledStart.init)
        isComplete = upcoming.isComplete
    }
}

extension UpcomingStarts {
    init(_ proto: ProtoControlReply.Starts) throws(WireError) {
        self.init(
            starts: try proto.starts.bounded(1_000, "starts").map { start throws(WireError) in
                try ScheduledStart(start)
            }, isComplete: proto.isComplete)
    }
}

extension ProtoScheduledStart {
    init(_ start: ScheduledStart) {
        self.init()
        policy = start.policy.rawValue
        startUnixMs = start.start.milliseconds
        offsetSeconds = Int32(clamping: start.offset)
        timeZone = start.zone.text
        splayMs = start.splay.milliseconds
        if let end = start.windowEnd { windowEndUnixMs = end.milliseconds }
        agents = Int32(clamping: start.agents)
        firstAgents = start.firstAgents.map { agent in
            var proto = ProtoScheduledAgent()
            proto.agent = agent.agent.rawValue
            proto.startUnixMs = agent.start.milliseconds
            proto.jobID = agent.job?.rawValue ?? 0
            proto.held = agent.held
            return proto
        }
        held = start.held
    }
}

extension ScheduledStart {
    init(_ proto: ProtoScheduledStart) throws(WireError) {
        self.init(
            policy: try PolicyName(wire: proto.policy, "start.policy"),
            start: UnixTime(milliseconds: proto.startUnixMs), zone: try ScheduleZone(wire: proto.timeZone),
            offset: Int64(proto.offsetSeconds), splay: .milliseconds(proto.splayMs),
            windowEnd: proto.hasWindowEndUnixMs ? UnixTime(milliseconds: proto.windowEndUnixMs) : nil,
            agents: try proto.agents.within(0...1_000_000, "start.agents"),
            firstAgents: try proto.firstAgents.bounded(100, "start.first_agents").map { agent throws(WireError) in
                Agent(
                    agent: try AgentID(wire: agent.agent, "start.agent"),
                    start: UnixTime(milliseconds: agent.startUnixMs),
                    job: agent.jobID == 0 ? nil : try JobID(wire: agent.jobID),
                    held: try agent.held.bounded(1_024, "start.held"))
            },
            held: try proto.held.bounded(1_024, "start.held"))
    }
}

// An absent rule is what a coordinator of an earlier version did.

extension ProtoCatchUp {
    init(_ rule: CatchUpRule) { self = rule == .latest ? .latest : .none }
}

extension CatchUpRule {
    init(_ proto: ProtoCatchUp) throws(WireError) {
        switch proto {
        case .unspecified, .none: self = .none
        case .latest: self = .latest
        case .UNRECOGNIZED: throw WireError(.invalid, "catch_up: unknown value \(proto.rawValue)")
        }
    }
}

extension ProtoWhenOffline {
    init(_ rule: OfflineRule) {
        switch rule {
        case .queue: self = .queue
        case .fail: self = .fail
        case .skip: self = .skip
        }
    }
}

extension OfflineRule {
    init(_ proto: ProtoWhenOffline) throws(WireError) {
        switch proto {
        case .unspecified, .queue: self = .queue
        case .fail: self = .fail
        case .skip: self = .skip
        case .UNRECOGNIZED: throw WireError(.invalid, "when_agent_offline: unknown value \(proto.rawValue)")
        }
    }
}

extension ProtoOverlap {
    init(_ rule: OverlapRule) {
        switch rule {
        case .queue: self = .queue
        case .skip: self = .skip
        case .replace: self = .replace
        }
    }
}

extension OverlapRule {
    init(_ proto: ProtoOverlap) throws(WireError) {
        switch proto {
        case .unspecified, .queue: self = .queue
        case .skip: self = .skip
        case .replace: self = .replace
        case .UNRECOGNIZED: throw WireError(.invalid, "overlap: unknown value \(proto.rawValue)")
        }
    }
}
