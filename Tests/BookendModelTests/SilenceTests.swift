import BookendModel
import Testing

/// What is inferred when nobody speaks: 40 agent-lost, 41 missed, and how both are put right.
@Suite struct SilenceTests {
    private let web = AgentID(rawValue: "web1")
    private let other = AgentID(rawValue: "web2")

    private func moment(_ seconds: Int64) -> Moment {
        Moment(wall: UnixTime(milliseconds: 1_000_000 + seconds * 1_000), boot: BootTime(milliseconds: seconds * 1_000))
    }

    private func trigger(_ job: Int64, notAfter: Int64 = 100) -> Trigger {
        Trigger(
            job: JobID(rawValue: job), agent: web, policy: PolicyName(rawValue: "nightly"), revision: 1,
            cause: .schedule, scheduledStart: moment(0).wall, notAfter: moment(notAfter).wall)
    }

    private func report(_ job: Int64, _ sequence: UInt64, _ stage: Stage?, _ status: Status) -> Report {
        Report(
            origin: ReportOrigin(agent: web, incarnation: 1, sequence: sequence),
            trigger: ReportedTrigger(trigger(job)), attempt: 1, stage: stage, status: status,
            at: moment(Int64(sequence)).wall)
    }

    private func running(_ job: Int64) -> JobAggregate {
        var aggregate = JobAggregate(report(job, 1, nil, .queued))
        aggregate.fold(report(job, 2, nil, .running))
        return aggregate
    }

    private var rules: SilenceRules {
        var rules = SilenceRules()
        rules.lostAfter = .seconds(60)
        rules.missedAfter = .seconds(30)
        return rules
    }

    /// Looks each second from `first` to `last`; `heard` says when the other agent and the coordinator are heard.
    private func look(
        _ watch: inout SilenceWatch, _ seconds: ClosedRange<Int64>, open: [JobAggregate] = [],
        due: [TriggerRecord] = [], web sign: SignOfLife? = nil, others: ClosedRange<Int64>
    ) -> [(second: Int64, inference: Inference)] {
        var result: [(Int64, Inference)] = []
        for second in seconds {
            let contact = min(second, others.upperBound)
            let heard = contact >= others.lowerBound ? BootTime(milliseconds: contact * 1_000) : nil
            var signs: [AgentID: SignOfLife] = [:]
            signs[other] = heard.map { SignOfLife(at: $0) }
            if let sign, sign.at.milliseconds <= second * 1_000 { signs[web] = sign }
            let now = moment(second)
            let late = due.filter { $0.trigger.notAfter < watch.deadline(at: now) }
            let found = watch.look(at: now, signs: signs, coordinatorHeardAt: nil, open: open, due: late)
            result += found.map { (second, $0) }
            if !found.isEmpty { break }
        }
        return result
    }

    @Test func `the jobs of an agent that is silent for the bound are lost, and not earlier`() throws {
        var watch = SilenceWatch(rules: rules)
        let found = look(
            &watch, 0...500, open: [running(7)], web: SignOfLife(at: BootTime(milliseconds: 100_000)), others: 0...500)
        let first = try #require(found.first)
        #expect(first.second == 60, "not heard at all yet: counted from when the watch began")

        watch = SilenceWatch(rules: rules)
        let heard = SignOfLife(at: BootTime(milliseconds: 20_000))
        let later = look(&watch, 20...500, open: [running(7)], web: heard, others: 0...500)
        #expect(later.map(\.second) == [80] && later[0].inference.status == .agentLost)
        #expect(later[0].inference.reason.contains("web1"))
    }

    @Test func `a job that waits for its agent's word is not lost, only missed`() throws {
        var watch = SilenceWatch(rules: rules)
        let record = TriggerRecord(trigger: trigger(7, notAfter: 100), state: .delivered)
        let queued = try #require(JobAggregate(record))
        let found = look(&watch, 0...500, open: [queued], due: [record], others: 0...500)
        #expect(found.map(\.second) == [131] && found[0].inference.status == .missed)
        #expect(found[0].inference.reason.contains("not heard"))
    }

