import BookendDaemon
import BookendFiles
import BookendModel
import Logging

/// Judges what was stored, records alerts, and puts the messages about them into the queue: each in the transaction that
/// says how far was judged, so that nothing is told twice or never, whenever the collector dies.
///
/// Reads behind the intake and never holds it up: how far it is behind costs nothing but time.
actor AlertService {
    /// Entries judged in one transaction.
    private static let limit = 500

    private let store: any AlertStore & ReportStore
    private let routing: AlertRouting
    private let watch: FleetWatch
    private let labels: AgentLabels
    private let interval: Duration
    private let clock: any DaemonClock
    private let logger: Logger
    private var book: AlertBook
    private var judgedThrough: Int64
    private var nextWatch: BootTime?
    private var problem: CollectorError?

    init(
        store: any AlertStore & ReportStore, routing: AlertRouting, watch: FleetWatch, labels: AgentLabels,
        rules: AlertRules, interval: Duration, clock: any DaemonClock, logger: Logger
    ) throws(CollectorError) {
        self.store = store
        self.routing = routing
        self.watch = watch
        self.labels = labels
        self.interval = interval
        self.clock = clock
        self.logger = logger
        let state = try store.alertState()
        book = AlertBook(
            rules: rules, alerts: state.alerts, silences: state.silences, highestID: state.highestID)
        judgedThrough = state.judgedThrough
    }

    /// Runs until the task is canceled.
    func run() async {
        while !Task.isCancelled {
            do throws(CollectorError) {
                while try judge(), !Task.isCancelled { await Task.yield() }
                if problem != nil { logger.notice("alerts are judged again") }
                problem = nil
            } catch {
                if problem == nil { logger.error("alerts could not be judged", metadata: ["error": "\(error)"]) }
                problem = error
            }
            // Canceled: the loop's condition sees it.
            try? await clock.sleep(until: clock.now.boot + interval)
        }
    }

    /// Judges what comes next.
    ///
    /// - Returns: There may be more.
    func judge() throws(CollectorError) -> Bool {
        let now = clock.now
        let (entries, through) = try store.unjudged(limit: Self.limit)
        var next = book
        for entry in entries {
            switch entry.body {
            case .report(let report): next.take(report, of: entry.job, at: now.wall)
            case .inference(let inference): next.take(inference, at: now.wall)
            // Its own word.
            case .alert: break
            }
        }
        let isMore = entries.count == Self.limit
        if !isMore, nextWatch.map({ now.boot >= $0 }) ?? true {
            try watch.look(&next, store, at: now)
            nextWatch = now.boot + watch.interval
        }
        try record(&next, through: through, pings: entries, at: now.wall)
        return isMore
    }

    private func record(
        _ next: inout AlertBook, through: Int64, pings: [UnjudgedEntry] = [], action: CollectorAction? = nil,
        at now: UnixTime
    ) throws(CollectorError) {
        let isAsked = routing.asksForLabels || next.silences.contains { !$0.labels.isEmpty }
        let changes = next.takeChanges(
            at: now, labels: isAsked ? labels.all : [:],
            audience: { routing.asksForLabels ? routing.audience($0, $1) : [] })
        guard !changes.isEmpty || through != judgedThrough || action != nil else { return }
        let isRouted = !routing.channels.isEmpty && routing.asksForLabels && !(changes.isEmpty && pings.isEmpty)
        let known = isRouted ? try labels.known(store) : [:]
        let changed = Set(changes.alerts.map(\.cause))
        let active = isRouted ? next.activeAlerts.filter { changed.contains($0.cause) } : []
        let messages =
            routing.messages(changes.notices, active: active, labels: known, at: now)
            + routing.pings(pings, labels: known, at: now)
        let folded = try store.record(
            changes, judgedThrough: through, messages: messages, actions: [action].compactMap(\.self))
        (book, judgedThrough) = (next, through)
        for notice in changes.notices {
            logger.log(
                level: notice.occasion == .resolved ? .notice : .warning, "alert",
                metadata: [
                    "alert": "\(notice.alert.id)", "kind": "\(notice.alert.cause.kind.rawValue)",
                    "occasion": "\(notice.occasion.rawValue)", "policy": "\(notice.alert.cause.policy?.rawValue ?? "")",
                    "agents": "\(notice.alert.open.count)",
                ])
        }
        if folded > 0 {
            logger.warning(
                "a channel is down for long: messages that wait for it were put together",
                metadata: ["fewer": "\(folded)"])
        }
    }

    // MARK: Operators

    nonisolated func note(_ what: Logger.Message, _ metadata: Logger.Metadata) {
        logger.notice(what, metadata: metadata)
    }

    /// - Returns: `nil`: no alert with this id is active.
    func acknowledge(_ id: Int64, by name: String, note: String) throws(CollectorError) -> Alert? {
        var next = book
        let now = clock.now.wall
        guard next.acknowledge(id, by: name, note: note, at: now) else { return nil }
        let action = CollectorAction(
            who: name, what: .alertAcknowledge, target: "alert \(id)", reason: note, at: now)
        try record(&next, through: judgedThrough, action: action, at: now)
        logger.notice("an alert was acknowledged", metadata: ["alert": "\(id)", "who": "\(name)"])
        return try store.alert(id)
    }

    /// - Returns: `nil`: no alert with this id is active.
    func resolve(_ id: Int64, by name: String, reason: String) throws(CollectorError) -> Alert? {
        var next = book
        let now = clock.now.wall
        guard next.resolve(id, by: name, reason: reason, at: now) else { return nil }
        let action = CollectorAction(who: name, what: .alertResolve, target: "alert \(id)", reason: reason, at: now)
        try record(&next, through: judgedThrough, action: action, at: now)
        logger.notice("an alert was resolved by hand", metadata: ["alert": "\(id)", "who": "\(name)"])
        return try store.alert(id)
    }

    func silence(_ silence: AlertSilence) throws(CollectorError) -> AlertSilence {
        var next = book
        let now = clock.now.wall
        let recorded = next.silence(silence)
        let action = CollectorAction(
            who: recorded.by, what: .alertSilence,
            target: "silence \(recorded.id): \(recorded.summary), until \(recorded.until.rfc3339)",
            reason: recorded.reason, at: now)
        try record(&next, through: judgedThrough, action: action, at: now)
        logger.notice("alerts are silenced", metadata: ["silence": "\(recorded.id)", "who": "\(recorded.by)"])
        return recorded
    }

    /// - Returns: `false`: there is none with this id.
    func endSilence(_ id: Int64, by name: String) throws(CollectorError) -> Bool {
        var next = book
        guard next.endSilence(id) else { return false }
        let now = clock.now.wall
        let action = CollectorAction(
            who: name, what: .alertSilence, target: "silence \(id)", reason: "ended", at: now)
        try record(&next, through: judgedThrough, action: action, at: now)
        logger.notice("a silence was ended", metadata: ["silence": "\(id)", "who": "\(name)"])
        return true
    }

    var silences: [AlertSilence] { book.silences.filter { $0.until > clock.now.wall } }

    /// Queues a message that says that it is a test.
    ///
    /// - Returns: The channels that get one.
    func test(_ channel: String?, by name: String) throws(CollectorError) -> [String] {
        let now = clock.now.wall
        let reason = "\(name) asked for this message, to see whether it arrives. Nothing is wrong."
        let agent = AgentID(rawValue: "example")
        let subject = AlertSubject(agent: agent, job: nil, status: nil, reason: reason, raisedAt: now)
        let alert = Alert(
            id: 0, cause: AlertCause(.backupFailed, PolicyName(rawValue: "example")), raisedAt: now,
            subjects: [AlertSubject.Key(agent: agent): subject])
        let notice = AlertNotice(occasion: .test, alert: alert, at: now)
        let names = routing.channels.map(\.name).filter { channel == nil || channel == $0 }
        let messages = names.map { name in
            OutgoingMessage(channel: name, key: routing.key(of: notice), createdAt: now, body: .notice(notice))
        }
        _ = try store.record(AlertBook.Changes(), judgedThrough: judgedThrough, messages: messages)
        return names
    }
}

extension AlertSilence {
    /// What it covers, on one line.
    fileprivate var summary: String {
        var parts = [kind?.rawValue ?? "any kind"]
        if !policy.isEmpty { parts.append("policy \(policy)") }
        if !agent.isEmpty { parts.append("agent \(agent)") }
        parts += labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return parts.joined(separator: ", ")
    }
}
