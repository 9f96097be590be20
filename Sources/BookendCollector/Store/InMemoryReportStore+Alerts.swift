package import BookendModel
import Synchronization

extension InMemoryReportStore: AlertStore {
    package func alertState() -> AlertState {
        state.withLock { state in
            AlertState(
                alerts: state.alerts.values.filter(\.isActive).sorted { $0.id < $1.id }, silences: state.silences,
                highestID: state.highestAlert, judgedThrough: state.judgedThrough)
        }
    }

    package func unjudged(limit: Int) -> (entries: [UnjudgedEntry], through: Int64) {
        state.withLock { state in
            let known = state.entries.first.map { max(0, state.judgedThrough - $0.place + 1) } ?? 0
            let entries = state.entries.dropFirst(Int(known)).prefix(limit)
            return (
                entries.map { entry in
                    guard case .report(let report) = entry.body, report.endsJob else {
                        return UnjudgedEntry(body: entry.body)
                    }
                    let key = Key(job: report.trigger.job, agent: report.origin.agent)
                    return UnjudgedEntry(body: entry.body, job: state.jobs[key])
                }, entries.last?.place ?? state.judgedThrough
            )
        }
    }

    package func record(
        _ changes: AlertBook.Changes, judgedThrough: Int64, messages: [OutgoingMessage], actions: [CollectorAction]
    ) -> Int {
        state.withLock { state in
            for action in actions { state.note(action) }
            for alert in changes.alerts {
                var alert = alert
                alert.subjects.merge(state.alerts[alert.id]?.subjects ?? [:]) { changed, _ in changed }
                state.alerts[alert.id] = alert
            }
            state.silences = changes.silences ?? state.silences
            let ids = changes.alerts.map(\.id) + (changes.silences ?? []).map(\.id)
            state.highestAlert = max(state.highestAlert, ids.max() ?? 0)
            state.judgedThrough = judgedThrough
            for notice in changes.notices {
                state.lastPlace += 1
                state.inferences += 1
                state.entries.append((state.lastPlace, notice.at, nil, .alert(AlertEvent(notice))))
            }
            state.enqueue(messages)
            return Set(messages.map(\.channel)).reduce(0) { $0 + state.fold($1, isRefused: false) }
        }
    }

    package func alerts(_ filter: AlertFilter) -> [Alert] {
        let alerts = state.withLock { Array($0.alerts.values) }
        let wanted = alerts.filter { alert in
            (alert.isActive || !filter.activeOnly) && (filter.kind == nil || filter.kind == alert.cause.kind)
                && (filter.policy == nil || filter.policy == alert.cause.policy)
        }
        return Array(wanted.sorted { $0.id > $1.id }.prefix(min(max(1, filter.limit), 1_000)))
    }

    package func alert(_ id: Int64) -> Alert? { state.withLock { $0.alerts[id] } }

    package func takeOutgoing(to channel: String, at now: UnixTime) -> OutgoingMessage? {
        state.withLock { state in
            let due = state.outgoing.indices.filter { place in
                let message = state.outgoing[place]
                return message.channel == channel
                    && (message.nextAt <= now || message.nextAt > now + OutgoingLimit.wait && message.refusal == nil)
            }
            func isTest(_ place: Int) -> Bool {
                state.outgoing[place].refusal == nil && state.outgoing[place].body.line == OutgoingMessage.Body.test
            }
            guard let place = due.first(where: isTest) ?? due.first(where: { !state.waitsForAnother($0) }) else {
                return nil
            }
            state.outgoing[place].attempts += 1
            return state.outgoing[place]
        }
    }

    package func removeOutgoing(_ id: Int64) { state.withLock { $0.outgoing.removeAll { $0.id == id } } }

    package func postponeOutgoing(
        _ id: Int64, until time: UnixTime?, refusal: String?, recipients: [String]?, at now: UnixTime
    ) {
        state.withLock { state in
            guard let place = state.outgoing.firstIndex(where: { $0.id == id }) else { return }
            state.outgoing[place].nextAt = time ?? UnixTime(milliseconds: .max)
            state.outgoing[place].recipients = recipients
            guard let refusal else { return }
            state.outgoing[place].refusal = refusal
            state.outgoing[place].refusedAt = state.outgoing[place].refusedAt ?? now
            _ = state.fold(state.outgoing[place].channel, isRefused: true)
        }
    }

