import BookendAgent
import BookendModel
import BookendTestSupport
import BookendTransport
import BookendWire
import Logging
import Testing

/// What goes over the wire to a collector.
@Suite(.timeLimit(.minutes(5))) struct CollectorLinkTests {
    /// A report near the limits of what is kept of one: 24 KiB.
    private func longReport(_ number: Int) -> JournalEntry {
        var details = ReportDetails()
        details.reason = String(repeating: "r", count: 4_096)
        details.errors = Array(repeating: String(repeating: "e", count: 512), count: 20)
        details.leftProcesses = Array(repeating: String(repeating: "p", count: 512), count: 20)
        return .report(attempt: number, stage: .backup, status: .failed, at: .at(2), details: details)
    }

    /// A link, the socket of its collector, and the hosts to stop, the agent's first.
    private func connect(
        _ journal: MemoryJournal, _ clock: TestClock
    ) async throws -> (CollectorLink, any MessageSocket, [InMemoryHost]) {
        let network = InMemoryNetwork()
        let server = network.host(PeerIdentity("collector/main"))
        let agent = network.host(PeerIdentity("agent/a"))
        let endpoint = try Endpoint("ipc:///collector")
        let collector = try await server.open(SocketPlan(.router, endpoint, .local))
        let link = CollectorLink(
            name: "main", socket: try await agent.open(SocketPlan(.dealer, endpoint, .local)),
            server: KnownServers().server(try CurveKeyPair.generate().publicKey), journal: journal,
            contents: try journal.load(), clock: clock, logger: Logger(label: "test"))
        return (link, collector, [agent, server])
    }

    @Test func `long reports go in batches that a collector takes, every one of them and in order`() async throws {
        let journal = MemoryJournal(agent: agentID)
        let count = 300
        for number in 1...count {
            _ = try journal.record([longReport(number)], of: ReportedTrigger(.sample(1)))
        }
        let contents = try journal.load()
        let (link, collector, hosts) = try await connect(journal, TestClock())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await link.run(beaconEvery: .seconds(3_600)) { [] } }
            var through: UInt64 = 0
            var batches = 0
            receiving: for await deliveries in collector.deliveries {
                for delivery in deliveries {
                    guard let message = delivery.message, let frame = message.frames.last,
                        case .intake(let intake) = try Wire.decode(frame)
                    else { continue }
                    if case .batch(let batch) = intake {
                        #expect(frame.count <= 1 << 20, "the limit of the collector's socket is not far")
                        #expect(batch.reports.first?.origin.sequence == through + 1)
                        let before = try journal.digest(of: through)
                        #expect(batch.after == before)
                        through += UInt64(batch.reports.count)
                        #expect(batch.reports.last?.origin.sequence == through)
                        batches += 1
                    }
                    guard through < count else { break receiving }
                    if case .beacon = intake { continue }
                    let ack = IntakeAck(
                        incarnation: contents.incarnation, through: through, digest: try journal.digest(of: through),
                        epoch: 1)
                    collector.send([Wire.encode(.intakeAck(ack))], to: delivery.route)
                }
            }
            #expect(through == UInt64(count) && batches >= 8, "\(batches)")
            for host in hosts { await host.stop() }
            try await group.waitForAll()
        }
    }

    @Test func `an acknowledgement that a full disk did not take is recorded with a later sign of life`() async throws {
        let journal = MemoryJournal(agent: agentID)
        _ = try journal.record([longReport(1)], of: ReportedTrigger(.sample(1)))
        let contents = try journal.load()
        let clock = TestClock()
        let (link, collector, hosts) = try await connect(journal, clock)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await link.run(beaconEvery: .seconds(60)) { [] } }
            receiving: for await deliveries in collector.deliveries {
                for delivery in deliveries {
                    guard let frame = delivery.message?.frames.last, case .intake(let intake) = try Wire.decode(frame)
                    else { continue }
                    if case .beacon = intake { continue }
                    var through: UInt64 = 0
                    if case .batch = intake {
                        through = 1
                        journal.failWrites("no space")
                    }
                    let ack = IntakeAck(
                        incarnation: contents.incarnation, through: through, digest: try journal.digest(of: through),
                        epoch: 1)
                    collector.send([Wire.encode(.intakeAck(ack))], to: delivery.route)
                    if through == 1 { break receiving }
                }
            }
            try await eventually("the agent heard the acknowledgement") { link.depth == 0 }
            journal.failWrites(nil)
            #expect(try journal.load().stream(for: "main").acknowledged == 0)
            clock.advance(by: .seconds(61))
            try await eventually("the journal knows") { try journal.load().stream(for: "main").acknowledged == 1 }
            for host in hosts { await host.stop() }
            try await group.waitForAll()
        }
    }
}
