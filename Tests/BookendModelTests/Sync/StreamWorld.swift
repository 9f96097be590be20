import BookendModel

/// What an agent's disk holds: copied, it is a snapshot of the machine, or a clone of it.
struct JournalDisk {
    var reports: [UInt64: (report: Report, digest: ReportDigest)] = [:]
    var highest: UInt64 = 0
    var pruned: UInt64 = 0
    var prunedDigest = ReportDigest(rawValue: 77)
    var stream = ReportStream(incarnation: 7)

    func digest(at number: UInt64) -> ReportDigest? {
        number == pruned ? prunedDigest : reports[number]?.digest
    }

    mutating func append(_ report: Report) {
        let digest = digest(at: highest)!.followed(by: report)
        highest += 1
        reports[highest] = (report, digest)
    }

    /// Acknowledged reports that are old go, except the newest.
    mutating func prune(through: UInt64) {
        let through = min(through, stream.acknowledged, highest == 0 ? 0 : highest - 1)
        guard through > pruned else { return }
        prunedDigest = digest(at: through)!
        for number in pruned + 1...through { reports[number] = nil }
        pruned = through
    }
}

/// What a collector's disk holds: copied, it is a backup.
struct CollectorDisk {
    var positions: [Intake.Source: Intake.Position] = [:]
    /// Each report that was folded, and how often.
    var folded: [String: Int] = [:]
    var known: Set<ReportDigest> = []
    var epoch: Int64 = 1

    mutating func store(_ reports: [AcceptedReport], from agent: AgentID) {
        for accepted in reports {
            let origin = accepted.report.origin
            positions[Intake.Source(agent: agent, incarnation: origin.incarnation)] = Intake.Position(
                through: origin.sequence, digest: accepted.digest)
            if known.insert(accepted.digest).inserted { folded[accepted.report.details.reason, default: 0] += 1 }
        }
    }
}

/// Agents of one identity (more than one: clones), one collector, and wires between them that lose, double and break.
struct StreamWorld {
    /// A running agent.
    private struct Machine {
        var disk: JournalDisk
        var outbox: Outbox
        /// The disk at times that it may go back to.
        var snapshots: [JournalDisk] = []
        var link: Link?

        init(disk: JournalDisk) {
            self.disk = disk
            outbox = Outbox(stream: disk.stream, highest: disk.highest, pruned: disk.pruned)
        }
    }

    private struct Link {
        var toCollector: [IntakeMessage] = []
        var toAgent: [IntakeAck] = []
    }

    private static let agent = AgentID(rawValue: "a")

    private var random: SeededGenerator
    private var machines = [Machine(disk: JournalDisk())]
    private var collector = CollectorDisk()
    private var backups: [CollectorDisk] = []
    private var intake = Intake(stored: [:])
    private var made = 0
    private(set) var mistakes: [String] = []
    /// What struck, by its name.
    private(set) var struck: [String: Int] = [:]

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    var agents: Int { machines.count }
    var epoch: Int64 { collector.epoch }

    // MARK: What may happen

    mutating func make(_ count: Int = 1, on place: Int = 0) {
        for _ in 0..<count {
            made += 1
            machines[place].disk.append(Self.report("r\(made)", at: made))
        }
        feed(.appended(through: machines[place].disk.highest), place)
    }

    mutating func connect(_ place: Int = 0) {
        guard machines[place].link == nil else { return }
        machines[place].link = Link()
        feed(.connected, place)
    }

    mutating func disconnect(_ place: Int = 0) {
        guard machines[place].link != nil else { return }
        machines[place].link = nil
        feed(.lost, place)
    }

    mutating func restart(_ place: Int = 0) {
        let snapshots = machines[place].snapshots
        machines[place] = Machine(disk: machines[place].disk)
        machines[place].snapshots = snapshots
    }

    mutating func snapshot(_ place: Int = 0) { machines[place].snapshots.append(machines[place].disk) }