    package func outgoingQueues() -> [String: OutgoingQueue] {
        let messages = state.withLock(\.outgoing)
        return Dictionary(grouping: messages, by: \.channel).mapValues { messages in
            let waiting = messages.filter { $0.refusal == nil }
            let refused = messages.filter { $0.refusal != nil }
            let latest = refused.max { left, right in
                (left.refusedAt?.milliseconds ?? 0, left.id) < (right.refusedAt?.milliseconds ?? 0, right.id)
            }
            return OutgoingQueue(
                waiting: waiting.count, oldestAt: waiting.map(\.createdAt).min(), refused: refused.count,
                refusal: latest?.refusal)
        }
    }

    package func outgoing(of channel: String?, limit: Int) -> (messages: [OutgoingMessage], total: Int) {
        let all = state.withLock { $0.outgoing.filter { channel == nil || $0.channel == channel } }
        let ordered = all.filter { $0.refusal != nil } + all.filter { $0.refusal == nil }
        return (Array(ordered.prefix(limit)), all.count)
    }

    package func resendOutgoing(_ choice: OutgoingChoice, at now: UnixTime) -> Int {
        state.withLock { state in
            var count = 0
            for place in state.outgoing.indices where state.outgoing[place].isIn(choice) {
                (state.outgoing[place].refusal, state.outgoing[place].refusedAt) = (nil, nil)
                state.outgoing[place].nextAt = now
                count += 1
            }
            return count
        }
    }

    package func discardOutgoing(_ choice: OutgoingChoice) -> [OutgoingMessage] {
        state.withLock { state in
            defer { state.outgoing.removeAll { $0.isIn(choice) } }
            return state.outgoing.filter { $0.isIn(choice) }
        }
    }

    package func note(_ action: CollectorAction) { state.withLock { $0.note(action) } }

    package func actions(limit: Int) -> (actions: [CollectorAction], through: Int64) {
        let actions = state.withLock(\.actions).prefix(limit)
        return (actions.map(\.action), actions.last?.number ?? 0)
    }

    package func forgetActions(through number: Int64) {
        state.withLock { $0.actions.removeAll { $0.number <= number } }
    }

    package func reportMark(_ channel: String) -> UnixTime? { state.withLock { $0.reportMarks[channel] } }

    package func markReport(_ channel: String, until time: UnixTime, message: OutgoingMessage?) {
        state.withLock { state in
            state.reportMarks[channel] = time
            if let message { state.enqueue([message]) }
            _ = state.fold(channel, isRefused: false)
        }
    }

    package func objectives() -> PolicyObjectives? { state.withLock(\.objectives) }

    package func backupAges(jobsSince time: UnixTime) -> [BackupAge] {
        struct Pair: Hashable {
            var agent: AgentID
            var policy: PolicyName
        }
        let jobs = state.withLock { $0.jobs.values.filter(\.isOfBackup) }
        return Dictionary(grouping: jobs) { Pair(agent: $0.agent, policy: $0.policy) }.compactMap { pair, jobs in
            guard jobs.contains(where: { $0.scheduledStart >= time }), let first = jobs.map(\.scheduledStart).min()
            else { return nil }
            return BackupAge(
                agent: pair.agent, policy: pair.policy, goodAt: jobs.compactMap(\.goodBackupAt).max(), firstAt: first)
        }.sorted { ($0.agent, $0.policy) < ($1.agent, $1.policy) }
    }

    package func pruneAlerts(resolvedBefore time: UnixTime, limit: Int) -> Bool {
        state.withLock { state in
            let old = state.alerts.values.filter { $0.resolvedAt.map { $0 < time } ?? false }.map(\.id).sorted()
            for id in old.prefix(limit) { state.alerts[id] = nil }
            return old.count >= limit
        }
    }
}

extension OutgoingMessage {
    fileprivate func isIn(_ choice: OutgoingChoice) -> Bool {
        switch choice {
        case .ids(let ids): ids.contains(id)
        case .refused(let name): channel == name && refusal != nil
        case .all(let name): channel == name
        }
    }
}
