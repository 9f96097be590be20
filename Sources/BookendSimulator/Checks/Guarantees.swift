import BookendAgent
import BookendCollector
import BookendCoordinator
import BookendModel

/// The guarantees, held against what really happened, once a history is over and the fleet is at rest.
struct Guarantees {
    let world: World

    func check() {
        checkTriggers()
        checkReports()
        checkSubscriber()
        for host in world.hosts { checkWork(of: host) }
        checkSteady()
        checkAlone()
        checkRestores()
    }

    // MARK: 1. Each acknowledged trigger has one final status

    private func checkTriggers() {
        let records: [TriggerRecord]
        do {
            records = try world.policyStore.changes(after: 0, limit: .max).records
        } catch {
            return world.violate("the coordinator's store cannot be read: \(error)")
        }
        let known = Dictionary(records.map { ($0.trigger.job, $0) }, uniquingKeysWith: { $1 })
        for (job, acknowledged) in world.person.acknowledged.sorted(by: { $0.key < $1.key })
        where !isLost(job) {
            guard let record = known[job] else {
                world.violate("job \(job) was acknowledged to the operator, and the coordinator does not know it")
                continue
            }
            if acknowledged.state == .offline, record.state != .offline {
                world.violate("job \(job) was said to have failed (31), and is \(record.state.rawValue) now")
            }
        }
        for job in world.person.canceled.sorted() where known[job]?.isCanceled != true && !isCancelLost(job) {
            world.violate("the cancel of job \(job) was acknowledged to the operator, and is forgotten")
        }
        let through = world.reportStore.rosterPosition().through
        let untold = Set((try? world.policyStore.changes(after: through, limit: .max).records.map(\.trigger.job)) ?? [])
        for record in records.sorted(by: { $0.trigger.job < $1.trigger.job }) { checkEnd(of: record, untold) }
    }

    private func checkEnd(of record: TriggerRecord, _ untold: Set<JobID>) {
        let job = record.trigger.job
        // What another agent was to do by this id, its coordinator has forgotten.
        let aggregates = collected(job).filter { !isLost(job) || $0.agent == record.trigger.agent }
        switch record.state {
        case .planned: return
        case .withdrawn:
            // Of a start that is days ahead the collector may hear with its next look.
            let open = aggregates.first { !$0.status.isFinal && !isLeftByLostLife($0) }
            if let open, !untold.contains(job) {
                world.violate("job \(job) was withdrawn, and is \(open.status) at the collector")
            }
            return
        // Everyone has been up and in reach for long: what is owed must have come.
        case .pending: return world.violate("job \(job) is pending still")
        case .missed, .reclaimed: return world.violate("job \(job) never came to its agent, which is in reach")
        default: break
        }
        // Of two orders with one id, of which only the other's agent has said anything, it knows the other.
        if aggregates.isEmpty, isLost(job) { return }
        guard aggregates.count == 1 else {
            return world.violate("the collector has job \(job) \(aggregates.count) times")
        }
        let status = aggregates[0].status
        let host = world.hosts.first { $0.id == record.trigger.agent }
        let finals = host?.work[job]?.finals ?? []
        switch record.state {
        // Cut off, it was begun by its agent, which speaks for it.
        case .offline where record.trigger.cause == .schedule && host?.work[job] != nil:
            if finals.count != 1 || finals.last?.status != status, !isOfLostLife(status, of: job, on: host) {
                world.violate("job \(job) was begun by its agent alone, and the collector says \(status)")
            }
        case .offline where host?.lostFinals[job] != nil: break
        case .offline:
            if status != .agentOffline { world.violate("job \(job) is offline (31), and the collector says \(status)") }
            if host?.work[job] != nil { world.violate("job \(job) was offline (31), and its agent has it") }
        case .conflict: break
        default:
            if finals.count != 1 {
                world.violate(
                    "job \(job) has \(finals.count) final statuses: \(finals.map { "\($0.status)" }.joined(separator: ", "))"
                )
            }
            if !status.isFinal || finals.last?.status != status, !isOfLostLife(status, of: job, on: host) {
                world.violate(
                    "job \(job) ended \(finals.last.map { "\($0.status)" } ?? "never"), and the collector says \(status)"
                )
            }
        }
        if record.isCanceled, record.state == .delivered, host?.wasCanceled(job) != true,
            host?.lostCancels.contains(job) != true, host?.couldNotKnow(ofCancel: job) != true
        {
            world.violate("the cancel of job \(job) never came to its agent")
        }
    }