    @Test func `a collector that was down or cut off accuses nobody on its return`() throws {
        var watch = SilenceWatch(rules: rules)
        let planned = TriggerRecord(trigger: trigger(8, notAfter: 1), state: .planned)
        // Nobody is heard until 1000: then everyone has the bound from there on.
        #expect(look(&watch, 0...999, open: [running(7)], due: [planned], others: 1_000...1_000).isEmpty)
        let found = look(&watch, 1_000...2_000, open: [running(7)], due: [planned], others: 1_000...1_400)
        #expect(found.map(\.second) == [1_030] && found[0].inference.status == .missed)
        let lost = look(&watch, 1_031...2_000, open: [running(7)], others: 1_000...1_400)
        #expect(lost.map(\.second) == [1_060])
        // From 1400 on nobody is heard; at 3000 somebody is.
        _ = look(&watch, 1_400...2_999, others: 1_000...1_400)
        let again = look(&watch, 3_000...4_000, open: [running(7)], others: 3_000...4_000)
        #expect(again.map(\.second) == [3_060])
    }

    @Test func `an agent that alone is silent is accused when the coordinator answers`() throws {
        var watch = SilenceWatch(rules: rules)
        var found: [Inference] = []
        for second in 0...60 as ClosedRange<Int64> {
            let now = moment(second)
            found += watch.look(at: now, signs: [:], coordinatorHeardAt: now.boot, open: [running(7)], due: [])
        }
        #expect(found.map(\.status) == [.agentLost])
    }

    @Test func `a job that the agent's beacon names is not missed`() {
        var watch = SilenceWatch(rules: rules)
        let record = TriggerRecord(trigger: trigger(7, notAfter: 1), state: .delivered)
        let sign = SignOfLife(at: BootTime(milliseconds: 0), activeJobs: [JobID(rawValue: 7)])
        #expect(look(&watch, 0...300, due: [record], web: sign, others: 0...300).isEmpty)
    }

    @Test func `a job that its agent could not record is missed, and says why`() throws {
        var watch = SilenceWatch(rules: rules)
        let record = TriggerRecord(trigger: trigger(7, notAfter: 100), state: .missed)
        let sign = SignOfLife(at: BootTime(milliseconds: 130_000), journalProblem: "the disk is full")
        let found = look(&watch, 0...500, due: [record], web: sign, others: 0...500)
        #expect(found.map(\.inference.status) == [.missed])
        #expect(found[0].inference.reason.hasSuffix("its agent is heard, and cannot take it: the disk is full"))
    }

    @Test func `an agent that is heard again with its job takes the inference back`() throws {
        var watch = SilenceWatch(rules: rules)
        var job = running(7)
        let lost = try #require(look(&watch, 0...500, open: [job], others: 0...500).first)
        let took1 = job.infer(lost.inference)
        #expect(took1)
        #expect(job.status == .agentLost && job.standing == .agentLost && !job.status.isFinal)
        let without = SignOfLife(at: BootTime(milliseconds: 100_000))
        #expect(look(&watch, 100...100, open: [job], web: without, others: 0...500).isEmpty)
        let with = SignOfLife(at: BootTime(milliseconds: 100_000), activeJobs: [job.job])
        let back = try #require(look(&watch, 101...101, open: [job], web: with, others: 0...500).first)
        #expect(back.inference.status == .running)
        let took2 = job.infer(back.inference)
        #expect(took2)
        #expect(job.status == .running && job.standingInference == nil && job.inferences.count == 1)
        #expect(job.inferences[0].correctedAt == back.inference.at)
    }

