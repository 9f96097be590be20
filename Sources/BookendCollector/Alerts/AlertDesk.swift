import BookendModel

/// What clients ask of alerts and channels.
struct AlertDesk: Sendable {
    /// Subjects in one reply: it must fit a frame.
    private static let subjectsOfOne = 2_000
    private static let subjectsOfEach = 3

    let service: AlertService
    let store: any AlertStore
    let board: ChannelBoard

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
            return .channels(try states.filter { names.contains($0.name) })
        default: return nil
        }
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
