import BookendDaemon
import BookendFiles
import BookendModel
import BookendTransport

/// Looks again and again at what no report tells: agents that are not heard, jobs that take too long, servers without a
/// good backup.
struct FleetWatch: Sendable {
    /// What the coordinator tells is known so long after it changed.
    private static let settling = Duration.seconds(120)
    private static let skewTolerance = Duration.seconds(60)
    /// Jobs in progress that are looked at, at most.
    private static let jobs = 1_000
    /// …of so many times as many.
    private static let pages = 20
    /// Of a policy on an agent, with as many rehearsals among them as there may be.
    private static let recent = 50

    let rules: AlertRules
    let objectives: [ObjectiveConfiguration]
    let heard: LastHeard
    let labels: AgentLabels
    /// Silence counts from here on: nobody could be heard before.
    let startedAt: BootTime
    let interval: Duration

    func look(_ book: inout AlertBook, _ store: any ReportStore & AlertStore, at now: Moment) throws(CollectorError) {
        let protection = Protection(labels, heard)
        lookForAgents(&book, at: now)
        lookAtClocksAndClones(&book, at: now)
        lookAtJournals(&book, at: now)
        lookAtScripts(&book, at: now)
        try lookForJobs(&book, store, protection, at: now)
        try lookForOfflineStarts(&book, store, protection, at: now)
        try lookForBackups(&book, store, protection, at: now)
        mendWhatIsGone(&book, protection, at: now.wall)
    }

    /// Of an agent that was revoked, a policy that was deleted, a server that it picks no more: nothing would ever mend them.
    ///
    /// What a script stopped stays stopped, whatever became of the policy: that has an end of its own.
    private func mendWhatIsGone(_ book: inout AlertBook, _ protection: Protection, at now: UnixTime) {
        for alert in book.activeAlerts {
            let (kind, policy) = (alert.cause.kind, alert.cause.policy)
            for subject in alert.open {
                let isPicked = policy.map { protection.picks($0, subject.agent) } ?? true
                // A policy may be younger than what is known of policies.
                let isOld = now - subject.raisedAt >= Self.settling
                guard !protection.isEnrolled(subject.agent) || !isPicked && isOld && !kind.isUrgent else { continue }
                book.mend(kind, policy, subject.agent, job: subject.job, at: now)
            }
        }
    }

    /// Jobs that the coordinator gave up as their agents were offline (31): no agent reports of those. Who ordered one by hand
    /// was told then.
    private func lookForOfflineStarts(
        _ book: inout AlertBook, _ store: any ReportStore, _ protection: Protection, at now: Moment
    ) throws(CollectorError) {
        var filter = JobFilter()
        (filter.status, filter.limit) = (.agentOffline, Self.jobs)
        filter.since = UnixTime(milliseconds: now.wall.milliseconds - 86_400_000)
        for job in try store.jobs(filter) where !job.cause.isAsked && protection.covers(job.policy, job.agent) {
            var latest = JobFilter()
            (latest.policy, latest.agent, latest.limit) = (job.policy, job.agent, Self.recent)
            // Whatever came later says more.
            guard try store.jobs(latest).first(where: \.isOfBackup)?.job == job.job else { continue }
            book.raise(
                .backupFailed, job.policy, job.agent, job: job.job, status: job.status,
                reason: job.details.reason, at: now.wall)
        }
    }