    @Test func `a job that its agent is heard without is lost once its beacons have not named it for the bound`() throws
    {
        /// Beacons each 20 s from second 20 on, of which those in `named` name the job.
        func found(named: Set<Int64> = [], journalProblem: String? = nil, isWhole: Bool = true) -> [(Int64, Inference)]
        {
            var watch = SilenceWatch(rules: rules)
            var found: [(Int64, Inference)] = []
            for second in 0...300 as ClosedRange<Int64> {
                let beacon = second / 20 * 20
                let at = BootTime(milliseconds: beacon * 1_000)
                let sign = SignOfLife(
                    at: at, activeJobs: named.contains(beacon) ? [JobID(rawValue: 7)] : [],
                    allNamedAt: isWhole && beacon > 0 ? at : nil, journalProblem: journalProblem)
                found += watch.look(
                    at: moment(second), signs: [web: sign], coordinatorHeardAt: nil, open: [running(7)], due: []
                ).map { (second, $0) }
                if !found.isEmpty { break }
            }
            return found
        }
        let lost = try #require(found().first)
        #expect(lost.0 == 80 && lost.1.status == .agentLost)
        #expect(lost.1.reason == "web1 is heard, and has not named the job for 60 s")
        // Named once more in between, it counts anew: its report may have overtaken the beacon.
        #expect(found(named: [40]).map(\.0) == [120])
        #expect(found(named: Set((0...15).map { $0 * 20 })).isEmpty)
        #expect(found(journalProblem: "the disk is full").isEmpty)
        #expect(found(isWhole: false).isEmpty)
    }

    @Test func `the agent's own word puts right what was inferred, and both stay in the history`() throws {
        for (stage, status) in [(nil, .successful), (.backup, .successful), (nil, .waitingForRetry)]
            as [(Stage?, Status)]
        {
            var job = running(7)
            let at = moment(500).wall
            let inference = Inference(
                trigger: ReportedTrigger(trigger(7)), agent: web, status: .agentLost, at: at, reason: "silence")
            let took3 = job.infer(inference)
            #expect(took3)
            let late = report(7, 600, stage, status)
            job.fold(late)
            #expect(job.status == (stage == nil ? status : .running))
            #expect(job.inferences.map(\.status) == [.agentLost] && job.inferences[0].before == .running)
            #expect(job.inferences[0].correctedAt == late.at)
            let took4 = job.infer(inference)
            #expect(took4 == !job.status.isFinal, "a job that is over is not lost")
        }
    }

    @Test func `what a slot never said is missed once, and put right by a late report`() throws {
        let inference = Inference(
            trigger: ReportedTrigger(trigger(9)), agent: web, status: .missed, at: moment(200).wall, reason: "silence")
        var job = try #require(JobAggregate(inference))
        #expect(job.status == .missed && job.standing == .missed && job.inferences.count == 1)
        let took5 = job.infer(inference)
        #expect(!took5, "it stands already")
        // The coordinator tells of it again: nothing is lost.
        var told = try #require(JobAggregate(TriggerRecord(trigger: trigger(9), state: .pending)))
        told.keepInferences(of: job, at: moment(300).wall)
        #expect(told == job)
        job.fold(report(9, 1, nil, .skipped))
        #expect(job.status == .skipped && job.standing == .ended && job.inferences[0].correctedAt != nil)
        let took6 = job.infer(inference)
        #expect(!took6)
    }

    @Test func `an operator sees where a trigger stands`() throws {
        let record = TriggerRecord(trigger: trigger(7), state: .pending)
        var job = try #require(JobAggregate(record))
        #expect(job.standing == .pending)
        job.fold(report(7, 1, nil, .queued))
        #expect(job.standing == .delivered)
        job.fold(report(7, 2, nil, .running))
        #expect(job.standing == .started)
        job.fold(report(7, 3, nil, .failed))
        #expect(job.standing == .ended)
    }

    @Test func `only the latest inferences of a job are kept`() {
        var job = running(7)
        for second in 1...40 as ClosedRange<Int64> {
            let trigger = ReportedTrigger(trigger(7))
            let (lost, back) = (moment(second * 10).wall, moment(second * 10 + 1).wall)
            let took7 = job.infer(Inference(trigger: trigger, agent: web, status: .agentLost, at: lost, reason: ""))
            #expect(took7)
            let took8 = job.infer(Inference(trigger: trigger, agent: web, status: .running, at: back, reason: ""))
            #expect(took8)
        }
        #expect(job.inferences.count == 16 && job.inferences.last?.at == moment(400).wall)
    }
}
