import BookendModel
import Testing

@Suite struct JobAggregateTests {
    private func folded(_ reports: [Report]) -> [JobID: JobAggregate] {
        reports.reduce(into: [:]) { jobs, report in
            if jobs[report.trigger.job]?.fold(report) == nil { jobs[report.trigger.job] = JobAggregate(report) }
        }
    }

    private func report(
        _ sequence: UInt64, _ stage: Stage?, _ status: Status, attempt: Int = 1, incarnation: UInt64 = 1,
        second: Int64? = nil
    ) -> Report {
        Report(
            origin: ReportOrigin(agent: AgentID(rawValue: "web1"), incarnation: incarnation, sequence: sequence),
            trigger: ReportedTrigger(
                job: JobID(rawValue: 42), policy: PolicyName(rawValue: "web"), revision: 1, cause: .manual,
                scheduledStart: start.wall),
            attempt: attempt, stage: stage, status: status, at: start.wall + .seconds(second ?? Int64(sequence)))
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `any order that keeps each agent's own gives the same aggregates`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var queues: [[Report]] = []
        for number in 0..<3 {
            var agent = RandomAgent(id: AgentID(rawValue: "a\(number)"))
            for job in 1...6 { agent.run(JobID(rawValue: Int64(number * 10 + job)), using: &generator) }
            queues.append(agent.reports)
        }
        let expected = folded(queues.flatMap(\.self))
        #expect(expected.count == 18)
        #expect(expected.values.allSatisfy { $0.status.isFinal && $0.endedAt != nil })
        for _ in 0..<5 {
            #expect(folded(interleaved(queues, using: &generator)) == expected, "seed \(seed)")
        }
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `reports of a job's incarnations may come in any order`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var agent = RandomAgent(id: AgentID(rawValue: "a"))
        agent.run(JobID(rawValue: 1), using: &generator, renewing: true)
        let queues = Dictionary(grouping: agent.reports, by: \.origin.incarnation).values.map(\.self)
        var expected = folded(agent.reports)[JobID(rawValue: 1)]
        expected?.lastOrigin = nil
        for _ in 0..<10 {
            var shuffled = folded(interleaved(queues, using: &generator))[JobID(rawValue: 1)]
            shuffled?.lastOrigin = nil
            #expect(shuffled == expected, "seed \(seed)")
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `folding again what was folded changes nothing`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var agent = RandomAgent(id: AgentID(rawValue: "a"))
        agent.run(JobID(rawValue: 1), using: &generator)
        var aggregate = JobAggregate(agent.reports[0])
        for (place, report) in agent.reports.enumerated() {
            aggregate.fold(report)
            let before = aggregate
            for old in agent.reports[...place] { aggregate.fold(old) }
            #expect(aggregate == before, "seed \(seed)")
        }
    }

    @Test func `a stage that never reported is not available`() {
        let job = JobAggregate(report(1, .backup, .running))
        #expect(job.attempts.map(\.preScript.status) == [.notAvailable])
        #expect(job.attempts.map(\.postScript.status) == [.notAvailable])
        #expect(job.status == .running)
    }

    @Test func `a stage has its times, and the job those of its first start and its end`() {
        let reports = [
            report(1, nil, .queued, attempt: 0), report(2, nil, .running), report(3, .backup, .running),
            report(9, .backup, .successful), report(10, nil, .successful),
        ]
        let job = folded(reports)[JobID(rawValue: 42)]
        #expect(job?.startedAt == start.wall + .seconds(2))
        #expect(job?.endedAt == start.wall + .seconds(10))
        #expect(job?.attempts.first?.backup.startedAt == start.wall + .seconds(3))
        #expect(job?.attempts.first?.backup.endedAt == start.wall + .seconds(9))
        #expect(job?.goodBackupAt == start.wall + .seconds(9))
    }

    @Test func `of two ends of one stage the later stands, in whatever order they come, from its first start on`() {
        let reports = [
            report(1, .postScript, .running, incarnation: 1, second: 10),
            report(2, .postScript, .failed, incarnation: 1, second: 20),
            report(1, .postScript, .running, incarnation: 2, second: 30),
            report(2, .postScript, .successful, incarnation: 2, second: 40),
        ]
        for order in [[0, 1, 2, 3], [2, 3, 0, 1], [2, 0, 3, 1], [0, 2, 1, 3]] {
            let job = folded(order.map { reports[$0] })[JobID(rawValue: 42)]
            #expect(job?.attempts.first?.postScript.status == .successful)
            #expect(job?.attempts.first?.postScript.startedAt == start.wall + .seconds(10))
            #expect(job?.attempts.first?.postScript.endedAt == start.wall + .seconds(40))
        }
    }

    @Test func `how the post-script ended when it ran again stands over that it broke off, whatever the clock said`() {
        let broken = report(1, .postScript, .interrupted, second: 3_600)
        let again = report(2, .postScript, .failed, second: 1)
        for order in [[broken, again], [again, broken]] {
            var job = JobAggregate(order[0])
            var second = order[1]
            second.origin = ReportOrigin(agent: second.origin.agent, incarnation: 1, sequence: 3)
            job.fold(second)
            #expect(job.attempts[0].postScript.status == .failed)
        }
    }

    @Test func `what the agent carried out stands over what the coordinator planned`() throws {
        let report = report(1, nil, .queued)
        let plan = Trigger(
            job: report.trigger.job, agent: report.origin.agent, policy: PolicyName(rawValue: "other"), revision: 2,
            cause: .schedule, scheduledStart: report.at, notAfter: start.wall, windowEnd: nil)
        var job = try #require(JobAggregate(TriggerRecord(trigger: plan, state: .pending)))
        #expect(job.revision == 2 && job.cause == .schedule && job.policy == plan.policy)
        job.fold(report)
        #expect(job.revision == 1 && job.cause == .manual && job == JobAggregate(report))
    }

    @Test func `a good backup is a backup stage that ended in 0 or 5, whatever became of the job`() {
        for (status, isGood) in [(Status.successful, true), (.successfulWithErrors, true), (.failed, false)] {
            var job = JobAggregate(report(1, .backup, status))
            job.fold(report(2, nil, .canceled))
            #expect((job.goodBackupAt != nil) == isGood)
        }
    }

    @Test func `the sequence decides within an incarnation, not the wall clock`() {
        var job = JobAggregate(report(5, nil, .waitingForRetry, second: 100))
        job.fold(report(6, nil, .queued, second: 50))
        #expect(job.status == .queued)
        job.fold(report(4, nil, .running, second: 200))
        #expect(job.status == .queued)
    }

    @Test func `a final status stays when another incarnation says something that is not`() {
        var job = JobAggregate(report(5, nil, .failed))
        job.fold(report(1, nil, .running, incarnation: 2, second: 99))
        job.fold(report(2, .backup, .running, incarnation: 2, second: 99))
        #expect(job.status == .failed)
        #expect(job.endedAt == start.wall + .seconds(5))
    }

    @Test func `a number without a meaning is kept and ends the job as a failure`() {
        let job = JobAggregate(report(1, nil, Status(rawValue: 77)))
        #expect(job.status.rawValue == 77)
        #expect(job.status.isFailure)
        #expect(job.endedAt != nil)
    }

    @Test func `attempts stand in order, also when the second is heard of first`() {
        var job = JobAggregate(report(1, .backup, .running, attempt: 2, incarnation: 2))
        job.fold(report(1, .backup, .failed, attempt: 1))
        #expect(job.attempts.map(\.attempt) == [1, 2])
    }

    @Test func `a skip does not stand beside another end, whichever came first`() {
        // An agent that was restored has forgotten how the job ended, and gets its trigger again.
        var forgotten = report(1, nil, .skipped)
        forgotten.origin.incarnation += 1
        forgotten.attempt = 0
        forgotten.at = report(1, nil, .successful).at + .seconds(3_600)
        for reports in [[report(1, nil, .successful), forgotten], [forgotten, report(1, nil, .successful)]] {
            var job = JobAggregate(reports[0])
            job.fold(reports[1])
            #expect(job.status == .successful && job.endedAt == report(1, nil, .successful).at)
        }
    }

    @Test func `a report of another job or agent changes nothing`() {
        var job = JobAggregate(report(1, nil, .running))
        let before = job
        var other = report(2, nil, .failed)
        other.trigger.job = JobID(rawValue: 43)
        job.fold(other)
        other = report(2, nil, .failed)
        other.origin.agent = AgentID(rawValue: "web2")
        job.fold(other)
        #expect(job == before)
    }

    @Test(arguments: [
        (TriggerRecord.State.pending, Status.queued), (.delivered, .queued), (.offline, .agentOffline),
        (.missed, .missed), (.reclaimed, .queued), (.conflict, .couldNotStart),
    ])
    func `a job that only the coordinator knows has the status of its trigger`(
        state: TriggerRecord.State, status: Status
    ) throws {
        let first = report(1, nil, .running)
        let trigger = Trigger(
            job: first.trigger.job, agent: first.origin.agent, policy: first.trigger.policy, revision: 1,
            cause: .manual, scheduledStart: start.wall, notAfter: start.wall)
        var job = try #require(JobAggregate(TriggerRecord(trigger: trigger, state: state)))
        #expect(JobAggregate(TriggerRecord(trigger: trigger, state: .planned)) == nil)
        #expect(job.status == status)
        #expect(job.attempts.isEmpty)
        job.fold(first)
        #expect(job.status == .running, "the agent's own word stands")
    }

    @Test func `what became of a start whose coordinator changed it is told of the start as it is now`() throws {
        let known = report(1, nil, .queued)
        let old = Trigger(
            job: known.trigger.job, agent: known.origin.agent, policy: PolicyName(rawValue: "other"), revision: 2,
            cause: .schedule, scheduledStart: known.at, notAfter: start.wall)
        for status in [Status.agentOffline, .queued] {
            var job = try #require(
                JobAggregate(TriggerRecord(trigger: old, state: status == .queued ? .offline : .pending)))
            let ruling = Inference(
                trigger: known.trigger, agent: known.origin.agent, status: status, at: start.wall, reason: "")
            let isTaken = job.infer(ruling)
            #expect(isTaken && job.status == status && job.policy == known.trigger.policy && job.revision == 1)
            #expect(job.cause == .manual && job.scheduledStart == known.trigger.scheduledStart)
            // The agent's own word of it stands.
            job.fold(known)
            var other = ruling
            other.trigger.policy = old.policy
            _ = job.infer(other)
            #expect(job.policy == known.trigger.policy)
        }
    }

