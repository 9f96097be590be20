import BookendModel

extension ProtoCause {
    init(_ cause: TriggerCause) {
        switch cause {
        case .schedule: self = .schedule
        case .manual: self = .manual
        case .catchUp: self = .catchUp
        case .autonomous: self = .autonomous
        case .rehearsal: self = .rehearsal
        }
    }
}

extension TriggerCause {
    init(_ proto: ProtoCause) throws(WireError) {
        switch proto {
        case .schedule: self = .schedule
        case .manual: self = .manual
        case .catchUp: self = .catchUp
        case .autonomous: self = .autonomous
        case .rehearsal: self = .rehearsal
        case .unspecified, .UNRECOGNIZED: throw WireError(.invalid, "cause: unknown value \(proto.rawValue)")
        }
    }
}

extension ProtoStagedFault {
    init(_ fault: StagedFault) {
        self.init()
        switch fault.kind {
        case .timeout: kind = .timeout
        case .kill: kind = .kill
        case .cancel: kind = .cancel
        case .expire: kind = .expire
        }
        afterMs = fault.after.milliseconds
    }
}

extension StagedFault {
    init(_ proto: ProtoStagedFault) throws(WireError) {
        let kind: Kind
        switch proto.kind {
        case .timeout: kind = .timeout
        case .kill: kind = .kill
        case .cancel: kind = .cancel
        case .expire: kind = .expire
        case .unspecified, .UNRECOGNIZED:
            throw WireError(.invalid, "fault: unknown value \(proto.kind.rawValue)")
        }
        let after = Duration.milliseconds(proto.afterMs)
        guard Self.delays.contains(after) else {
            throw WireError(.invalid, "fault: a delay of \(proto.afterMs) ms is not between 0 and an hour")
        }
        self.init(kind, after: after)
    }
}

extension ProtoTrigger {
    init(_ trigger: Trigger) {
        self.init()
        jobID = trigger.job.rawValue
        agent = trigger.agent.rawValue
        policy = trigger.policy.rawValue
        revision = trigger.revision
        cause = ProtoCause(trigger.cause)
        scheduledStartUnixMs = trigger.scheduledStart.milliseconds
        notAfterUnixMs = trigger.notAfter.milliseconds
        if let end = trigger.windowEnd { windowEndUnixMs = end.milliseconds }
        if let limit = trigger.bandwidthLimit { bandwidthLimitBytes = limit }
        if let fault = trigger.fault { self.fault = ProtoStagedFault(fault) }
    }
}

extension Trigger {
    init(_ proto: ProtoTrigger) throws(WireError) {
        self.init(
            job: try JobID(wire: proto.jobID), agent: try AgentID(wire: proto.agent, "agent"),
            policy: try PolicyName(wire: proto.policy, "policy"), revision: proto.revision,
            cause: try TriggerCause(proto.cause),
            scheduledStart: UnixTime(milliseconds: proto.scheduledStartUnixMs),
            notAfter: UnixTime(milliseconds: proto.notAfterUnixMs),
            windowEnd: proto.hasWindowEndUnixMs ? UnixTime(milliseconds: proto.windowEndUnixMs) : nil,
            bandwidthLimit: proto.hasBandwidthLimitBytes ? proto.bandwidthLimitBytes : nil,
            fault: proto.hasFault ? try StagedFault(proto.fault) : nil)
    }
}

extension ProtoTriggerRecord {
    init(_ record: TriggerRecord) {
        self.init()
        trigger = ProtoTrigger(record.trigger)
        switch record.state {
        case .pending: state = .pending
        case .delivered: state = .delivered
        case .offline: state = .offline
        case .missed: state = .missed
        case .planned: state = .planned
        case .withdrawn: state = .withdrawn
        case .reclaimed: state = .reclaimed
        case .conflict: state = .conflict
        }
        isCanceled = record.isCanceled
    }
}

extension TriggerRecord {
    init(_ proto: ProtoTriggerRecord) throws(WireError) {
        let state: State
        switch proto.state {
        case .pending: state = .pending
        case .delivered: state = .delivered
        case .offline: state = .offline
        case .missed: state = .missed
        case .planned: state = .planned
        case .withdrawn: state = .withdrawn
        case .reclaimed: state = .reclaimed
        case .conflict: state = .conflict
        case .unspecified, .UNRECOGNIZED:
            throw WireError(.invalid, "trigger state: unknown value \(proto.state.rawValue)")
        }
        self.init(trigger: try Trigger(proto.trigger), state: state, isCanceled: proto.isCanceled)
    }
}
