import BookendFiles
import BookendModel
import BookendTestSupport
import BookendTransport
import BookendWire
import Testing

@testable import BookendCollector

/// The table of what each role may ask, over real sockets with CURVE; and agents that speak in another's name.
@Suite(.serialized, .timeLimit(.minutes(5))) struct RoleTests {
    private static let queries: [Query] = [
        .jobs(JobFilter()), .job(JobID(rawValue: 4_711)), .fleet, .feed(from: nil, limit: 1), .feedHead,
        .auditAnchors(after: 0, limit: 1), .alerts(AlertFilter()), .alert(7), .silences,
        .acknowledgeAlert(7, note: ""), .resolveAlert(7, reason: "why"), .endSilence(7), .testChannels(nil),
        .serverKey(.show),
        .serverKey(.use(isForced: true)),
        .silenceAlerts(AlertSilence(until: UnixTime(milliseconds: 9), reason: "why")), .messages(channel: nil),
        .resendMessages(.ids([7])), .discardMessages(.ids([7])),
        .backupAges(since: UnixTime(milliseconds: 0)),
    ]

    @Test func `each query is answered or refused as the table says`() async throws {
        try await RunningCollector.with(queryOverTCP: true) { collector in
            let peers: [(String, Standing)] = [
                ("operator/alice", .admin), ("operator/otto", .operator), ("operator/vera", .viewer),
                ("operator/nobody", .viewer), ("subscriber/board", .subscriber), ("collector/other", .nobody),
                ("agent/web-1", .nobody),
            ]
            var refused = 0
            for (name, standing) in peers {
                let replies = try await collector.ask(Self.queries, as: name)
                for (query, reply) in zip(Self.queries, replies) {
                    let isRefused = reply == .failed(query.deed.refusal(of: name, as: standing))
                    #expect(isRefused == (standing < query.deed.rule.least), "\(name) \(query): \(reply)")
                    refused += isRefused ? 1 : 0
                }
            }
            // Two who are nobody, a subscriber that asks for the audit log and for alerts, two viewers who change them; and all
            // but the admin who change a key.
            #expect(refused == 71)
            // The first of each kind is told at once: jobs and one job are the same kind, as are the feed and its head.
            #expect(collector.log.all(with: "something was refused").count == 51)
        }
    }

    private func frames(_ batch: IntakeBatch) -> [Frame] { [Wire.encode(.intake(.batch(batch)))] }

    @Test func `reports and progress that claim another agent are dropped, counted and told`() async throws {
        try await RunningCollector.with { collector in
            var (own, other) = (ReportMaker("web-1"), ReportMaker("web-2"))
            let feed = try await collector.open(
                .subscriber(topics: [Array(Topic.progress.utf8), Topic.welcome]), to: collector.configuration.feed,
                as: "subscriber/board")
            var heard = feed.deliveries.makeAsyncIterator()
            _ = await heard.next()
            let socket = try await collector.intake(as: "agent/web-1")
            for _ in 1...10 {
                socket.send(frames(other.batch(other.job(9))), to: nil)
                socket.send([Wire.encode(.progress(progress("web-2")))], to: nil)
            }
            socket.send(frames(own.batch(own.job(1))), to: nil)
            socket.send([Wire.encode(.progress(progress("web-1")))], to: nil)
            try await socket.awaitAcknowledgement(through: 7)
            #expect(try collector.store.jobs(JobFilter()).map(\.agent.rawValue) == ["web-1"])
            let frame = try #require(await heard.next()?.first?.message?.frames.last)
            #expect(try Wire.decode(frame) == .progress(progress("web-1")))
            for what in ["report", "progress"] {
                let lines = collector.log.all(with: "what=\(what) who=agent/web-1")
                #expect(lines.count == 1)
                #expect(lines.first?.contains("from=127.0.0.1") == true)
                #expect(lines.first?.contains("target=agent web-2") == true)
            }
        }
    }

    @Test func `a sign of life counts for the agent of its key, whatever jobs it names`() async throws {
        try await RunningCollector.with { collector in
            let socket = try await collector.intake(as: "agent/web-1")
            let stolen = ActiveJob(
                job: JobID(rawValue: 9), policy: PolicyName(rawValue: "nightly"), attempt: 1, stage: .backup)
            socket.send(
                [Wire.encode(.intake(.beacon(IntakeBeacon(activeJobs: [stolen], wall: UnixTime(milliseconds: 0)))))],
                to: nil)
            while collector.lastHeard[AgentID(rawValue: "web-1")]?.activeJobs != [stolen] { await Task.yield() }
            #expect(collector.lastHeard[AgentID(rawValue: "web-2")] == nil)
        }
    }

    @Test func `whoever is no agent reports nothing`() async throws {
        try await RunningCollector.with { collector in
            var maker = ReportMaker("alice")
            let intruder = try await collector.open(
                .dealer, to: collector.configuration.intake, as: "operator/alice")
            intruder.send(frames(maker.batch(maker.job(9))), to: nil)
            var own = ReportMaker("web-1")
            let socket = try await collector.intake(as: "agent/web-1")
            socket.send(frames(own.batch(own.job(1))), to: nil)
            try await socket.awaitAcknowledgement(through: 7)
            while collector.log.all(with: "what=message who=operator/alice").isEmpty { await Task.yield() }
            #expect(try collector.store.jobs(JobFilter()).map(\.job.rawValue) == [1])
        }
    }

    private func progress(_ agent: String) -> Progress {
        Progress(
            job: JobID(rawValue: 9), agent: AgentID(rawValue: agent), policy: PolicyName(rawValue: "nightly"),
            attempt: 1, stage: .backup, bytesDone: 1, bytesTotal: 2, filesDone: 1, filesTotal: 2,
            at: UnixTime(milliseconds: 1))
    }
}