    private func lookForBackups(
        _ book: inout AlertBook, _ store: any AlertStore, _ protection: Protection, at now: Moment
    ) throws(CollectorError) {
        let objectives = try Objectives(objectives, store)
        // The coordinator is about to say whom policies pick.
        if objectives.isComplete, !protection.isComplete, now.boot - startedAt < Self.settling { return }
        let records = heard.agentRecords
        for age in try objectives.ages(store, protection, at: now.wall) {
            guard let limit = age.objective else { continue }
            if age.isTooOld(at: now.wall) {
                if records[age.agent]?.isInMaintenance(at: now.wall) == true { continue }
                let last = age.goodAt.map { "the last good backup is of \($0.rfc3339)" } ?? "there is no good backup"
                book.raise(
                    .objectiveBroken, age.policy, age.agent,
                    reason: "\(last); one is due every \(Self.text(limit))", at: now.wall)
            } else {
                book.mend(.objectiveBroken, age.policy, age.agent, at: now.wall)
            }
        }
        for policy in Set(book.activeAlerts.filter { $0.cause.kind == .objectiveBroken }.compactMap(\.cause.policy)) {
            let isOver = objectives[policy] == nil && objectives.isComplete
            for subject in book.alert(AlertCause(.objectiveBroken, policy))?.open ?? [] where isOver {
                book.mend(.objectiveBroken, policy, subject.agent, at: now.wall)
            }
        }
    }

    private static func text(_ duration: Duration) -> String {
        let minutes = duration.milliseconds / 60_000
        return minutes % 60 == 0 ? "\(minutes / 60) h" : "\(minutes) min"
    }

    private func lookForAgents(_ book: inout AlertBook, at now: Moment) {
        guard let patience = rules.offlineAfter else { return }
        let signs = heard.all
        // Nobody at all is heard, nor the coordinator: it is this collector that is cut off, which its dead-man address tells.
        let since = heard.watchingSince(startedAt, patience: patience, at: now.boot)
        let records = heard.agentRecords
        for agent in labels.all.keys {
            if let last = signs[agent]?.at.boot, now.boot - last < patience {
                book.mend(.agentOffline, nil, agent, at: now.wall)
            } else if let since, now.boot - max(signs[agent]?.at.boot ?? since, since) >= patience,
                records[agent]?.isInMaintenance(at: now.wall) != true
            {
                let minutes = patience.milliseconds / 60_000
                book.raise(
                    .agentOffline, nil, agent, reason: "nothing was heard of it for \(minutes) min", at: now.wall)
            }
        }
    }

    /// As the coordinator sees them.
    private func lookAtClocksAndClones(_ book: inout AlertBook, at now: Moment) {
        for (agent, record) in heard.agentRecords {
            if record.isCloned {
                tell(&book, .agentCloned, agent, "two live agents use its key", at: now.wall)
            } else {
                book.mend(.agentCloned, nil, agent, at: now.wall)
            }
            if let problem = record.clockProblem {
                tell(&book, .clockSkew, agent, problem, at: now.wall)
            } else {
                book.mend(.clockSkew, nil, agent, at: now.wall)
            }
        }
    }

    /// As the agents say.
    private func lookAtJournals(_ book: inout AlertBook, at now: Moment) {
        for (agent, record) in heard.agentRecords {
            // Who has not said anything since its coordinator started has mended nothing.
            guard let problem = record.journalProblem else { continue }
            if problem.isEmpty {
                book.mend(.journalBroken, nil, agent, at: now.wall)
            } else {
                tell(&book, .journalBroken, agent, problem, at: now.wall)
            }
        }
    }

    /// As the agents found them long before they run.
    private func lookAtScripts(_ book: inout AlertBook, at now: Moment) {
        let records = heard.agentRecords
        for (agent, record) in records {
            for drift in record.scriptDrift ?? [] {
                let known = book.alert(AlertCause(.scriptDrift, drift.policy))?.subjects[
                    AlertSubject.Key(agent: agent)]
                if known?.mendedAt == nil, known?.reason == drift.reason { continue }
                book.raise(.scriptDrift, drift.policy, agent, reason: drift.reason, at: now.wall)
            }
        }
        for policy in Set(book.activeAlerts.filter { $0.cause.kind == .scriptDrift }.compactMap(\.cause.policy)) {
            for subject in book.alert(AlertCause(.scriptDrift, policy))?.open ?? [] {
                // Who has not said anything since its coordinator started has mended nothing.
                let isMended = records[subject.agent]?.scriptDrift.map { !$0.contains { $0.policy == policy } } ?? false
                if isMended {
                    book.mend(.scriptDrift, policy, subject.agent, at: now.wall)
                }
            }
        }
    }