    private func collected(_ job: JobID) -> [JobAggregate] {
        var filter = JobFilter()
        filter.jobs = [job]
        return world.reportStore.jobs(filter)
    }

    /// Where there never was a good backup, one was tried at once, and after each interval again.
    private func checkSteady() {
        guard let policy = world.policy(Workload.steady), let interval = policy.afterSuccess else { return }
        for host in world.hosts where policy.selector.picks(host.id, labels: [:]) {
            // A start that falls into a pause is not made up for: the next one is an interval later, and may fall into another.
            let targets: Set<Hold.Target> = [.policy(policy.name), .agent(host.id)]
            guard !world.person.holds.contains(where: { targets.contains($0.target) }) else { continue }
            let jobs = host.work.values.filter { $0.trigger.policy == policy.name }
            if jobs.isEmpty { world.violate("\(host.id): nothing of \(policy.name) ever came") }
            // No clock of the world may hold a start back for longer than this.
            let latest = jobs.flatMap(\.finals).map(\.at).max() ?? 0
            if !host.machine.hasJumped, !world.coordinatorMachine.hasJumped, !jobs.isEmpty,
                world.timeline.now - latest > interval.milliseconds * 2 + 12 * 3_600_000
            {
                world.violate("\(host.id): nothing of \(policy.name) came for too long")
            }
        }
    }

    // MARK: 2. Each report is folded once

    private func checkReports() {
        guard let (entries, _) = allEntries() else { return world.violate("the feed cannot be read from its begin") }
        var stored: [AgentID: [Report]] = [:]
        for case .report(let report) in entries { stored[report.origin.agent, default: []].append(report) }
        for host in world.hosts {
            let made = host.reports
            let own = stored[host.id] ?? []
            guard made.map(\.content) != own.map(\.content) else { continue }
            guard host.lostReports.isEmpty else {
                let problem = reportProblem(of: host, made: made.map(\.content), stored: own.map(\.content))
                if let problem { world.violate(problem) }
                continue
            }
            let place = zip(made, own).enumerated().first { $1.0.content != $1.1.content }?.offset
            let at = place ?? min(made.count, own.count)
            world.violate(
                "\(host.id) made \(made.count) reports, the collector stored \(own.count); they differ from number "
                    + "\(at + 1) on: made \(at < made.count ? made[at].content : "none"), stored "
                    + (at < own.count ? own[at].content : "none"))
        }
        var aggregates: [String: JobAggregate] = [:]
        for entry in entries {
            switch entry {
            case .report(let report):
                let key = "\(report.trigger.job) \(report.origin.agent)"
                if aggregates[key] == nil {
                    aggregates[key] = JobAggregate(report)
                } else {
                    aggregates[key]?.fold(report)
                }
            case .alert: break
            case .inference(let inference):
                let key = "\(inference.trigger.job) \(inference.agent)"
                if aggregates[key] == nil {
                    aggregates[key] = JobAggregate(inference)
                } else if aggregates[key]?.infer(inference) != true {
                    world.violate("what was inferred of job \(inference.trigger.job) does not fit what was reported")
                }
            }
        }
        for (_, expected) in aggregates.sorted(by: { $0.key < $1.key }) {
            var filter = JobFilter()
            filter.jobs = [expected.job]
            filter.agent = expected.agent
            let kept = world.reportStore.jobs(filter)
            var expected = expected
            // Until the agent speaks, what the roster says of the trigger stands.
            if let first = kept.first, expected.lastOrigin == nil {
                (expected.policy, expected.revision) = (first.policy, first.revision)
                (expected.cause, expected.scheduledStart) = (first.cause, first.scheduledStart)
            }
            if kept != [expected] {
                world.violate("the collector's job \(expected.job) is not what its reports fold into")
                world.note("expected", "\(expected)")
                world.note("kept", "\(kept)")
            }
        }
    }

