import BookendModel

extension AlertKind {
    init(wire text: String, _ field: String) throws(WireError) {
        guard let kind = Self(rawValue: text) else {
            throw WireError(.invalid, "\(field): '\(text.prefix(64))' is no kind of alert that this version knows")
        }
        self = kind
    }
}

extension ProtoAlertSubject {
    init(_ subject: AlertSubject) {
        self.init()
        agent = subject.agent.rawValue
        if let value = subject.job { jobID = value.rawValue }
        if let value = subject.status { status = value.rawValue }
        reason = subject.reason
        raisedUnixMs = subject.raisedAt.milliseconds
        if let value = subject.mendedAt { mendedUnixMs = value.milliseconds }
        isTold = subject.isTold
        times = Int32(clamping: subject.times)
    }
}

extension AlertSubject {
    init(_ proto: ProtoAlertSubject) throws(WireError) {
        self.init(
            agent: try AgentID(wire: proto.agent, "subject.agent"),
            job: proto.hasJobID ? try JobID(wire: proto.jobID) : nil,
            status: proto.hasStatus ? Status(rawValue: proto.status) : nil,
            reason: try proto.reason.bounded(300, "subject.reason"),
            raisedAt: UnixTime(milliseconds: proto.raisedUnixMs),
            mendedAt: proto.hasMendedUnixMs ? UnixTime(milliseconds: proto.mendedUnixMs) : nil, isTold: proto.isTold,
            times: Int(proto.times))
    }
}

extension ProtoAlert {
    init(_ alert: Alert) {
        self.init()
        id = alert.id
        kind = alert.cause.kind.rawValue
        policy = alert.cause.policy?.rawValue ?? ""
        raisedUnixMs = alert.raisedAt.milliseconds
        if let value = alert.resolvedAt { resolvedUnixMs = value.milliseconds }
        if let value = alert.toldAt { toldUnixMs = value.milliseconds }
        if let value = alert.lastToldAt { lastToldUnixMs = value.milliseconds }
        notices = Int32(clamping: alert.notices)
        reminders = Int32(clamping: alert.reminders)
        if let value = alert.acknowledgement {
            acknowledgement.by = value.by
            acknowledgement.atUnixMs = value.at.milliseconds
            acknowledgement.note = value.note
        }
        if let value = alert.resolution {
            resolution.by = value.by
            resolution.atUnixMs = value.at.milliseconds
            resolution.note = value.note
        }
        subjects = alert.ordered.map(ProtoAlertSubject.init)
    }
}

extension Alert {
    init(_ proto: ProtoAlert) throws(WireError) {
        let kind = try AlertKind(wire: proto.kind, "alert.kind")
        self.init(
            id: proto.id,
            cause: AlertCause(kind, proto.policy.isEmpty ? nil : try PolicyName(wire: proto.policy, "alert.policy")),
            raisedAt: UnixTime(milliseconds: proto.raisedUnixMs),
            resolvedAt: proto.hasResolvedUnixMs ? UnixTime(milliseconds: proto.resolvedUnixMs) : nil,
            toldAt: proto.hasToldUnixMs ? UnixTime(milliseconds: proto.toldUnixMs) : nil,
            lastToldAt: proto.hasLastToldUnixMs ? UnixTime(milliseconds: proto.lastToldUnixMs) : nil,
            notices: Int(proto.notices), reminders: Int(proto.reminders))
        if proto.hasAcknowledgement {
            acknowledgement = Acknowledgement(
                by: try proto.acknowledgement.by.bounded(256, "alert.acknowledgement.by"),
                at: UnixTime(milliseconds: proto.acknowledgement.atUnixMs),
                note: try proto.acknowledgement.note.bounded(1_024, "alert.acknowledgement.note"))
        }
        if proto.hasResolution {
            resolution = Acknowledgement(
                by: try proto.resolution.by.bounded(256, "alert.resolution.by"),
                at: UnixTime(milliseconds: proto.resolution.atUnixMs),
                note: try proto.resolution.note.bounded(1_024, "alert.resolution.note"))
        }
        for value in try proto.subjects.bounded(100_000, "alert.subjects") {
            let subject = try AlertSubject(value)
            subjects[subject.key(of: kind)] = subject
        }
    }
}

extension ProtoAlertRecord {
    init(_ record: AlertRecord) {
        self.init()
        alert = ProtoAlert(record.alert)
        hit = Int32(clamping: record.hit)
        `open` = Int32(clamping: record.open)
    }
}

extension AlertRecord {
    init(_ proto: ProtoAlertRecord) throws(WireError) {
        self.init(alert: try Alert(proto.alert), hit: Int(proto.hit), open: Int(proto.open))
    }
}

extension ProtoAlertSilence {
    init(_ silence: AlertSilence) {
        self.init()
        id = silence.id
        kind = silence.kind?.rawValue ?? ""
        policy = silence.policy
        agent = silence.agent
        untilUnixMs = silence.until.milliseconds
        by = silence.by
        reason = silence.reason
        labels = silence.labels
    }
}

