import BookendModel
import Testing

@testable import BookendCLI

struct WaitBoardTests {
    private let start = UnixTime(milliseconds: 1_000_000)
    private let wide = Terminal(isTerminal: true, width: 60, height: 8, hasColor: false)

    private func record(_ job: Int64, _ state: TriggerRecord.State = .pending) -> TriggerRecord {
        TriggerRecord(
            trigger: Trigger(
                job: JobID(rawValue: job), agent: AgentID(rawValue: "web-\(job)"),
                policy: PolicyName(rawValue: "nightly"),
                revision: 1, cause: .manual, scheduledStart: start, notAfter: start + .seconds(60)),
            state: state)
    }

    private func report(_ job: Int64, _ sequence: UInt64, _ stage: Stage?, _ status: Status) -> Report {
        Report(
            origin: ReportOrigin(agent: AgentID(rawValue: "web-\(job)"), incarnation: 1, sequence: sequence),
            trigger: ReportedTrigger(record(job).trigger), attempt: 1, stage: stage, status: status,
            at: start + .milliseconds(Int64(sequence)))
    }

    @Test func `a job is over by its own last report`() {
        var board = WaitBoard([record(1)], now: start)
        #expect(!board.isOver)
        #expect(board.take(report(1, 1, .backup, .running), now: start).isEmpty)
        #expect(board.take(report(1, 2, .backup, .successful), now: start) == ["web-1 job 1: backup 0 successful"])
        #expect(!board.isOver)
        #expect(board.take(report(1, 3, nil, .successful), now: start) == ["web-1 job 1: 0 successful"])
        #expect(board.isOver)
    }

    @Test func `what was stored earlier does not undo what was published`() {
        var board = WaitBoard([record(1)], now: start)
        let early = JobAggregate(report(1, 1, .backup, .running))
        _ = board.take(report(1, 1, .backup, .running), now: start)
        _ = board.take(report(1, 2, nil, .successful), now: start)
        #expect(board.take(early, now: start).isEmpty)
        #expect(board.isOver)
    }

    @Test func `an agent that is offline ends the waiting, and so does a job that was given up`() {
        #expect(WaitBoard([record(1, .offline), record(2, .missed)], now: start).isOver)
    }

    @Test func `reports of other jobs change nothing`() {
        var board = WaitBoard([record(1)], now: start)
        #expect(board.take(report(9, 1, nil, .successful), now: start).isEmpty)
        #expect(board.jobs.map(\.job.rawValue) == [1])
    }

    @Test func `the board fits the terminal, those that run first, and sums up`() {
        var board = WaitBoard((1...20).map { record($0) }, now: start)
        _ = board.take(report(17, 1, .backup, .running), now: start)
        let block = board.block(wide, now: start + .seconds(3))
        #expect(block.count <= wide.height - 2)
        #expect(block.allSatisfy { $0.count < 60 })
        #expect(block[0].hasPrefix("web-17"))
        #expect(block.dropLast().last == "… and 16 more")
        #expect(block.last?.hasPrefix("0 of 20 jobs over, 0 failed, 1 running, 19 waiting") == true)
    }

    @Test func `the outcome is the worst one`() {
        #expect(WorstOutcome([.successful, .skipped]) == .allWell)
        #expect(WorstOutcome([.successful, .successfulWithErrors]) == .failed)
        #expect(WorstOutcome([.successful, .missed]) == .failed)
        #expect(WorstOutcome([Status(rawValue: 99)]) == .failed)
        #expect(WorstOutcome([]) == .allWell)
    }
}
