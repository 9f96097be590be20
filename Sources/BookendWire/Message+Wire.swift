import BookendModel

extension ProtoMessageRecord {
    init(_ record: MessageRecord) {
        self.init()
        id = record.id
        channel = record.channel
        title = record.title
        createdUnixMs = record.createdAt.milliseconds
        tries = Int64(record.tries)
        refusal = record.refusal
    }
}

extension MessageRecord {
    init(_ proto: ProtoMessageRecord) throws(WireError) {
        self.init(
            id: proto.id, channel: try proto.channel.bounded(128, "message.channel"),
            title: try proto.title.bounded(4_096, "message.title"),
            createdAt: UnixTime(milliseconds: proto.createdUnixMs), tries: Int(clamping: proto.tries),
            refusal: try proto.refusal.bounded(4_096, "message.refusal"))
    }
}

extension ProtoQuery.MessageChoice {
    init(_ choice: MessageChoice) {
        self.init()
        switch choice {
        case .ids(let list): ids = list
        case .undeliverable(let name): channel = name
        }
    }
}

extension MessageChoice {
    init(_ proto: ProtoQuery.MessageChoice) throws(WireError) {
        guard proto.ids.isEmpty else {
            self = .ids(try proto.ids.bounded(1_000, "messages.ids"))
            return
        }
        guard !proto.channel.isEmpty else { throw WireError(.invalid, "messages: neither ids nor a channel") }
        self = .undeliverable(channel: try proto.channel.bounded(128, "messages.channel"))
    }
}

extension ProtoAlertDigest {
    init(_ digest: AlertDigest) {
        self.init()
        entries = digest.entries.map { entry in
            var proto = Entry()
            proto.kind = entry.cause.kind.rawValue
            proto.policy = entry.cause.policy?.rawValue ?? ""
            proto.firstAlertID = entry.alerts.lowerBound
            proto.lastAlertID = entry.alerts.upperBound
            proto.messages = Int64(entry.messages)
            proto.firstUnixMs = entry.firstAt.milliseconds
            proto.lastUnixMs = entry.lastAt.milliseconds
            proto.occasion = entry.occasion.rawValue
            proto.agents = Int64(entry.agents)
            return proto
        }
        reports = Int64(digest.reports)
        atUnixMs = digest.at.milliseconds
    }
}

extension AlertDigest {
    init(_ proto: ProtoAlertDigest) throws(WireError) {
        self.init()
        entries = try proto.entries.map { entry throws(WireError) in
            guard let occasion = AlertNotice.Occasion(rawValue: entry.occasion) else {
                throw WireError(.invalid, "digest.occasion: '\(entry.occasion.prefix(64))' is unknown")
            }
            let policy = entry.policy.isEmpty ? nil : try PolicyName(wire: entry.policy, "digest.policy")
            return Entry(
                cause: AlertCause(try AlertKind(wire: entry.kind, "digest.kind"), policy),
                alerts: entry.firstAlertID...max(entry.firstAlertID, entry.lastAlertID),
                messages: Int(clamping: max(0, min(entry.messages, 1 << 40))),
                firstAt: UnixTime(milliseconds: entry.firstUnixMs), lastAt: UnixTime(milliseconds: entry.lastUnixMs),
                occasion: occasion, agents: Int(clamping: entry.agents))
        }
        reports = Int(clamping: max(0, min(proto.reports, 1 << 40)))
        at = UnixTime(milliseconds: proto.atUnixMs)
    }
}

extension ProtoReportLetter {
    init(_ letter: ReportLetter) {
        self.init()
        title = letter.title
        lines = letter.lines
        atUnixMs = letter.at.milliseconds
    }
}

extension ReportLetter {
    init(_ proto: ProtoReportLetter) {
        self.init(title: proto.title, lines: proto.lines, at: UnixTime(milliseconds: proto.atUnixMs))
    }
}
