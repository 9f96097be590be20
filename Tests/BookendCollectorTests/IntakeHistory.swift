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
    private var durable: [AcceptedReport] = []
    private var pending: [AcceptedReport] = []
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
        for maker in makers { take(made[Self.source(of: maker)] ?? [], from: maker) }
        commit()
        for maker in makers {
            let source = Self.source(of: maker)
            let expected = maker.accepted(made[source] ?? [])
            check(stored(source) == expected, "\(source): not each report once, in order")
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
        take(batch, from: makers[place])
    }

    private mutating func take(_ reports: [Report], from maker: ReportMaker) {
        let verdict = intake.take(maker.batch(reports), from: maker.agent)
        let source = Self.source(of: maker)
        check(verdict.new.allSatisfy { Self.source($0.report) == source }, "a forged report was taken")
        check(verdict.source == source, "another stream would be answered")
        let counted = verdict.new.count + verdict.duplicates + verdict.outOfStep + verdict.forged
        check(counted == reports.count, "a report was judged twice or not at all")
        check(verdict.forged == reports.count { Self.source($0) != source }, "forged reports are miscounted")
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
            durable.map { accepted in
                let position = Intake.Position(through: accepted.report.origin.sequence, digest: accepted.digest)
                return (Self.source(accepted.report), position)
            }, uniquingKeysWith: { $1 })
        intake = Intake(stored: positions)
        checkAcknowledgements()
    }

    private mutating func checkAcknowledgements() {
        for source in made.keys {
            let stored = stored(source)
            check(
                stored.map(\.report.origin.sequence) == Array(1..<UInt64(stored.count + 1)),
                "\(source): stored twice, out of order or with a gap")
            let expected = IntakeAck(
                incarnation: source.incarnation, through: UInt64(stored.count), digest: stored.last?.digest, epoch: 3)
            check(
                intake.acknowledgement(for: source, epoch: 3) == expected, "\(source): acknowledges what is not stored")
        }
    }

    private func stored(_ source: Intake.Source) -> [AcceptedReport] {
        durable.filter { Self.source($0.report) == source }
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