    /// The machine goes back to one of its snapshots.
    mutating func goBack(_ place: Int = 0) {
        guard let disk = machines[place].snapshots.randomElement(using: &random) else { return }
        count("agent went back")
        machines[place].disk = disk
        restart(place)
    }

    /// One more machine with the same key, from a snapshot or from the disk as it is.
    mutating func clone(_ place: Int = 0) {
        guard machines.count < 3 else { return }
        count("agent cloned")
        machines.append(Machine(disk: machines[place].snapshots.randomElement(using: &random) ?? machines[place].disk))
    }

    mutating func prune(_ place: Int = 0) {
        let disk = machines[place].disk
        machines[place].disk.prune(through: UInt64.random(in: 0...disk.highest, using: &random))
        feed(.pruned(through: machines[place].disk.pruned), place)
    }

    mutating func backUp() { backups.append(collector) }

    /// The collector's database goes back to a backup; `renewing`: by the command that renews the epoch.
    mutating func restoreCollector(renewing: Bool) {
        guard let backup = backups.randomElement(using: &random) else { return }
        count(renewing ? "collector restored" : "collector copied back")
        let epoch = collector.epoch
        collector = backup
        if renewing { collector.epoch = epoch + 1_000 }
        restartCollector()
    }

    mutating func restartCollector() {
        intake = Intake(stored: collector.positions)
        for place in machines.indices { disconnect(place) }
    }

    mutating func beImpatient(_ place: Int = 0) {
        if machines[place].outbox.isWaiting { feed(.patienceOver, place) }
    }

    // MARK: What happens of it

    private mutating func feed(_ event: Outbox.Event, _ place: Int) {
        for action in machines[place].outbox.handle(event) {
            switch action {
            case .sendResume(let resume): machines[place].link?.toCollector.append(.resume(resume))
            case .sendBatch(let numbers): send(numbers, place)
            case .recordAcknowledged(let stream): machines[place].disk.stream = stream
            case .sendAgain: count("sent again")
            case .beginStream(let base, let reason):
                count(Self.name(reason))
                let disk = machines[place].disk
                let stream = disk.stream.renewed(base: base, newest: disk.digest(at: disk.highest)!)
                machines[place].disk.stream = stream
                feed(.began(stream), place)
            }
        }
    }

    private mutating func send(_ numbers: ClosedRange<UInt64>, _ place: Int) {
        let disk = machines[place].disk
        var reports: [Report] = []
        for number in numbers {
            guard var report = disk.reports[number]?.report else { return mistakes.append("\(number) is not kept") }
            report.origin = ReportOrigin(
                agent: Self.agent, incarnation: disk.stream.incarnation, sequence: disk.stream.sequence(of: number))
            reports.append(report)
        }
        if numbers.count > Int(Outbox.batchLimit) { mistakes.append("a batch of \(numbers.count)") }
        let batch = IntakeBatch(
            incarnation: disk.stream.incarnation, after: disk.digest(at: numbers.lowerBound - 1)!, reports: reports)
        machines[place].link?.toCollector.append(.batch(batch))
    }

    /// One message arrives, is lost, or arrives twice.
    mutating func deliverToCollector(_ place: Int = 0, loses: Bool = false) {
        guard let message = machines[place].link?.toCollector.first else { return }
        machines[place].link?.toCollector.removeFirst()
        let luck = loses ? Int.random(in: 0..<10, using: &random) : 9
        if luck == 0 { return }
        if luck == 1 { machines[place].link?.toCollector.append(message) }
        switch message {
        case .beacon: break
        case .resume(let resume):
            let source = Intake.Source(agent: Self.agent, incarnation: resume.incarnation)
            if intake.isBehind(resume, of: source, epoch: collector.epoch) {
                count("epoch renewed")
                collector.epoch = Int64.random(in: 1_000_000 ... .max, using: &random)
            }
            machines[place].link?.toAgent.append(intake.acknowledgement(for: source, epoch: collector.epoch))
        case .batch(let batch):
            let verdict = intake.take(batch, from: Self.agent)
            if luck == 2 { return intake.rollBack() }
            collector.store(verdict.new, from: Self.agent)
            intake.commit()
            machines[place].link?.toAgent.append(
                intake.acknowledgement(for: verdict.source, epoch: collector.epoch, mustResume: verdict.mustResume))
        }
    }

