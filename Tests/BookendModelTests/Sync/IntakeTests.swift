import BookendModel
import Testing

@Suite struct IntakeTests {
    private let agent = AgentID(rawValue: "web-1")

    private func report(_ sequence: UInt64, incarnation: UInt64 = 1, agent: String = "web-1") -> Report {
        Report(
            origin: ReportOrigin(agent: AgentID(rawValue: agent), incarnation: incarnation, sequence: sequence),
            trigger: ReportedTrigger(
                job: JobID(rawValue: 1), policy: PolicyName(rawValue: "p"), revision: 1, cause: .manual,
                scheduledStart: UnixTime(milliseconds: 0)),
            attempt: 1, stage: nil, status: .running, at: UnixTime(milliseconds: 0))
    }

    private func through(_ intake: Intake, _ incarnation: UInt64 = 1) -> UInt64 {
        intake.acknowledgement(for: Intake.Source(agent: agent, incarnation: incarnation)).through
    }

    @Test func `nothing is acknowledged before the commit`() {
        var intake = Intake(stored: [:])
        let verdict = intake.take([report(1), report(2)], from: agent)
        #expect(verdict.new.count == 2)
        #expect(through(intake) == 0)
        intake.commit()
        #expect(through(intake) == 2)
    }

    @Test func `what was rolled back is new again`() {
        var intake = Intake(stored: [:])
        _ = intake.take([report(1)], from: agent)
        intake.rollBack()
        #expect(intake.take([report(1)], from: agent).new.count == 1)
    }

    @Test func `a number is taken once, also within a group`() {
        var intake = Intake(stored: [:])
        #expect(intake.take([report(1), report(1)], from: agent).duplicates == 1)
        #expect(intake.take([report(1)], from: agent).duplicates == 1)
        intake.commit()
        #expect(intake.take([report(1), report(2)], from: agent).new.map(\.origin.sequence) == [2])
    }

    @Test func `what lies behind a gap is not taken`() {
        var intake = Intake(stored: [:])
        let verdict = intake.take([report(1), report(3), report(4)], from: agent)
        #expect(verdict.new.map(\.origin.sequence) == [1])
        #expect(verdict.beyondGap == 2)
    }

    @Test func `incarnations are counted apart`() {
        var intake = Intake(stored: [:])
        _ = intake.take([report(1), report(1, incarnation: 2), report(2, incarnation: 2)], from: agent)
        intake.commit()
        #expect(through(intake) == 1)
        #expect(through(intake, 2) == 2)
    }

    @Test func `a report that claims another agent than the sender is dropped`() {
        var intake = Intake(stored: [:])
        let verdict = intake.take([report(1, agent: "web-2")], from: agent)
        #expect(verdict.forged == 1)
        #expect(verdict.new.isEmpty)
        #expect(verdict.sources.isEmpty)
    }

    /// Batches that are lost, doubled, reordered and cut, commits that fail: in the end each report is stored once.
    @Test func `each report is stored exactly once, in order, whatever happens on the way`() {
        for seed in 1...300 {
            var random = SeededGenerator(seed: UInt64(seed))
            let all = (1...40).map { report(UInt64($0)) }
            var intake = Intake(stored: [:])
            var stored: [UInt64] = []
            var inFlight: [[Report]] = []
            var steps = 0
            while stored.count < all.count, steps < 5_000 {
                steps += 1
                let acknowledged = Int(through(intake))
                let start = Int.random(in: 0...min(acknowledged + 4, all.count - 1), using: &random)
                inFlight.append(Array(all[start..<min(all.count, start + Int.random(in: 1...9, using: &random))]))
                inFlight.shuffle(using: &random)
                guard Bool.random(using: &random), let batch = inFlight.popLast() else { continue }
                let new = intake.take(batch, from: agent).new
                if Int.random(in: 0..<4, using: &random) == 0 {
                    intake.rollBack()
                } else {
                    stored += new.map(\.origin.sequence)
                    intake.commit()
                }
                #expect(through(intake) == UInt64(stored.count), "seed \(seed)")
            }
            #expect(stored == Array(1...40), "seed \(seed)")
        }
    }
}