    /// Said once: a text that changes each minute would be recorded each minute.
    private func tell(
        _ book: inout AlertBook, _ kind: AlertKind, _ agent: AgentID, _ reason: String, at now: UnixTime
    ) {
        let known = book.alert(AlertCause(kind, nil))?.subjects[AlertSubject.Key(agent: agent)]
        guard known == nil || known?.mendedAt != nil else { return }
        book.raise(kind, nil, agent, reason: reason, at: now)
    }

    private func lookForJobs(
        _ book: inout AlertBook, _ store: any ReportStore, _ protection: Protection, at now: Moment
    ) throws(CollectorError) {
        for (job, started) in try longest(store, at: now.wall) where protection.covers(job.policy, job.agent) {
            let running = now.wall - started
            var usual = JobFilter()
            (usual.policy, usual.agent, usual.before, usual.limit) = (job.policy, job.agent, job.job, Self.recent)
            let durations = try store.jobs(usual).filter(\.isOfBackup).prefix(10).filter(\.status.isSuccess)
                .compactMap(\.details.duration).sorted()
            let median = durations.isEmpty ? nil : durations[durations.count / 2]
            let limit = min(
                rules.overdueAfter,
                median.map { max($0 * rules.overdueFactor, rules.overdueFloor) } ?? rules.overdueAfter)
            guard running >= limit else { continue }
            let minutes = running.milliseconds / 60_000
            let reason =
                "it runs for \(minutes) min"
                + (median.map { "; it usually takes \($0.milliseconds / 60_000) min" } ?? "")
            // Said once: a text that grows each minute would be recorded each minute.
            let isKnown =
                book.alert(AlertCause(.overdue, job.policy))?.subjects[AlertSubject.Key(agent: job.agent)].map {
                    $0.job == job.job && $0.mendedAt == nil
                } ?? false
            if isKnown { continue }
            book.raise(.overdue, job.policy, job.agent, job: job.job, status: job.status, reason: reason, at: now.wall)
        }
    }

    /// Those that run the longest, also those that are to end and do not.
    private func longest(
        _ store: any ReportStore, at now: UnixTime
    ) throws(CollectorError) -> [(job: JobAggregate, started: UnixTime)] {
        var found: [(job: JobAggregate, started: UnixTime)] = []
        for status in [Status.running, .canceling] {
            var filter = JobFilter()
            (filter.activeOnly, filter.status, filter.limit) = (true, status, Self.jobs)
            var pages = 0
            while pages < Self.pages, case let page = try store.jobs(filter), !page.isEmpty {
                for job in page where job.isOfBackup {
                    if let started = job.startedAt, now - started >= rules.overdueFloor { found.append((job, started)) }
                }
                guard page.count == Self.jobs else { break }
                pages += 1
                filter.before = page.last?.job
            }
        }
        return Array(found.sorted { ($0.started, $0.job.job) < ($1.started, $1.job.job) }.prefix(Self.jobs))
    }
}

extension AgentRecord {
    /// Somebody works on it, and knows that it is away.
    fileprivate func isInMaintenance(at now: UnixTime) -> Bool { maintenance.map { $0.until > now } ?? false }
}

/// Agents that are enrolled, with the labels that operators gave them.
struct AgentLabels: Sendable {
    let ring: KeyRing

    /// Those that were revoked too: whoever was told of them is told that it is over.
    func known(_ store: any ReportStore) throws(CollectorError) -> [AgentID: [String: String]] {
        let gone = try store.peers().peers.filter { $0.state == .revoked && $0.identity.role == .agent }
        return Dictionary(
            gone.map { (AgentID(rawValue: $0.identity.name), $0.labels) }, uniquingKeysWith: { $1 }
        ).merging(all) { $1 }
    }

    var all: [AgentID: [String: String]] {
        let agents = ring.all.filter { $0.identity.role == .agent }
        return Dictionary(
            agents.map { (AgentID(rawValue: $0.identity.name), $0.labels) }, uniquingKeysWith: { $1 })
    }
}