extension AlertSilence {
    init(_ proto: ProtoAlertSilence) throws(WireError) {
        self.init(
            id: proto.id, kind: proto.kind.isEmpty ? nil : try AlertKind(wire: proto.kind, "silence.kind"),
            policy: try proto.policy.bounded(128, "silence.policy"),
            agent: try proto.agent.bounded(128, "silence.agent"),
            labels: try proto.labels.checkedAsLabels("silence.labels"),
            until: UnixTime(milliseconds: proto.untilUnixMs),
            by: try proto.by.bounded(256, "silence.by"), reason: try proto.reason.bounded(1_024, "silence.reason"))
    }
}

extension ProtoAlertFilter {
    init(_ filter: AlertFilter) {
        self.init()
        activeOnly = filter.activeOnly
        kind = filter.kind?.rawValue ?? ""
        policy = filter.policy?.rawValue ?? ""
        limit = Int32(clamping: filter.limit)
    }
}

extension AlertFilter {
    init(_ proto: ProtoAlertFilter) throws(WireError) {
        self.init()
        activeOnly = proto.activeOnly
        kind = proto.kind.isEmpty ? nil : try AlertKind(wire: proto.kind, "alerts.kind")
        policy = proto.policy.isEmpty ? nil : try PolicyName(wire: proto.policy, "alerts.policy")
        limit = try proto.limit.within(1...1_000, "alerts.limit")
    }
}

extension ProtoAlertNotice {
    init(_ notice: AlertNotice) {
        self.init()
        occasion = notice.occasion.rawValue
        alert = ProtoAlert(notice.alert)
        let news = Set(notice.news)
        self.news = notice.alert.ordered.enumerated().filter {
            news.contains($0.element.key(of: notice.alert.cause.kind))
        }
        .map { Int32($0.offset) }
        atUnixMs = notice.at.milliseconds
    }
}

extension AlertNotice {
    init(_ proto: ProtoAlertNotice) throws(WireError) {
        guard let occasion = Occasion(rawValue: proto.occasion) else {
            throw WireError(.invalid, "notice.occasion: '\(proto.occasion.prefix(64))' is unknown")
        }
        let alert = try Alert(proto.alert)
        let keys = alert.ordered.map { $0.key(of: alert.cause.kind) }
        // One that is named twice is news once.
        let places = Set(proto.news)
        let news = keys.enumerated().filter { places.contains(Int32($0.offset)) }.map(\.element)
        self.init(occasion: occasion, alert: alert, news: news, at: UnixTime(milliseconds: proto.atUnixMs))
    }
}

extension ProtoChannelState {
    init(_ state: ChannelState) {
        self.init()
        name = state.name
        kind = state.kind
        waiting = Int64(state.waiting)
        if let value = state.oldestAt { oldestUnixMs = value.milliseconds }
        if let value = state.deliveredAt { deliveredUnixMs = value.milliseconds }
        problem = state.problem
        if let value = state.failingSince { failingUnixMs = value.milliseconds }
        undeliverable = Int64(state.undeliverable)
        refusal = state.refusal
    }
}

extension ChannelState {
    init(_ proto: ProtoChannelState) throws(WireError) {
        self.init(
            name: try proto.name.bounded(128, "channel.name"), kind: try proto.kind.bounded(64, "channel.kind"),
            waiting: Int(clamping: proto.waiting),
            oldestAt: proto.hasOldestUnixMs ? UnixTime(milliseconds: proto.oldestUnixMs) : nil,
            deliveredAt: proto.hasDeliveredUnixMs ? UnixTime(milliseconds: proto.deliveredUnixMs) : nil,
            problem: try proto.problem.bounded(4_096, "channel.problem"),
            failingSince: proto.hasFailingUnixMs ? UnixTime(milliseconds: proto.failingUnixMs) : nil)
        undeliverable = Int(clamping: proto.undeliverable)
        refusal = try proto.refusal.bounded(4_096, "channel.refusal")
    }
}

extension ProtoAlertEvent {
    init(_ event: AlertEvent) {
        self.init()
        id = event.id
        kind = event.cause.kind.rawValue
        policy = event.cause.policy?.rawValue ?? ""
        occasion = event.occasion.rawValue
        atUnixMs = event.at.milliseconds
        agentsHit = Int64(event.hit)
        agentsOpen = Int64(event.open)
        agents = event.agents.map(\.rawValue)
        reason = event.reason
    }
}

extension AlertEvent {
    init(_ proto: ProtoAlertEvent) throws(WireError) {
        guard let occasion = AlertNotice.Occasion(rawValue: proto.occasion) else {
            throw WireError(.invalid, "alert_event.occasion: '\(proto.occasion.prefix(64))' is unknown")
        }
        self.init(
            id: proto.id,
            cause: AlertCause(
                try AlertKind(wire: proto.kind, "alert_event.kind"),
                proto.policy.isEmpty ? nil : try PolicyName(wire: proto.policy, "alert_event.policy")),
            occasion: occasion, at: UnixTime(milliseconds: proto.atUnixMs), hit: Int(clamping: proto.agentsHit),
            open: Int(clamping: proto.agentsOpen),
            agents: try proto.agents.bounded(1_000, "alert_event.agents").map { agent throws(WireError) in
                try AgentID(wire: agent, "alert_event.agents")
            }, reason: try proto.reason.bounded(4_096, "alert_event.reason"))
    }
}