    @Test func `what the collector inferred gives way to the agent's word`() {
        var job = JobAggregate(report(1, nil, .running))
        job.status = .agentLost
        job.fold(report(2, .backup, .successful))
        #expect(job.status == .running)
        job.status = .agentLost
        job.fold(report(3, nil, .successful))
        #expect(job.status == .successful)
    }
}

@Suite struct FleetTallyTests {
    @Test(arguments: 0..<20 as Range<UInt64>)
    func `counts kept job by job are those of all jobs counted at once`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var agents = (0..<3).map { RandomAgent(id: AgentID(rawValue: "a\($0)")) }
        for job in 1...12 { agents[job % 3].run(JobID(rawValue: Int64(job)), using: &generator) }
        var reports = interleaved(agents.map(\.reports), using: &generator)
        reports.removeLast(reports.count / 4)

        var jobs: [JobID: JobAggregate] = [:]
        var tally = FleetTally()
        for report in reports {
            let old = jobs[report.trigger.job]
            var new = old ?? JobAggregate(report)
            new.fold(report)
            jobs[report.trigger.job] = new
            tally.update(from: old, to: new)
        }

        let summary = tally.summary(reportsStored: Int64(reports.count), asOf: start.wall)
        #expect(summary.jobs == Dictionary(grouping: jobs.values, by: \.status).mapValues(\.count))
        for agent in summary.agents {
            let own = jobs.values.filter { $0.agent == agent.agent }
            #expect(agent.lastJob == own.map(\.job).max())
            #expect(agent.lastStatus == own.max { $0.job < $1.job }?.status)
            #expect(agent.lastGoodBackupAt == own.compactMap(\.goodBackupAt).max())
        }
        for policy in summary.policies {
            let own = jobs.values.filter { $0.policy == policy.policy }
            #expect(policy.jobs == Dictionary(grouping: own, by: \.status).mapValues(\.count))
            #expect(policy.lastGoodBackupAt == own.compactMap(\.goodBackupAt).max())
        }
    }

    @Test func `what is inferred or in progress is not an outcome`() {
        let counts = StatusCounts([
            .successful: 5, .failed: 2, .skipped: 1, .running: 3, .agentLost: 4, Status(rawValue: 77): 1,
        ])
        #expect(counts.total == 16)
        #expect(counts.outcomes == 9)
        #expect(counts.failures == 3)
        #expect(counts.inProgress == 3)
        #expect(counts.inferred == 4)
    }
}
