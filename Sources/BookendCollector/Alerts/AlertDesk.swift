import BookendFiles
import BookendModel
import Logging

/// What clients ask of alerts and channels.
struct AlertDesk: Sendable {
    /// Subjects in one reply: it must fit a frame.
    private static let subjectsOfOne = 2_000
    private static let subjectsOfEach = 3
    private static let messagesAtOnce = 1_000
    private static let agesAtOnce = 10_000

    let service: AlertService
    let store: any AlertStore
    let board: ChannelBoard
    let objectives: [ObjectiveConfiguration]
    let labels: AgentLabels
    let heard: LastHeard

    /// - Parameter name: Of whoever asks, such as `operator/alice`.
    /// - Returns: `nil`: the query is not about alerts.
    func reply(to query: Query, from name: String, at now: UnixTime) async throws(CollectorError) -> QueryReply? {
        switch query {
        case .alerts(let filter):
            return .alerts(try store.alerts(filter).map { AlertRecord($0, limit: Self.subjectsOfEach) })
        case .alert(let id):
            guard let alert = try store.alert(id) else { return Self.none(id) }
            return .alerts([AlertRecord(alert, limit: Self.subjectsOfOne)])
        case .acknowledgeAlert(let id, let note):
            guard let alert = try await service.acknowledge(id, by: name, note: note) else { return Self.none(id) }
            return .alerts([AlertRecord(alert, limit: Self.subjectsOfEach)])
        case .resolveAlert(let id, let reason):
            guard !reason.isEmpty else {
                return .failed(RemoteFailure(.invalid, "who resolves an alert by hand says why"))
            }
            guard let alert = try await service.resolve(id, by: name, reason: reason) else { return Self.none(id) }
            return .alerts([AlertRecord(alert, limit: Self.subjectsOfEach)])
        case .silences: return .silences(await service.silences)
        case .silenceAlerts(var silence):
            guard silence.until > now, !silence.reason.isEmpty else {
                return .failed(RemoteFailure(.invalid, "a silence has an end that is not over, and a reason"))
            }
            guard await service.silences.count < 1_000 else {
                return .failed(RemoteFailure(.invalid, "there are 1,000 silences already: end some of them first"))
            }
            silence.by = name
            return .silences([try await service.silence(silence)])
        case .endSilence(let id):
            guard try await service.endSilence(id, by: name) else {
                return .failed(
                    RemoteFailure(
                        .notFound, "there is no silence \(id): `bookend alerts silence` lists those that there are"))
            }
            return .silences(await service.silences)
        case .testChannels(let channel):
            let names = try await service.test(channel, by: name)
            guard !names.isEmpty else {
                let known = board.states([:]).map(\.name).joined(separator: ", ")
                return .failed(
                    RemoteFailure(
                        .notFound,
                        known.isEmpty
                            ? "there is no channel: write channels into collector.yaml"
                            : "there is no channel '\(channel ?? "")'; there are: \(known)"))
            }
            for name in names { board.ask(name) }
            return .channels(try states.filter { names.contains($0.name) })
        case .backupAges(let since):
            let ages = try Objectives(objectives, store).ages(
                store, Protection(labels, heard), since: since, at: now)
            let ordered = ages.sorted { ($0.goodAt?.milliseconds ?? 0) < ($1.goodAt?.milliseconds ?? 0) }
            return .backupAges(Array(ordered.prefix(Self.agesAtOnce)))
        case .messages(let channel):
            let (messages, total) = try store.outgoing(of: channel, limit: Self.messagesAtOnce)
            return .messages(messages.map(record), total: total)
        case .resendMessages(let choice):
            let count = try store.resendOutgoing(outgoing(choice), at: now)
            guard count > 0 else { return Self.noMessage(choice) }
            try store.note(
                CollectorAction(who: name, what: .messageResend, target: Self.text(choice), reason: "", at: now))
            service.note("messages are sent again", ["messages": "\(count)", "who": "\(name)"])
            return .messages([], total: count)
        case .discardMessages(let choice):
            let messages = try store.discardOutgoing(outgoing(choice))
            guard !messages.isEmpty else { return Self.noMessage(choice) }
            let titles = messages.prefix(5).map(\.title).joined(separator: "; ")
            try store.note(
                CollectorAction(who: name, what: .messageDiscard, target: Self.text(choice), reason: titles, at: now))
            service.note(
                "messages were discarded", ["messages": "\(messages.map(\.key).prefix(20))", "who": "\(name)"])
            return .messages(messages.prefix(Self.messagesAtOnce).map(record), total: messages.count)
        default: return nil
        }
    }

    private func outgoing(_ choice: MessageChoice) -> OutgoingChoice {
        switch choice {
        case .ids(let ids): .ids(ids)
        // What waits for a channel that there is no more cannot be delivered either.
        case .undeliverable(let channel):
            board.isConfigured(channel) ? .refused(channel: channel) : .all(channel: channel)
        }
    }

    private func record(_ message: OutgoingMessage) -> MessageRecord {
        let gone = "collector.yaml has no channel '\(message.channel)' any more"
        return MessageRecord(
            id: message.id, channel: message.channel, title: message.title.cut(toBytes: 500),
            createdAt: message.createdAt, tries: message.attempts,
            refusal: message.refusal ?? (board.isConfigured(message.channel) ? "" : gone))
    }

    private static func text(_ choice: MessageChoice) -> String {
        switch choice {
        case .ids(let ids): "messages \(ids.prefix(20).map(String.init).joined(separator: ", "))"
        case .undeliverable(let channel): "undeliverable messages of \(channel)"
        }
    }

    private static func noMessage(_ choice: MessageChoice) -> QueryReply {
        let what =
            switch choice {
            case .ids(let ids): "no such message \(ids.map(String.init).joined(separator: ", "))"
            case .undeliverable(let channel): "no undeliverable message of the channel '\(channel)'"
            }
        return .failed(
            RemoteFailure(.notFound, "there is \(what): `bookend alerts messages` lists those that there are"))
    }

    /// What a summary of the fleet says of alerts and channels.
    func complete(_ summary: inout FleetSummary) throws(CollectorError) {
        var filter = AlertFilter()
        filter.limit = 1_000
        let alerts = try store.alerts(filter)
        summary.channels = try states
        summary.activeAlerts = alerts.count
        summary.criticalAlerts = alerts.count { $0.severity == .critical }
    }

    private var states: [ChannelState] {
        get throws(CollectorError) { board.states(try store.outgoingQueues()) }
    }

    private static func none(_ id: Int64) -> QueryReply {
        .failed(
            RemoteFailure(
                .notFound, "there is no such alert \(id) (any more): `bookend alerts` lists those that are active"))
    }
}