    private func allEntries() -> (entries: [FeedEntry.Body], cursor: Cursor?)? {
        var entries: [FeedEntry.Body] = []
        var cursor: Cursor?
        while true {
            guard let page = world.reportStore.feed(from: cursor, limit: 1_000) else { return nil }
            entries += page.entries.map(\.body)
            cursor = page.entries.last?.cursor ?? cursor
            if page.entries.count < 1_000 { return (entries, cursor) }
        }
    }

    // MARK: 3. A subscriber misses nothing and sees nothing twice

    private func checkSubscriber() {
        guard let (entries, _) = allEntries() else { return }
        let taken = world.subscriber.taken
        let mayHaveGaps = world.restores.contains { $0.target == .collector }
        if world.subscriber.gaps > 0, !mayHaveGaps {
            world.violate("the subscriber was told of a gap, and nothing was ever removed")
        }
        guard taken != entries else { return }
        let place = zip(taken, entries).enumerated().first { $1.0 != $1.1 }?.offset ?? min(taken.count, entries.count)
        world.violate(
            "the subscriber took \(taken.count) entries of \(entries.count), and they differ from number \(place + 1) on"
        )
    }

    // MARK: 4. The debt is paid

    private func checkWork(of host: AgentHost) {
        for (job, work) in host.work.sorted(by: { $0.key < $1.key }) {
            if !work.isFinished { world.violate("\(host.id): job \(job) never ended") }
            for (number, attempt) in work.attempts.sorted(by: { $0.key < $1.key })
            where attempt.starts[.preScript] != nil {
                let name = "\(host.id): job \(job), attempt \(number): the pre-script ran, and its post-script"
                if attempt.isUnpaid {
                    if !attempt.postWasMissing { world.violate("\(name) is unpaid although it was there") }
                } else if attempt.ends[.postScript] == nil {
                    world.violate("\(name) never ran to an end")
                }
            }
            checkCancel(of: job, work, on: host)
        }
    }

    /// What was canceled before it ended is canceled, unless its window or its deadline came first.
    private func checkCancel(of job: JobID, _ work: AgentHost.Work, on host: AgentHost) {
        guard let canceledAt = work.canceledAt, let final = work.finals.last, final.at > canceledAt else { return }
        let allowed: Set<Status> = [.canceled, .skipped, .windowExpired, .couldNotStart]
        if !allowed.contains(final.status), !work.wasOver(before: canceledAt),
            !work.hadWindowExpired(before: canceledAt, on: host)
        {
            world.violate("\(host.id): job \(job) was canceled, and ended \(final.status) after that")
        }
    }
}

extension AgentHost.Work {
    /// Its last stage had ended for good when the cancel came, and only the record of that was missing: the disk was full. A
    /// post-script that could not be started comes to no end.
    fileprivate func wasOver(before time: Int64) -> Bool {
        guard !wasWaitingAtCancel, let attempt = attempts.max(by: { $0.key < $1.key })?.value,
            let end = attempt.lastEnd, end.at < time
        else { return false }
        return end.stage != .preScript
    }

    /// The job's window may have been over when the cancel came.
    fileprivate func hadWindowExpired(before time: Int64, on host: AgentHost) -> Bool {
        guard let end = trigger.windowEnd else { return false }
        // By any of the clocks that the server has had.
        return end.milliseconds - Machine.epoch - 90_000_000 < time
    }
}

extension Report {
    /// What it says, without its place.
    var content: String {
        "job \(trigger.job), attempt \(attempt), \(stage?.rawValue ?? "job"), \(status), \(at.milliseconds)"
    }
}
