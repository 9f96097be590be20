/// All alerts that are active, and what becomes of them.
///
/// Takes what the collector learns, in the order in which it was stored, and a time; says what changed and what people
/// are to be told. Holds no clock, and forgets an alert once it is resolved.
package struct AlertBook: Hashable, Sendable {
    /// What is to be recorded, and whom to tell, in one transaction.
    package struct Changes: Hashable, Sendable {
        /// Each with the subjects that changed, and no others.
        package var alerts: [Alert] = []
        package var notices: [AlertNotice] = []
        /// All that there are, when they changed.
        package var silences: [AlertSilence]?

        package init() {}

        package var isEmpty: Bool { alerts.isEmpty && notices.isEmpty && silences == nil }
    }

    package let rules: AlertRules
    /// Those that were resolved since the last ``takeChanges(at:)`` are among them.
    private var alerts: [Int64: Alert] = [:]
    private var active: [AlertCause: Int64] = [:]
    package private(set) var silences: [AlertSilence]
    private var highestID: Int64
    private var touched: [Int64: Set<AlertSubject.Key>] = [:]
    private var silencesChanged = false

    /// - Parameters:
    ///   - alerts: Those that are active, as they were recorded.
    ///   - highestID: The highest that any alert or silence ever had.
    package init(
        rules: AlertRules, alerts: [Alert] = [], silences: [AlertSilence] = [], highestID: Int64 = 0
    ) {
        self.rules = rules
        self.silences = silences
        self.highestID = highestID
        for alert in alerts where alert.isActive {
            self.alerts[alert.id] = alert
            active[alert.cause] = alert.id
        }
    }

    /// In the order of their ids.
    package var activeAlerts: [Alert] { alerts.values.filter(\.isActive).sorted { $0.id < $1.id } }

    package func alert(_ cause: AlertCause) -> Alert? { active[cause].flatMap { alerts[$0] } }

    /// Something is wrong with an agent. An older job than the one that is known changes nothing.
    package mutating func raise(
        _ kind: AlertKind, _ policy: PolicyName?, _ agent: AgentID, job: JobID? = nil, status: Status? = nil,
        reason: String, at now: UnixTime
    ) {
        let cause = AlertCause(kind, policy)
        let key = AlertSubject.Key(agent: agent, job: kind.isOfJob ? job : nil)
        var subject = AlertSubject(agent: agent, job: job, status: status, reason: reason, raisedAt: now)
        let id: Int64
        if let known = active[cause] {
            id = known
        } else {
            highestID += 1
            id = highestID
            active[cause] = id
            alerts[id] = Alert(id: id, cause: cause, raisedAt: now)
        }
        if let known = alerts[id]?.subjects[key] {
            if let knownJob = known.job, let job, job < knownJob { return }
            let isAnother = job != known.job || known.mendedAt != nil
            subject.times = known.times + (isAnother ? 1 : 0)
            if known.mendedAt == nil { (subject.raisedAt, subject.isTold) = (known.raisedAt, known.isTold) }
            guard subject != known else { return }
        }
        alerts[id]?.subjects[key] = subject
        touched[id, default: []].insert(key)
    }

    /// What was wrong with an agent is not any more. Only a job that is not older than the one that it happened to mends it.
    ///
    /// - Parameter job: `nil`: whatever the job.
    package mutating func mend(
        _ kind: AlertKind, _ policy: PolicyName?, _ agent: AgentID, job: JobID? = nil, at now: UnixTime
    ) {
        let cause = AlertCause(kind, policy)
        let key = AlertSubject.Key(agent: agent, job: kind.isOfJob ? job : nil)
        guard let id = active[cause], let subject = alerts[id]?.subjects[key], subject.mendedAt == nil else { return }
        if let job, let known = subject.job, job < known { return }
        alerts[id]?.subjects[key]?.mendedAt = now
        touched[id, default: []].insert(key)
    }

    // MARK: Operators

    /// No reminders any more; who is hit later is told all the same.
    ///
    /// - Returns: `false`: there is no such alert that is active.
    package mutating func acknowledge(_ id: Int64, by name: String, note: String, at now: UnixTime) -> Bool {
        guard alerts[id]?.isActive == true else { return false }
        alerts[id]?.acknowledgement = Alert.Acknowledgement(by: name, at: now, note: note)
        touched[id, default: []].formUnion([])
        return true
    }

    /// Whoever is hit counts as mended. When its cause is seen again, that is another alert: what comes with jobs when the next
    /// one fails, what the collector itself looks at when it looks next.
    ///
    /// - Returns: `false`: there is no such alert that is active.
    package mutating func resolve(_ id: Int64, by name: String, reason: String, at now: UnixTime) -> Bool {
        guard let alert = alerts[id], alert.isActive else { return false }
        alerts[id]?.resolution = Alert.Acknowledgement(by: name, at: now, note: reason)
        let open = alert.subjects.filter { $0.value.mendedAt == nil }.keys
        for key in open { alerts[id]?.subjects[key]?.mendedAt = now }
        touched[id, default: []].formUnion(open)
        return true
    }

    /// - Returns: As it is recorded, with its id.
    package mutating func silence(_ silence: AlertSilence) -> AlertSilence {
        highestID += 1
        var silence = silence
        silence.id = highestID
        silences.append(silence)
        silencesChanged = true
        return silence
    }

    /// - Returns: `false`: there is none with this id.
    package mutating func endSilence(_ id: Int64) -> Bool {
        let before = silences.count
        silences.removeAll { $0.id == id }
        silencesChanged = silencesChanged || silences.count != before
        return silences.count != before
    }

    // MARK: Telling

    /// What changed since it was last asked, and what people are told at this time.
    ///
    /// - Parameters:
    ///   - labels: Of the agents, for silences that name some.
    ///   - audience: Who hears of such a cause on an agent with such labels: the names of channels.
    package mutating func takeChanges(
        at now: UnixTime, labels: [AgentID: [String: String]] = [:],
        audience: (AlertCause, [String: String]) -> Set<String> = { _, _ in [] }
    ) -> Changes {
        if silences.contains(where: { $0.until <= now }) {
            silences.removeAll { $0.until <= now }
            silencesChanged = true
        }
        var changes = Changes()
        for id in alerts.keys.sorted() {
            if touched[id] != nil, alerts[id]?.resolvedAt == nil, alerts[id]?.open.isEmpty == true {
                alerts[id]?.resolvedAt = now
            }
            if let notice = notice(of: id, at: now, labels, audience) { changes.notices.append(notice) }
        }
        for (id, keys) in touched.sorted(by: { $0.key < $1.key }) {
            guard var alert = alerts[id] else { continue }
            alert.subjects = alert.subjects.filter { keys.contains($0.key) }
            changes.alerts.append(alert)
            guard !alert.isActive else { continue }
            active[alert.cause] = nil
            alerts[id] = nil
        }
        if silencesChanged { changes.silences = silences }
        touched = [:]
        silencesChanged = false
        return changes
    }

    private mutating func notice(
        of id: Int64, at now: UnixTime, _ labels: [AgentID: [String: String]],
        _ audience: (AlertCause, [String: String]) -> Set<String>
    ) -> AlertNotice? {
        guard let alert = alerts[id], let (occasion, news) = occasion(of: alert, at: now, labels, audience) else {
            return nil
        }
        alerts[id]?.notices += 1
        alerts[id]?.lastToldAt = now
        if alert.toldAt == nil { alerts[id]?.toldAt = now }
        // Whoever hears of more is reminded of the rest.
        if occasion == .reminder || occasion == .grown {
            let reminders = rules.reminders.count { remindedAt(alert, $0) <= now }
            alerts[id]?.reminders = max(alert.reminders, reminders)
        }
        for key in news { alerts[id]?.subjects[key]?.isTold = true }
        touched[id, default: []].formUnion(news)
        return alerts[id].map { AlertNotice(occasion: occasion, alert: $0, news: news, at: now) }
    }

    private func remindedAt(_ alert: Alert, _ patience: Duration) -> UnixTime {
        (alert.toldAt ?? alert.raisedAt) + patience
    }

    private func occasion(
        of alert: Alert, at now: UnixTime, _ labels: [AgentID: [String: String]],
        _ audience: (AlertCause, [String: String]) -> Set<String>
    ) -> (AlertNotice.Occasion, [AlertSubject.Key])? {
        let silences = silences.filter { $0.until > now }
        let heard = alert.subjects.filter { _, subject in
            !silences.contains { $0.covers(alert.cause, subject, labels: labels[subject.agent] ?? [:]) }
        }
        guard alert.isActive else {
            // Who was never told that it began need not hear that it is over; who was told hears it, whatever is silent now.
            return alert.subjects.values.contains(where: \.isTold) ? (.resolved, []) : nil
        }
        let open = heard.filter { $0.value.mendedAt == nil }
        let untold = open.filter { !$0.value.isTold }
        func all() -> [AlertSubject.Key] {
            untold.keys.sorted { ($0.agent, $0.job?.rawValue ?? 0) < ($1.agent, $1.job?.rawValue ?? 0) }
        }
        guard let told = alert.lastToldAt else {
            return isDue(untold.values, alert.cause.kind, now, longest: rules.longest) ? (.raised, all()) : nil
        }
        let others = strangers(among: untold, to: alert) { audience(alert.cause, labels[$0] ?? [:]) }
        let isReminded =
            alert.severity == .critical && alert.acknowledgement == nil && alert.reminders < rules.reminders.count
            && now >= remindedAt(alert, rules.reminders[alert.reminders]) && open.count > others.count
        if isReminded { return (.reminder, all()) }
        let growth = alert.cause.kind.isUrgent ? rules.urgentGrowth : rules.growth
        let longest = max(rules.longest, rules.growth * rules.longestGrowth)
        let isGrown =
            now >= told + growth && isDue(others.values, alert.cause.kind, now, longest: longest)
            || now >= told + rules.growthAlike && isDue(untold.values, alert.cause.kind, now, longest: rules.longest)
        return isGrown ? (.grown, all()) : nil
    }

    /// Nobody more was hit for a while, or the first of them long ago.
    private func isDue(
        _ subjects: some Collection<AlertSubject>, _ kind: AlertKind, _ now: UnixTime, longest: Duration
    ) -> Bool {
        guard let first = subjects.lazy.map(\.raisedAt).min(), let last = subjects.lazy.map(\.raisedAt).max() else {
            return false
        }
        return now >= (kind.isUrgent ? first : min(last + rules.quiet, first + longest))
    }

    /// Those whom nobody expects: when they were hit, nobody was hit alike of whom the same people had been told.
    private func strangers(
        among untold: [AlertSubject.Key: AlertSubject], to alert: Alert, _ audience: (AgentID) -> Set<String>
    ) -> [AlertSubject.Key: AlertSubject] {
        guard alert.cause.kind.isToldOnceForAll, !untold.isEmpty else { return untold }
        struct Alike: Hashable {
            var likeness: AlertSubject.Likeness
            var audience: Set<String>
        }
        func alike(_ subject: AlertSubject) -> Alike {
            Alike(likeness: subject.likeness, audience: audience(subject.agent))
        }
        let never = UnixTime(milliseconds: .max)
        var ends: [Alike: UnixTime] = [:]
        for subject in alert.subjects.values where subject.isTold {
            let (alike, end) = (alike(subject), subject.mendedAt ?? never)
            ends[alike] = max(ends[alike] ?? end, end)
        }
        return untold.filter { _, subject in ends[alike(subject)].map { $0 <= subject.raisedAt } ?? true }
    }
}
