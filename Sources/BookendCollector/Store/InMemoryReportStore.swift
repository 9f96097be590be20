package import BookendModel
import Synchronization

/// The store without a disk: for a simulator, and the plain meaning of ``ReportStore`` that the SQLite one is held against.
package final class InMemoryReportStore: ReportStore {
    struct Key: Hashable {
        var job: JobID
        var agent: AgentID
    }

    /// What a report is known by.
    struct Name: Hashable {
        var agent: AgentID
        var digest: ReportDigest

        init(_ accepted: AcceptedReport) {
            agent = accepted.report.origin.agent
            digest = accepted.digest
        }
    }

    struct State {
        var epoch: Int64
        /// Of the epoch: a copy that is restored twice has two.
        var renewals: Int64 = 0
        var entries: [(place: Int64, storedAt: UnixTime, name: Name?, body: FeedEntry.Body)] = []
        /// Of the reports that are stored.
        var known: Set<Name> = []
        /// The highest place that was given or passed over.
        var lastPlace: Int64 = 0
        var passedOver: Int64 = 0
        /// Survives being put back, so that no two runs give the same places.
        var runs: Int64 = 0
        var inferences: Int64 = 0
        var pruned: Int64 = 0
        var positions: [Intake.Source: Intake.Position] = [:]
        var heard: [Intake.Source: UnixTime] = [:]
        private(set) var jobs: [Key: JobAggregate] = [:]
        /// Those of the jobs that have no final status.
        private(set) var active: Set<Key> = []
        private(set) var tally = FleetTally()
        var roster: Int64 = 0
        var rosterEpoch: UInt64 = 0
        var peers: [PublicKey: Peer] = [:]
        var peersThrough: Int64 = 0
        /// From before the coordinator went back in time, until it has told of all; `nil`: it has.
        var stalePeers: Set<PublicKey>?
        var expectations: [Key: TriggerRecord] = [:]
        var anchors: [(anchor: AuditAnchor, isOdd: Bool)] = []
        var alerts: [Int64: Alert] = [:]
        var silences: [AlertSilence] = []
        var highestAlert: Int64 = 0
        var judgedThrough: Int64 = 0
        var outgoing: [OutgoingMessage] = []
        var highestMessage: Int64 = 0
        var objectives: PolicyObjectives?
        var reportMarks: [String: UnixTime] = [:]
        var actions: [(number: Int64, action: CollectorAction)] = []
        var highestAction: Int64 = 0

        init(epoch: Int64) { self.epoch = epoch }

        /// Not random, so that a simulation can be repeated; and never the same for two histories that parted.
        mutating func renewEpoch() -> Int64 {
            renewals += 1
            let number = UInt64(bitPattern: epoch) &+ UInt64(lastPlace) &+ UInt64(renewals)
            epoch = Int64((number &* 0x9E37_79B9_7F4A_7C15) >> 32) + 1
            return epoch
        }

        mutating func note(_ action: CollectorAction) {
            highestAction += 1
            actions.append((highestAction, action))
        }

        /// One of the same line that came earlier.
        func waitsForAnother(_ place: Int) -> Bool {
            let message = outgoing[place]
            guard message.refusal == nil, let line = message.body.line else { return false }
            let everything = OutgoingMessage.Body.everything
            return outgoing[..<place].contains { earlier in
                guard earlier.channel == message.channel, earlier.refusal == nil else { return false }
                return earlier.body.line == line
                    || earlier.attempts < OutgoingLimit.stubborn
                        && (line == everything || earlier.body.line == everything)
            }
        }

        mutating func enqueue(_ messages: [OutgoingMessage]) {
            for var message in messages {
                highestMessage += 1
                message.id = highestMessage
                outgoing.append(message)
            }
        }

        /// Puts those together that nobody can have got, all but the newest half.
        mutating func fold(_ channel: String, isRefused: Bool) -> Int {
            let all = outgoing.filter { $0.channel == channel && ($0.refusal != nil) == isRefused }
            guard all.count > OutgoingLimit.messages else { return 0 }
            let old = all.filter { isRefused || $0.attempts == 0 }.prefix(all.count - OutgoingLimit.messages / 2)
            var fold = OutgoingFold()
            for message in old { fold.take(message) }
            let (kept, ids) = (fold.messages, Set(old.map(\.id)))
            guard kept.count < old.count else { return 0 }
            outgoing.removeAll { ids.contains($0.id) }
            outgoing = (outgoing + kept).sorted { $0.id < $1.id }
            return old.count - kept.count
        }

        mutating func put(_ job: JobAggregate, by key: Key) {
            let old = jobs.updateValue(job, forKey: key)
            tally.update(from: old, to: job)
            if job.status.isFinal { active.remove(key) } else { active.insert(key) }
        }

        mutating func append(_ inference: Inference, _ now: UnixTime) -> FeedEntry {
            lastPlace += 1
            inferences += 1
            entries.append((lastPlace, now, nil, .inference(inference)))
            return FeedEntry(cursor: FeedCursor(epoch, lastPlace), body: .inference(inference))
        }

        /// How many of the entries stand up to that place; `nil`: it is none.
        func entriesKnown(at place: Int64) -> Int? {
            var (known, end) = (0, entries.count)
            while known < end {
                let middle = (known + end) / 2
                if entries[middle].place <= place { known = middle + 1 } else { end = middle }
            }
            let isPlace = known == 0 ? place == pruned : entries[known - 1].place == place
            return isPlace ? known : nil
        }

        mutating func forget(_ key: Key) {
            guard let job = jobs.removeValue(forKey: key) else { return }
            tally.forget(job)
            active.remove(key)
        }

        /// All that a filter may want, by what is quickest to look up.
        func candidates(_ filter: JobFilter) -> [JobAggregate] {
            if !filter.jobs.isEmpty, let agent = filter.agent {
                return filter.jobs.compactMap { jobs[Key(job: $0, agent: agent)] }
            }
            if filter.activeOnly { return active.compactMap { jobs[$0] } }
            if !filter.jobs.isEmpty { return jobs.filter { filter.jobs.contains($0.key.job) }.map(\.value) }
            return Array(jobs.values)
        }
    }

    let state: Mutex<State>

    package init(epoch: Int64 = 1) {
        state = Mutex(State(epoch: epoch))
    }

    package func positions() -> [Intake.Source: Intake.Position] { state.withLock(\.positions) }

    package func store(_ reports: [AcceptedReport], at now: UnixTime) -> [FeedEntry] {
        state.withLock { state in
            reports.compactMap { accepted in
                let report = accepted.report
                let source = Intake.Source(agent: report.origin.agent, incarnation: report.origin.incarnation)
                state.positions[source] = Intake.Position(through: report.origin.sequence, digest: accepted.digest)
                state.heard[source] = now
                guard state.known.insert(Name(accepted)).inserted else { return nil }
                state.lastPlace += 1
                state.entries.append((state.lastPlace, now, Name(accepted), .report(report)))
                let key = Key(job: report.trigger.job, agent: report.origin.agent)
                var job = state.jobs[key] ?? JobAggregate(report)
                job.fold(report)
                state.put(job, by: key)
                state.expectations[key] = nil
                return FeedEntry(cursor: FeedCursor(state.epoch, state.lastPlace), report: report)
            }
        }
    }

    package func epoch() -> Int64 { state.withLock(\.epoch) }

    package func renewEpoch() -> Int64 { state.withLock { $0.renewEpoch() } }

    package func passOverCursors() {
        state.withLock { state in
            state.runs += 1
            state.lastPlace += state.runs << 20
            state.passedOver += state.runs << 20
        }
    }

    /// All that the store held at one time.
    package struct Copy: Sendable {
        fileprivate let state: State
    }

    package func copy() -> Copy { Copy(state: state.withLock { $0 }) }

    /// The store is what it was then.
    ///
    /// - Parameter isByCommand: The command for it did this, and renews the epoch; otherwise a machine was restored, and
    ///   nobody says so.
    package func restore(_ copy: Copy, isByCommand: Bool) {
        state.withLock { state in
            let (renewals, runs) = (state.renewals, state.runs)
            state = copy.state
            (state.renewals, state.runs) = (renewals, runs)
            if isByCommand { _ = state.renewEpoch() }  // It is read when the collector starts.
        }
    }

    package func pruneStreams(
        heard: Set<Intake.Source>, now: UnixTime, unheardSince time: UnixTime
    ) -> [Intake.Source] {
        state.withLock { state in
            for source in heard where state.positions[source] != nil { state.heard[source] = now }
            let forgotten = state.positions.keys.filter { source in
                guard let heard = state.heard[source], heard < time else { return false }
                return state.heard.contains { other, at in
                    other.agent == source.agent
                        && (at, Int64(bitPattern: other.incarnation)) > (heard, Int64(bitPattern: source.incarnation))
                }
            }
            for source in forgotten {
                state.positions[source] = nil
                state.heard[source] = nil
            }
            return forgotten
        }
    }

    package func rosterPosition() -> (through: Int64, epoch: UInt64) {
        state.withLock { ($0.roster, $0.rosterEpoch) }
    }

    package func peers() -> (peers: [Peer], through: Int64) {
        state.withLock { ($0.peers.values.sorted { $0.key < $1.key }, $0.peersThrough) }
    }

    package func highestJob() -> JobID {
        state.withLock { state in
            let highest = [state.jobs.keys.map(\.job).max(), state.expectations.keys.map(\.job).max()]
            return highest.compactMap(\.self).max() ?? JobID(rawValue: 0)
        }
    }

    package func store(_ roster: RosterReply, at now: UnixTime) -> [FeedEntry] {
        state.withLock { state in
            var entries: [FeedEntry] = []
            let isOther = state.rosterEpoch != 0 && state.rosterEpoch != roster.epoch
            let named = Dictionary(roster.triggers.map { ($0.trigger.job, $0.trigger.agent) }, uniquingKeysWith: { $1 })
            if isOther || !named.isEmpty {
                state.expectations = state.expectations.filter { key, record in
                    record.state != .planned || !isOther && named[key.job] ?? key.agent == key.agent
                }
            }
            for record in roster.triggers {
                let key = Key(job: record.trigger.job, agent: record.trigger.agent)
                let old = state.jobs[key]
                let isSpokenOf = old?.lastOrigin != nil || old?.standingInference != nil
                state.expectations[key] = record.isExpected && !isSpokenOf ? record : nil
                guard let new = JobAggregate(record, after: old, at: now) else { continue }
                state.put(new, by: key)
                if let ruling = new.ruling(after: old, at: now) { entries.append(state.append(ruling, now)) }
            }
            if isOther { state.stalePeers = Set(state.peers.values.filter { $0.state != .revoked }.map(\.key)) }
            for peer in roster.peers where state.peers[peer.key]?.state != .revoked {
                state.peers[peer.key] = peer
                state.stalePeers?.remove(peer.key)
            }
            let told = state.peers.values.filter { state.stalePeers?.contains($0.key) != true }
            for key in PeerBook.abandoned(among: told) { state.peers[key] = nil }
            if roster.peers.isEmpty, let stale = state.stalePeers {
                for key in stale { state.peers[key] = nil }
                state.stalePeers = nil
            }
            if isOther || !roster.peers.isEmpty { state.peersThrough = roster.peersThrough }
            state.objectives = roster.objectives ?? state.objectives
            (state.roster, state.rosterEpoch) = (roster.through, roster.epoch)
            return entries
        }
    }

    package func anchor(_ head: AuditHead, at now: UnixTime) -> Bool {
        state.withLock { state in
            let highest = state.anchors.map(\.anchor.head.sequence).max() ?? 0
            let isOdd = head.sequence <= highest
            if state.anchors.contains(where: { $0.anchor.head == head }) { return !isOdd || head.sequence == highest }
            if !isOdd || state.anchors.count(where: \.isOdd) < AuditAnchors.oddLimit {
                state.anchors.append((AuditAnchor(head: head, seenAt: now), isOdd))
            }
            let regular = state.anchors.filter { !$0.isOdd }.map(\.anchor)
            let hours = Dictionary(grouping: regular) { $0.seenAt.milliseconds / AuditAnchors.hour }
            let kept = Set(
                hours.values.flatMap { hour in
                    let sequences = hour.map(\.head.sequence)
                    return [sequences.min(), sequences.max()].compactMap(\.self)
                })
            state.anchors.removeAll { anchor, isOdd in
                !isOdd && anchor.seenAt.milliseconds < AuditAnchors.thinned(at: now)
                    && !kept.contains(anchor.head.sequence)
            }
            return !isOdd
        }
    }

    package func anchors(after sequence: Int64, limit: Int) -> [AuditAnchor] {
        state.withLock { state in
            let behind = state.anchors.map(\.anchor).filter { $0.head.sequence > sequence }
            return Array(
                behind.sorted {
                    ($0.head.sequence, $0.seenAt.milliseconds) < ($1.head.sequence, $1.seenAt.milliseconds)
                }.prefix(min(max(1, limit), 1_000)))
        }
    }

    package func expectations(dueBefore time: UnixTime, limit: Int) -> [TriggerRecord] {
        state.withLock { state in
            let due = state.expectations.values.filter { $0.trigger.notAfter < time }
            return Array(
                due.sorted { ($0.trigger.notAfter, $0.trigger.job) < ($1.trigger.notAfter, $1.trigger.job) }.prefix(
                    limit)
            ).map { record in
                var record = record
                record.trigger.windowEnd = nil
                record.isCanceled = false
                return record
            }
        }
    }

    package func infer(_ inferences: [Inference], at now: UnixTime) -> [FeedEntry] {
        state.withLock { state in
            inferences.compactMap { inference in
                let key = Key(job: inference.trigger.job, agent: inference.agent)
                let old = state.jobs[key]
                state.expectations[key] = nil
                guard var new = old ?? JobAggregate(inference), old == nil || new.infer(inference) else { return nil }
                state.put(new, by: key)
                return state.append(inference, now)
            }
        }
    }

    package func jobs(_ filter: JobFilter) -> [JobAggregate] {
        let candidates = state.withLock { $0.candidates(filter) }
        let wanted = candidates.filter { job in
            (filter.jobs.isEmpty || filter.jobs.contains(job.job))
                && (filter.policy == nil || filter.policy == job.policy)
                && (filter.agent == nil || filter.agent == job.agent)
                && (filter.status == nil || filter.status == job.status) && !(filter.activeOnly && job.status.isFinal)
                && (filter.since.map { job.scheduledStart >= $0 } ?? true)
                && (filter.before.map { job.job < $0 } ?? true)
        }
        let ordered = wanted.sorted { ($1.job, $0.agent) < ($0.job, $1.agent) }
        return Array(ordered.prefix(min(max(1, filter.limit), 1_000)))
    }

    package func fleet(asOf now: UnixTime) -> FleetSummary {
        state.withLock { $0.tally.summary(reportsStored: $0.lastPlace - $0.passedOver - $0.inferences, asOf: now) }
    }

    package func feed(from cursor: FeedCursor?, limit: Int) -> (entries: [FeedEntry], head: FeedCursor)? {
        state.withLock { state in
            let place = cursor.map { $0.place(inEpoch: state.epoch) } ?? state.pruned
            guard let place, let known = state.entriesKnown(at: place) else { return nil }
            let entries = state.entries.dropFirst(known).prefix(min(max(1, limit), 1_000))
            return (
                entries.map { FeedEntry(cursor: FeedCursor(state.epoch, $0.place), body: $0.body) },
                FeedCursor(state.epoch, state.entries.last?.place ?? state.pruned)
            )
        }
    }

    package func prune(reportsBefore: UnixTime, jobsBefore: UnixTime, limit: Int) -> Bool {
        state.withLock { state in
            let last = state.entries.prefix(limit).prefix { $0.storedAt < reportsBefore }.last?.place
            var removed = 0
            if let last {
                let old = state.entries.filter { $0.place <= last }
                removed = old.count
                state.known.subtract(old.compactMap(\.name))
                state.entries.removeAll { $0.place <= last }
                state.pruned = last
            }
            let old = state.jobs.filter { $0.value.scheduledStart < jobsBefore }.prefix(limit)
            for (key, _) in old { state.forget(key) }
            return removed == limit || old.count == limit
        }
    }
}
