import BookendModel

/// One random history of an intake: agents send, resend, reorder, skip and forge, and transactions commit or fail.
struct IntakeHistory {
    private var random: SplitMix
    private var makers = ["web-1", "web-2", "db-1"].flatMap { agent in
        [UInt64(7), 8].map { incarnation in
            var maker = ReportMaker(agent)
            maker.incarnation = incarnation
            return maker
        }
    }
    private var made: [Intake.Source: [Report]] = [:]
    private var durable: [Report] = []
    private var pending: [Report] = []
    private var intake = Intake(stored: [:])
    /// What went wrong; empty: nothing.
    private(set) var faults: [String] = []

    init(seed: UInt64) { random = SplitMix(state: seed) }

    mutating func run(steps: Int) {
        for _ in 0..<steps {
            send()
            checkAcknowledgements()
            switch Int.random(in: 0..<4, using: &random) {
            case 0: commit()
            case 1: rollBack()
            case 2 where pending.isEmpty: restart()
            default: break
            }
        }
        rollBack()
        for (source, reports) in made { take(reports, from: source.agent) }
        commit()
        for (source, reports) in made {
            check(durable.filter { Self.source($0) == source } == reports, "\(source): not each report once, in order")
        }
    }

    private mutating func send() {
        let place = Int.random(in: 0..<makers.count, using: &random)
        for _ in 0..<Int.random(in: 0...5, using: &random) {
            let report = makers[place].report(job: 1, .running)
            made[Self.source(report), default: []].append(report)
        }
        let own = made[Self.source(of: makers[place])] ?? []
        guard !own.isEmpty else { return }
        let first = Int.random(in: 0..<own.count, using: &random)
        var batch = Array(own[first..<Int.random(in: first..<own.count + 1, using: &random)])
        if Int.random(in: 0..<4, using: &random) == 0 { batch = own }
        if Int.random(in: 0..<5, using: &random) == 0 { batch.shuffle(using: &random) }
        if Int.random(in: 0..<5, using: &random) == 0,
            let others = made[Self.source(of: makers.randomElement(using: &random)!)]
        {
            batch.insert(contentsOf: others.suffix(3), at: 0)
        }
        take(batch, from: makers[place].agent)
    }

    private mutating func take(_ batch: [Report], from sender: AgentID) {
        let verdict = intake.take(batch, from: sender)
        check(verdict.new.allSatisfy { $0.origin.agent == sender }, "a forged report was taken")
        check(verdict.sources.allSatisfy { $0.agent == sender }, "another agent would be answered")
        let counted = verdict.new.count + verdict.duplicates + verdict.beyondGap + verdict.forged
        check(counted == batch.count, "a report was judged twice or not at all")
        check(verdict.forged == batch.count { $0.origin.agent != sender }, "forged reports are miscounted")
        pending += verdict.new
    }

    private mutating func commit() {
        intake.commit()
        durable += pending
        pending = []
        checkAcknowledgements()
    }

    private mutating func rollBack() {
        intake.rollBack()
        pending = []
        checkAcknowledgements()
    }

    /// The collector starts again with the positions that its store kept.
    private mutating func restart() {
        let positions = Dictionary(
            durable.map { (Self.source($0), $0.origin.sequence) }, uniquingKeysWith: { max($0, $1) })
        intake = Intake(stored: positions)
        checkAcknowledgements()
    }

    private mutating func checkAcknowledgements() {
        for source in made.keys {
            let stored = durable.filter { Self.source($0) == source }.map(\.origin.sequence)
            check(stored == Array(1..<UInt64(stored.count + 1)), "\(source): stored twice, out of order or with a gap")
            let expected = IntakeAck(incarnation: source.incarnation, through: UInt64(stored.count))
            check(intake.acknowledgement(for: source) == expected, "\(source): acknowledges what is not stored")
        }
    }

    private mutating func check(_ holds: Bool, _ fault: String) {
        if !holds, faults.count < 5 { faults.append(fault) }
    }

    private static func source(_ report: Report) -> Intake.Source {
        Intake.Source(agent: report.origin.agent, incarnation: report.origin.incarnation)
    }

    private static func source(of maker: ReportMaker) -> Intake.Source {
        Intake.Source(agent: maker.agent, incarnation: maker.incarnation)
    }
}