    mutating func deliverToAgent(_ place: Int = 0, loses: Bool = false) {
        guard let ack = machines[place].link?.toAgent.first else { return }
        machines[place].link?.toAgent.removeFirst()
        if loses, Int.random(in: 0..<10, using: &random) == 0 { return }
        let disk = machines[place].disk
        feed(.acknowledged(ack, own: disk.digest(at: disk.stream.number(of: ack.through))), place)
    }

    /// Everything that is on its way arrives, until nothing happens any more.
    mutating func settle() {
        for place in machines.indices { connect(place) }
        var rounds = 0
        while !isSettled, rounds < 20_000 {
            rounds += 1
            for place in machines.indices {
                connect(place)
                deliverToCollector(place)
                deliverToAgent(place)
                let link = machines[place].link
                if link?.toCollector.isEmpty == true, link?.toAgent.isEmpty == true { beImpatient(place) }
            }
        }
        if !isSettled { mistakes.append("it never came to rest") }
    }

    private var isSettled: Bool {
        machines.allSatisfy {
            $0.outbox.depth == 0 && !$0.outbox.isWaiting && $0.link?.toAgent.isEmpty == true
                && $0.link?.toCollector.isEmpty == true
        }
    }

    /// Each report that a living agent keeps is folded once, and none ever twice.
    func verdict() -> [String] {
        var faults = mistakes
        for (name, times) in collector.folded where times != 1 { faults.append("\(name) was folded \(times) times") }
        for (place, machine) in machines.enumerated() {
            let missing = machine.disk.reports.values.map(\.report.details.reason).filter {
                collector.folded[$0] == nil
            }
            if !missing.isEmpty { faults.append("agent \(place): \(missing.sorted()) are not folded") }
        }
        return faults
    }

    /// One random thing happens.
    mutating func step() {
        let place = Int.random(in: 0..<machines.count, using: &random)
        switch Int.random(in: 0..<200, using: &random) {
        case 0..<30: make(Int.random(in: 1...(made < 2_000 ? 40 : 2), using: &random), on: place)
        case 30..<80: deliverToCollector(place, loses: true)
        case 80..<130: deliverToAgent(place, loses: true)
        case 130..<150: connect(place)
        case 150..<160: disconnect(place)
        case 160..<165: beImpatient(place)
        case 165..<170: restart(place)
        case 170..<176: snapshot(place)
        case 176..<181: goBack(place)
        case 181..<183: clone(place)
        case 183..<188: prune(place)
        case 188..<192: backUp()
        case 192..<195: restoreCollector(renewing: Bool.random(using: &random))
        default: restartCollector()
        }
    }

    private mutating func count(_ fault: String) { struck[fault, default: 0] += 1 }

    private static func name(_ reason: StreamBreak) -> String {
        switch reason {
        case .journalIsBehind: "journal is behind"
        case .diverged: "diverged"
        case .lostByCollector: "lost by collector"
        case .olderThanCollector: "older than collector"
        }
    }

    private static func report(_ name: String, at time: Int) -> Report {
        var details = ReportDetails()
        details.reason = name
        return Report(
            origin: ReportOrigin(agent: agent, incarnation: 0, sequence: 1),
            trigger: ReportedTrigger(
                job: JobID(rawValue: 1), policy: PolicyName(rawValue: "p"), revision: 1, cause: .manual,
                scheduledStart: UnixTime(milliseconds: 0)), attempt: 1, stage: nil, status: .running,
            at: UnixTime(milliseconds: Int64(time)), details: details)
    }
}
