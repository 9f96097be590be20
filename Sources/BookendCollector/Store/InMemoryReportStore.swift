package import BookendModel
import Synchronization

/// The store without a disk: for a simulator, and the plain meaning of ``ReportStore`` that the SQLite one is held against.
package final class InMemoryReportStore: ReportStore {
    private struct Key: Hashable {
        var job: JobID
        var agent: AgentID
    }

    private struct State {
        var reports: [(place: Int64, storedAt: UnixTime, report: Report)] = []
        var head: Int64 = 0
        var pruned: Int64 = 0
        var positions: [Intake.Source: UInt64] = [:]
        var jobs: [Key: JobAggregate] = [:]
        var tally = FleetTally()
        var roster: Int64 = 0
        var rosterEpoch: UInt64 = 0
    }

    private let state = Mutex(State())

    package init() {}

    package func positions() -> [Intake.Source: UInt64] { state.withLock(\.positions) }

    package func store(_ reports: [Report], at now: UnixTime) -> [FeedEntry] {
        state.withLock { state in
            reports.map { report in
                state.head += 1
                state.reports.append((state.head, now, report))
                let source = Intake.Source(agent: report.origin.agent, incarnation: report.origin.incarnation)
                state.positions[source] = report.origin.sequence
                let key = Key(job: report.trigger.job, agent: report.origin.agent)
                let old = state.jobs[key]
                var new = old ?? JobAggregate(report)
                new.fold(report)
                state.jobs[key] = new
                state.tally.update(from: old, to: new)
                return FeedEntry(cursor: cursor(state.head), report: report)
            }
        }
    }

    package func rosterPosition() -> (through: Int64, epoch: UInt64) {
        state.withLock { ($0.roster, $0.rosterEpoch) }
    }

    package func highestJob() -> JobID {
        state.withLock { $0.jobs.keys.map(\.job).max() ?? JobID(rawValue: 0) }
    }

    package func store(_ roster: RosterReply) {
        state.withLock { state in
            for record in roster.triggers {
                let key = Key(job: record.trigger.job, agent: record.trigger.agent)
                let old = state.jobs[key]
                guard old?.lastOrigin == nil, let new = JobAggregate(record) else { continue }
                state.jobs[key] = new
                state.tally.update(from: old, to: new)
            }
            (state.roster, state.rosterEpoch) = (roster.through, roster.epoch)
        }
    }

    package func jobs(_ filter: JobFilter) -> [JobAggregate] {
        let jobs = state.withLock { Array($0.jobs.values) }
        let wanted = jobs.filter { job in
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
        state.withLock { $0.tally.summary(reportsStored: $0.head, asOf: now) }
    }

    package func feed(from cursor: FeedCursor?, limit: Int) -> (entries: [FeedEntry], head: FeedCursor)? {
        state.withLock { state in
            let place = cursor.map { Int64($0.rawValue) } ?? state.pruned
            guard let place, place >= state.pruned, place <= state.head else { return nil }
            let entries = state.reports.lazy.filter { $0.place > place }.prefix(min(max(1, limit), 1_000))
            return (
                entries.map { FeedEntry(cursor: self.cursor($0.place), report: $0.report) }, self.cursor(state.head)
            )
        }
    }

    package func prune(reportsBefore: UnixTime, jobsBefore: UnixTime, limit: Int) -> Bool {
        state.withLock { state in
            let last = state.reports.prefix(limit).prefix { $0.storedAt < reportsBefore }.last?.place
            var removed = 0
            if let last {
                removed = state.reports.count { $0.place <= last }
                state.reports.removeAll { $0.place <= last }
                state.pruned = last
            }
            let old = state.jobs.filter { $0.value.scheduledStart < jobsBefore }.prefix(limit)
            for (key, job) in old {
                state.jobs[key] = nil
                state.tally.forget(job)
            }
            return removed == limit || old.count == limit
        }
    }

    private func cursor(_ place: Int64) -> FeedCursor { FeedCursor(rawValue: String(place)) }
}
