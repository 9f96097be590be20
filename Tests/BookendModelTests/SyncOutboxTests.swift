import BookendModel
import Testing

/// One agent's outbox and one collector's intake, with a wire between them that loses, doubles and breaks.
private struct IntakeWorld {
    private struct Link {
        var toCollector: [IntakeMessage] = []
        var toAgent: [IntakeAck] = []
    }

    private let agent = AgentID(rawValue: "a")
    private let incarnation: UInt64 = 7
    private var random: SeededGenerator
    private var outbox: Outbox
    private var intake = Intake(stored: [:])
    private var link: Link?
    /// What the collector's disk holds.
    private(set) var stored: [UInt64] = []
    private(set) var made: UInt64 = 0
    /// What the agent's journal holds as acknowledged.
    private(set) var acknowledged: UInt64 = 0
    private(set) var mostInFlight: UInt64 = 0
    private(set) var mistake: String?

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        outbox = Outbox(incarnation: incarnation, highest: 0, acknowledged: 0)
    }

    var isDone: Bool { outbox.depth == 0 && stored.count == Int(made) && acknowledged == made }

    /// One random thing happens.
    mutating func step(isCalm: Bool) {
        switch Int.random(in: 0..<(isCalm ? 60 : 100), using: &random) {
        case 0..<10:
            guard !isCalm else { return }
            made += UInt64.random(in: 1...(made < 5_000 ? 300 : 3), using: &random)
            feed(.appended(through: made))
        case 10..<30: deliverToCollector(loses: !isCalm)
        case 30..<50: deliverToAgent(loses: !isCalm)
        case 50..<60:
            if link == nil {
                connect()
            } else if outbox.isWaiting, isCalm || Bool.random(using: &random) {
                feed(.patienceOver)
            }
        case 60..<70: disconnect()
        case 70..<75: restartAgent()
        case 75..<80: restartCollector()
        default: connect()
        }
    }

    private mutating func feed(_ event: Outbox.Event) {
        for action in outbox.handle(event) {
            switch action {
            case .sendResume(let incarnation): link?.toCollector.append(.resume(incarnation: incarnation))
            case .sendBatch(let numbers):
                if numbers.upperBound > made { mistake = "report \(numbers.upperBound) was never made" }
                if numbers.count > Int(Outbox.batchLimit) { mistake = "a batch of \(numbers.count)" }
                let reports = numbers.map(report)
                link?.toCollector.append(.batch(reports))
            case .recordAcknowledged(let number):
                if number > UInt64(stored.count) { mistake = "\(number) is acknowledged, \(stored.count) are stored" }
                if number <= acknowledged { mistake = "\(number) is acknowledged again" }
                acknowledged = number
            case .journalIsBehind: mistake = "the journal is not behind"
            }
        }
    }

    private func report(_ number: UInt64) -> Report {
        Report(
            origin: ReportOrigin(agent: agent, incarnation: incarnation, sequence: number),
            trigger: ReportedTrigger(
                job: JobID(rawValue: 1), policy: PolicyName(rawValue: "p"), revision: 1, cause: .manual,
                scheduledStart: UnixTime(milliseconds: 0)), attempt: 1, stage: nil, status: .running,
            at: UnixTime(milliseconds: 0))
    }

    private mutating func connect() {
        guard link == nil else { return }
        link = Link()
        feed(.connected)
    }

    private mutating func disconnect() {
        guard link != nil else { return }
        link = nil
        feed(.lost)
    }

    private mutating func restartAgent() {
        link = nil
        outbox = Outbox(incarnation: incarnation, highest: made, acknowledged: acknowledged)
    }

    private mutating func restartCollector() {
        link = nil
        let source = Intake.Source(agent: agent, incarnation: incarnation)
        intake = Intake(stored: stored.isEmpty ? [:] : [source: UInt64(stored.count)])
        feed(.lost)
    }

    /// One message arrives, is lost, or arrives twice.
    private mutating func deliverToCollector(loses: Bool) {
        guard let message = link?.toCollector.first else { return }
        link?.toCollector.removeFirst()
        let luck = loses ? Int.random(in: 0..<10, using: &random) : 9
        if luck == 0 { return }
        if luck == 1 { link?.toCollector.append(message) }
        switch message {
        case .resume(let incarnation): acknowledge([Intake.Source(agent: agent, incarnation: incarnation)])
        case .batch(let reports):
            let verdict = intake.take(reports, from: agent)
            if luck == 2 { return intake.rollBack() }
            stored += verdict.new.map(\.origin.sequence)
            intake.commit()
            acknowledge(verdict.sources)
        }
    }

    private mutating func acknowledge(_ sources: Set<Intake.Source>) {
        let acks = sources.map(intake.acknowledgement)
        link?.toAgent += acks
    }

    private mutating func deliverToAgent(loses: Bool) {
        guard let ack = link?.toAgent.first else { return }
        link?.toAgent.removeFirst()
        if loses, Int.random(in: 0..<10, using: &random) == 0 { return }
        feed(.acknowledged(ack))
    }
}

@Suite struct SyncOutboxTests {
    @Test(arguments: 0..<60 as Range<UInt64>)
    func `every report is stored once, in order, and acknowledged in the end`(seed: UInt64) {
        var world = IntakeWorld(seed: seed)
        for _ in 0..<400 where world.mistake == nil { world.step(isCalm: false) }
        for _ in 0..<3_000 where world.mistake == nil && !world.isDone { world.step(isCalm: true) }
        #expect(world.mistake == nil, "seed \(seed)")
        #expect(world.isDone, "seed \(seed): \(world.stored.count) of \(world.made) stored")
        #expect(world.stored == Array(1...world.made), "seed \(seed)")
    }

    @Test func `no more than the window is on the way`() {
        var outbox = Outbox(incarnation: 1, highest: 10_000, acknowledged: 0)
        #expect(outbox.handle(.connected) == [.sendResume(incarnation: 1)])
        #expect(outbox.handle(.appended(through: 10_001)) == [], "nothing before the collector has said what it has")
        let sent = outbox.handle(.acknowledged(IntakeAck(incarnation: 1, through: 0)))
        #expect(sent == [.sendBatch(1...256), .sendBatch(257...512), .sendBatch(513...768), .sendBatch(769...1_024)])
        #expect(outbox.handle(.appended(through: 10_002)) == [])
        #expect(
            outbox.handle(.acknowledged(IntakeAck(incarnation: 1, through: 256)))
                == [.recordAcknowledged(through: 256), .sendBatch(1_025...1_280)])
        #expect(outbox.isWaiting)
        #expect(outbox.handle(.acknowledged(IntakeAck(incarnation: 2, through: 9_000))) == [], "another incarnation")
        #expect(
            outbox.handle(.acknowledged(IntakeAck(incarnation: 1, through: 10_003)))
                == [.journalIsBehind(collectorHas: 10_003)])
    }

    @Test func `a collector that was restored gets again what it lacks`() {
        var outbox = Outbox(incarnation: 1, highest: 100, acknowledged: 100)
        _ = outbox.handle(.connected)
        #expect(outbox.handle(.acknowledged(IntakeAck(incarnation: 1, through: 40))) == [.sendBatch(41...100)])
        #expect(outbox.acknowledged == 100)
    }
}
