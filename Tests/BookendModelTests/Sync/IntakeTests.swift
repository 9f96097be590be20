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

    /// A batch of these reports, behind another that ended with this digest.
    private func batch(_ reports: [Report], incarnation: UInt64 = 1, after: UInt64 = 0) -> IntakeBatch {
        IntakeBatch(incarnation: incarnation, after: ReportDigest(rawValue: after), reports: reports)
    }

    private func digest(_ reports: [Report]) -> ReportDigest {
        reports.reduce(ReportDigest(rawValue: 0)) { $0.followed(by: $1) }
    }

    private func through(_ intake: Intake, _ incarnation: UInt64 = 1) -> UInt64 {
        intake.acknowledgement(for: Intake.Source(agent: agent, incarnation: incarnation), epoch: 1).through
    }

    @Test func `nothing is acknowledged before the commit`() {
        var intake = Intake(stored: [:])
        let verdict = intake.take(batch([report(1), report(2)]), from: agent)
        #expect(verdict.new.count == 2)
        #expect(through(intake) == 0)
        intake.commit()
        let ack = intake.acknowledgement(for: verdict.source, epoch: 4)
        #expect(ack == IntakeAck(incarnation: 1, through: 2, digest: digest([report(1), report(2)]), epoch: 4))
    }

    @Test func `what was rolled back is new again`() {
        var intake = Intake(stored: [:])
        _ = intake.take(batch([report(1)]), from: agent)
        intake.rollBack()
        #expect(intake.take(batch([report(1)]), from: agent).new.count == 1)
    }

    @Test func `a number is taken once, also within a group`() {
        var intake = Intake(stored: [:])
        _ = intake.take(batch([report(1)]), from: agent)
        #expect(intake.take(batch([report(1)]), from: agent).duplicates == 1)
        intake.commit()
        let again = intake.take(batch([report(1), report(2)]), from: agent)
        #expect(again.new.map(\.report.origin.sequence) == [2] && again.duplicates == 1 && !again.mustResume)
    }

    @Test func `what lies behind a gap is not taken, and its sender must resume`() {
        var intake = Intake(stored: [:])
        for numbers in [[1, 3, 4], [1, 1, 2], [1, 3, 2]] as [[UInt64]] {
            let verdict = intake.take(batch(numbers.map { report($0) }), from: agent)
            #expect(verdict.new.map(\.report.origin.sequence) == [1])
            #expect(verdict.outOfStep == 2 && verdict.mustResume)
            intake.rollBack()
        }
    }

    @Test func `what follows another report than the one that is stored is not taken`() {
        var intake = Intake(stored: [:])
        _ = intake.take(batch([report(1)]), from: agent)
        intake.commit()
        var other = report(1)
        other.details.reason = "a clone's"
        let verdict = intake.take(batch([other, report(2)]), from: agent)
        #expect(verdict.new == [] && verdict.duplicates == 1 && verdict.mustResume)
        #expect(intake.take(batch([report(2)], after: 8), from: agent).mustResume)
        #expect(!intake.take(batch([report(2)], after: digest([report(1)]).rawValue), from: agent).mustResume)
    }

    @Test func `behind a report of an earlier version, whose digest is unknown, the agent's word counts`() {
        let source = Intake.Source(agent: agent, incarnation: 1)
        var intake = Intake(stored: [source: Intake.Position(through: 5)])
        #expect(intake.take(batch([report(6)], after: 99), from: agent).new.count == 1)
        intake.commit()
        #expect(intake.take(batch([report(7)], after: 99), from: agent).mustResume)
    }

    @Test func `streams are counted apart`() {
        var intake = Intake(stored: [:])
        _ = intake.take(batch([report(1)]), from: agent)
        _ = intake.take(batch([report(1, incarnation: 2), report(2, incarnation: 2)], incarnation: 2), from: agent)
        intake.commit()
        #expect(through(intake) == 1)
        #expect(through(intake, 2) == 2)
    }

    @Test func `a report that claims another agent than the sender, or another stream, is dropped`() {
        var intake = Intake(stored: [:])
        let verdict = intake.take(batch([report(1, agent: "web-2"), report(1, incarnation: 9)]), from: agent)
        #expect(verdict.forged == 2 && verdict.new.isEmpty)
        #expect(verdict.source == Intake.Source(agent: agent, incarnation: 1))
    }

    @Test func `a store is behind when in its own epoch more was acknowledged than it has`() {
        let source = Intake.Source(agent: agent, incarnation: 1)
        let intake = Intake(stored: [source: Intake.Position(through: 5)])
        func isBehind(_ acknowledged: UInt64, _ epoch: Int64) -> Bool {
            intake.isBehind(
                IntakeResume(incarnation: 1, acknowledged: acknowledged, epoch: epoch), of: source, epoch: 3)
        }
        #expect(isBehind(6, 3) && !isBehind(5, 3) && !isBehind(6, 2))
    }

    /// Batches that are lost, doubled, reordered and cut, commits that fail: in the end each report is stored once.
    @Test func `each report is stored exactly once, in order, whatever happens on the way`() {
        let all = (1...40).map { report(UInt64($0)) }
        let digests = (0...40).map { digest(Array(all[..<$0])) }
        for seed in 1...300 {
            var random = SeededGenerator(seed: UInt64(seed))
            var intake = Intake(stored: [:])
            var stored: [UInt64] = []
            var inFlight: [IntakeBatch] = []
            var steps = 0
            while stored.count < all.count, steps < 5_000 {
                steps += 1
                let acknowledged = Int(through(intake))
                let start = Int.random(in: 0...min(acknowledged + 4, all.count - 1), using: &random)
                let end = min(all.count, start + Int.random(in: 1...9, using: &random))
                inFlight.append(batch(Array(all[start..<end]), after: digests[start].rawValue))
                inFlight.shuffle(using: &random)
                guard Bool.random(using: &random), let batch = inFlight.popLast() else { continue }
                let new = intake.take(batch, from: agent).new
                if Int.random(in: 0..<4, using: &random) == 0 {
                    intake.rollBack()
                } else {
                    stored += new.map(\.report.origin.sequence)
                    intake.commit()
                }
                #expect(through(intake) == UInt64(stored.count), "seed \(seed)")
            }
            #expect(stored == Array(1...40), "seed \(seed)")
        }
    }
}
