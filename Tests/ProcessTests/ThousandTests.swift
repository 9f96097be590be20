import BookendModel
import BookendTransport
import BookendWire
import Foundation
import Testing

/// A thousand agents, each with a key and a connection of its own, whose backups fail alike; the real collector, which is
/// killed in the middle; a real mail server.
@Suite(.serialized, .timeLimit(.minutes(60))) struct ThousandTests {
    private static let agents = 1_000
    /// Sockets of one thread are limited.
    private static let perThread = 250
    private static let atOnce = 40

    @Test func `a thousand agents that fail alike are one mail with a list, and one more when they recover`()
        async throws
    {
        let folder = SafePlace.checkout + "/.build/thousand-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }  // a temporary directory
        let server = try await MailServer.start(.plain, in: folder)
        let channels = """
            alerts: {quiet: 30s, longest: 1h, agent_offline_after: never}
            channels:
              - {name: ops, type: mail, server: "127.0.0.1:\(server.port)", encryption: none,
                 from: bookend@example.org, to: [ops@example.org]}
            """
        try await RealFleet.with("thousand", agents: 1, collector: channels, feed: .ends, machine: .alone) { fleet in
            var herd = try enroll(fleet)
            // It reads its keys when it starts.
            await fleet.daemon("collector").stop()
            try await fleet.startCollector()

            try await report(&herd, .failed, fleet, killing: true)
            let first = try await server.mail(0)
            let subject = first["headers"]["Subject"].text
            #expect(subject == "[Bookend] CRITICAL: backup failed (nightly): 1000 agents")
            let body = first["body"].text ?? ""
            #expect(body.contains("1 failed: no space left on the repository\n"), "\(body)")
            #expect(body.contains("  1000 agents: w0001 to w1000\n"), "\(body)")
            #expect(body.split(separator: "\n").count < 20 && first["longest"].int ?? 99 <= 78, "\(body)")

            try await report(&herd, .successful, fleet, killing: true)
            let second = try await server.mail(1)
            #expect(second["headers"]["Subject"].text == "[Bookend] Resolved: backup failed (nightly): 1000 agents")
            #expect(second["headers"]["In-Reply-To"] == first["headers"]["Message-ID"])
            #expect(try await fleet.json("alerts")["alerts"].list.isEmpty)
            #expect(try await fleet.json("alerts", "messages")["total"].int == 0)
            #expect(server.count == 2)
            for network in Set(herd.map { ObjectIdentifier($0.network) }).compactMap({ id in
                herd.first { ObjectIdentifier($0.network) == id }?.network
            }) { await network.stop() }
        }
        await server.program.stop(SIGKILL)
    }

    private func enroll(_ fleet: RealFleet) throws -> [Reporter] {
        let collector = try CurveKeyPair.read(secretFile: fleet.layout.directory + "/collector.key").publicKey
        let intake = try Endpoint("tcp://127.0.0.1:\(fleet.layout.ports.intake)")
        var lines = try String(contentsOfFile: fleet.layout.directory + "/keys", encoding: .utf8)
        var herd: [Reporter] = []
        var network = try SocketThread()
        for number in 1...Self.agents {
            if number % Self.perThread == 0 { network = try SocketThread() }
            let name = "w" + String("000\(number)".suffix(4))
            let keys = try CurveKeyPair.generate()
            lines += "\(keys.publicKey.text) agent/\(name)\n"
            herd.append(
                Reporter(
                    agent: AgentID(rawValue: name), number: Int64(number), network: network,
                    plan: SocketPlan(
                        .dealer, intake, .curveClient(ClientKeys(keys), server: collector),
                        retry: Backoff(first: .milliseconds(50), limit: .seconds(1)))))
        }
        try fleet.layout.write(lines, to: fleet.layout.directory + "/keys")
        return herd
    }

    /// A job of each, some at a time; half of them are through when the collector is killed.
    private func report(_ herd: inout [Reporter], _ backup: Status, _ fleet: RealFleet, killing: Bool) async throws {
        let half = herd.count / 2
        for range in [0..<half, half..<herd.count] {
            var rest = range.makeIterator()
            let waiting = herd
            let done = try await withThrowingTaskGroup(of: (Int, Reporter).self) { group in
                var done: [(Int, Reporter)] = []
                func add() {
                    guard let index = rest.next() else { return }
                    group.addTask {
                        var reporter = waiting[index]
                        try await reporter.tell(backup)
                        return (index, reporter)
                    }
                }
                for _ in 0..<Self.atOnce { add() }
                while let next = try await group.next() {
                    done.append(next)
                    add()
                    if killing, range.lowerBound > 0, done.count == half / 2 {
                        await fleet.daemon("collector").stop(SIGKILL)
                        try await fleet.startCollector()
                    }
                }
                return done
            }
            for (index, reporter) in done { herd[index] = reporter }
        }
    }
}

/// An agent as far as the collector sees it.
private struct Reporter: Sendable {
    let agent: AgentID
    let number: Int64
    let network: SocketThread
    let plan: SocketPlan
    private var sequence: UInt64 = 0
    private var digest = ReportDigest(rawValue: 99)

    init(agent: AgentID, number: Int64, network: SocketThread, plan: SocketPlan) {
        (self.agent, self.number, self.network, self.plan) = (agent, number, network, plan)
    }

    /// Tells of a job that ended so, until it is acknowledged.
    mutating func tell(_ backup: Status) async throws {
        let after = digest
        let batch = IntakeBatch(incarnation: 7, after: after, reports: job(backup))
        let socket = try await network.open(plan)
        let through = sequence
        let resume = IntakeResume(incarnation: 7, acknowledged: through - 6, epoch: 0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                // What was sent into a connection that broke is lost: once more, as an agent does.
                while !Task.isCancelled {
                    socket.send([Wire.encode(.intake(.resume(resume)))], to: nil)
                    socket.send([Wire.encode(.intake(.batch(batch)))], to: nil)
                    try await Task.sleep(for: .seconds(2))
                }
            }
            group.addTask {
                for await deliveries in socket.deliveries {
                    for frame in deliveries.compactMap(\.message?.frames.last) {
                        if case .intakeAck(let ack) = try Wire.decode(frame), ack.through >= through { return }
                    }
                }
                throw Missed(description: "the connection ended before \(through) was acknowledged")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
        await socket.close()
    }

    private mutating func job(_ backup: Status) -> [Report] {
        let job = Int64(sequence) * 1_000 + number
        return [
            report(job, .running), report(job, stage: .preScript, .successful), report(job, stage: .backup, .running),
            report(job, stage: .backup, backup), report(job, stage: .postScript, .successful), report(job, backup),
        ]
    }

    private mutating func report(_ job: Int64, stage: Stage? = nil, _ status: Status) -> Report {
        sequence += 1
        let now = UnixTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000))
        var report = Report(
            origin: ReportOrigin(agent: agent, incarnation: 7, sequence: sequence),
            trigger: ReportedTrigger(
                job: JobID(rawValue: job), policy: PolicyName(rawValue: "nightly"), revision: 1, cause: .schedule,
                scheduledStart: now),
            attempt: 1, stage: stage, status: status, at: now)
        if status == .failed {
            report.details.reason = "no space left on the repository"
            if stage == nil { report.details.alerts = [.backupFailed] }
        }
        digest = digest.followed(by: report)
        return report
    }
}
