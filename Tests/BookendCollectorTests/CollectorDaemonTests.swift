import BookendCollector
import BookendFiles
import BookendModel
import BookendTransport
import BookendWire
import Foundation
import Synchronization
import Testing

/// The collector over real sockets, with agents made of transport and wire.
@Suite(.serialized, .timeLimit(.minutes(5))) struct CollectorDaemonTests {
    private func frames(_ batch: IntakeBatch) -> [Frame] { [Wire.encode(.intake(.batch(batch)))] }

    @Test func `reports that are sent again after a broken connection count once`() async throws {
        try await RunningCollector.with { collector in
            var maker = ReportMaker("web-1")
            let reports = (1...20).flatMap { maker.job($0) }
            let first = try await collector.intake(as: "agent/web-1")
            first.send(frames(maker.batch(reports.prefix(70))), to: nil)
            await first.close()  // whether or not an acknowledgement is on its way

            let second = try await collector.intake(as: "agent/web-1")
            second.send(frames(maker.batch(reports)), to: nil)
            second.send(frames(maker.batch(reports)), to: nil)
            try await second.awaitAcknowledgement(through: 140)
            let summary = try await collector.ask(.fleet)
            guard case .fleet(let fleet) = summary else {
                Issue.record("\(summary)")
                return
            }
            #expect(fleet.reportsStored == 140)
            #expect(fleet.jobs == [.successful: 20])
        }
    }

    @Test func `a report that claims another agent is dropped, and the rest of the batch is stored`() async throws {
        try await RunningCollector.with { collector in
            var (own, other) = (ReportMaker("web-1"), ReportMaker("web-2"))
            let socket = try await collector.intake(as: "agent/web-1")
            let reports = other.job(9) + own.job(1)
            socket.send(frames(own.batch(reports)), to: nil)
            try await socket.awaitAcknowledgement(through: 7)
            #expect(try collector.store.jobs(JobFilter()).map(\.job.rawValue) == [1])
            #expect(try collector.store.positions().keys.map(\.agent.rawValue) == ["web-1"])
        }
    }

    @Test func `a batch behind a gap is answered by what is stored`() async throws {
        try await RunningCollector.with { collector in
            var maker = ReportMaker("web-1")
            let reports = maker.job(1)
            let socket = try await collector.intake(as: "agent/web-1")
            socket.send(frames(maker.batch(reports.suffix(3))), to: nil)
            for await deliveries in socket.deliveries {
                let frame = try #require(deliveries.first?.message?.frames.last)
                let epoch = try collector.store.epoch()
                #expect(
                    try Wire.decode(frame)
                        == .intakeAck(IntakeAck(incarnation: 7, through: 0, epoch: epoch, mustResume: true)))
                break
            }
        }
    }

    /// The first acknowledgement that comes.
    private func acknowledgement(_ socket: any MessageSocket) async throws -> IntakeAck {
        for await deliveries in socket.deliveries {
            for frame in deliveries.compactMap({ $0.message?.frames.last }) {
                if case .intakeAck(let ack) = try Wire.decode(frame) { return ack }
            }
        }
        throw CancellationError()
    }

    @Test func `a clone's reports under the same numbers are not taken, and the answer shows it`() async throws {
        try await RunningCollector.with { collector in
            var (one, two) = (ReportMaker("web-1"), ReportMaker("web-1"))
            let socket = try await collector.intake(as: "agent/web-1")
            let (first, second) = (one.job(1), two.job(1, backup: .failed) + two.job(2))
            socket.send(frames(one.batch(first)), to: nil)
            #expect(try await acknowledgement(socket).digest == one.digests[7])
            socket.send(frames(two.batch(second)), to: nil)
            let ack = try await acknowledgement(socket)
            #expect(ack.through == 7 && ack.mustResume && ack.digest == one.digests[7] && ack.digest != two.digests[7])
            #expect(try collector.store.jobs(JobFilter()).map(\.status) == [.successful])
        }
    }

    @Test func `a database that lost what it acknowledged renews its epoch, once`() async throws {
        try await RunningCollector.with { collector in
            let socket = try await collector.intake(as: "agent/web-1")
            func resume(_ acknowledged: UInt64, _ epoch: Int64) async throws -> IntakeAck {
                let resume = IntakeResume(incarnation: 7, acknowledged: acknowledged, epoch: epoch)
                socket.send([Wire.encode(.intake(.resume(resume)))], to: nil)
                return try await acknowledgement(socket)
            }
            let epoch = try collector.store.epoch()
            #expect(try await resume(0, epoch).epoch == epoch)
            #expect(try await resume(9, epoch &+ 1).epoch == epoch, "that was lost before this epoch began")
            let renewed = try await resume(9, epoch).epoch
            #expect(try renewed != epoch && renewed == collector.store.epoch())
            #expect(try await resume(9, renewed).epoch == renewed, "an agent cannot renew it at will")
        }
    }

    @Test func `a beacon says that its agent lives and what it does; any message says the former`() async throws {
        try await RunningCollector.with { collector in
            let socket = try await collector.intake(as: "agent/web-1")
            let (web, other) = (AgentID(rawValue: "web-1"), AgentID(rawValue: "web-2"))
            let resume = Wire.encode(.intake(.resume(IntakeResume(incarnation: 7, acknowledged: 0, epoch: 0))))
            socket.send([resume], to: nil)
            _ = try await acknowledgement(socket)
            let first = try #require(collector.lastHeard[web])
            #expect(first.activeJobs == nil && first.beaconAt == nil && collector.lastHeard[other] == nil)
            let job = ActiveJob(
                job: JobID(rawValue: 3), policy: PolicyName(rawValue: "p"), attempt: 1, stage: .backup)
            let beacon = IntakeBeacon(activeJobs: [job], wall: UnixTime(milliseconds: 0))
            socket.send([Wire.encode(.intake(.beacon(beacon)))], to: nil)
            socket.send([resume], to: nil)
            _ = try await acknowledgement(socket)
            let second = try #require(collector.lastHeard[web])
            #expect(second.activeJobs == [job] && second.at.boot >= first.at.boot)
            #expect(try second.at.boot >= #require(second.beaconAt).boot)
        }
    }

    @Test func `an agent that falls silent is lost, the feed says so, and its word puts it right`() async throws {
        try await RunningCollector.with(silence: .seconds(2)) { collector in
            let feed = try await collector.open(
                .subscriber(topics: [Array(Topic.feed.utf8)]), to: collector.configuration.localFeed)
            func published(_ isWanted: (FeedEntry) -> Bool) async throws -> FeedEntry {
                for await deliveries in feed.deliveries {
                    for frame in deliveries.compactMap({ $0.message?.frames.last }) {
                        if case .feedEntry(let entry) = try Wire.decode(frame), isWanted(entry) { return entry }
                    }
                }
                throw CancellationError()
            }
            var (one, two) = (ReportMaker("web-1"), ReportMaker("web-2"))
            let (silent, other) = (
                try await collector.intake(as: "agent/web-1"), try await collector.intake(as: "agent/web-2")
            )
            let (reports, theirs) = (one.job(1), two.job(2))
            silent.send(frames(one.batch(reports.prefix(4))), to: nil)
            other.send(frames(two.batch(theirs.prefix(4))), to: nil)
            let job = ActiveJob(job: JobID(rawValue: 2), policy: PolicyName(rawValue: "p"), attempt: 1, stage: .backup)
            let beacon = Wire.encode(.intake(.beacon(IntakeBeacon(activeJobs: [job], wall: UnixTime(milliseconds: 0)))))
            // One of them goes on to show that it lives, until the test is over.
            let beacons = Task {
                while !Task.isCancelled {
                    other.send([beacon], to: nil)
                    try? await Task.sleep(for: .milliseconds(100))  // Canceled: the condition sees it.
                }
            }
            defer { beacons.cancel() }
            let entry = try await published { $0.inference != nil }
            #expect(entry.inference?.agent == one.agent && entry.inference?.status == .agentLost)
            #expect(try collector.store.jobs(JobFilter()).map(\.status) == [.running, .agentLost])

            silent.send(frames(one.batch(reports.dropFirst(4))), to: nil)
            _ = try await published { $0.report?.endsJob ?? false }
            let after = try #require(try collector.store.jobs(JobFilter()).last)
            #expect(after.status == .successful && after.inferences.count == 1)
            #expect(after.inferences[0].correctedAt == reports[4].at)
            guard case .feed(let entries, _) = try await collector.ask(.feed(from: nil, limit: 1_000)) else {
                Issue.record("no feed")
                return
            }
            #expect(entries.compactMap(\.inference).map(\.status) == [.agentLost])
        }
    }

    @Test func `a job that its agent no longer has is lost, though the agent is heard, and is taken back with it`()
        async throws
    {
        try await RunningCollector.with(silence: .seconds(1)) { collector in
            var maker = ReportMaker("web-1")
            let socket = try await collector.intake(as: "agent/web-1")
            socket.send(frames(maker.batch(maker.job(1).prefix(4))), to: nil)
            let job = ActiveJob(job: JobID(rawValue: 1), policy: PolicyName(rawValue: "p"), attempt: 1, stage: .backup)
            /// Says again and again that these are active, until it is so.
            func beacons(_ jobs: [ActiveJob], until wanted: Status) async throws {
                let beacon = IntakeBeacon(activeJobs: jobs, wall: UnixTime(milliseconds: 0))
                while try collector.store.jobs(JobFilter()).map(\.status) != [wanted] {
                    socket.send([Wire.encode(.intake(.beacon(beacon)))], to: nil)
                    try await Task.sleep(for: .milliseconds(100))
                }
            }
            try await beacons([job], until: .running)
            try await beacons([], until: .agentLost)
            let lost = try #require(try collector.store.jobs(JobFilter()).last)
            #expect(lost.inferences.map(\.reason).first?.contains("is heard, and has not named the job") == true)
            try await beacons([job], until: .running)
        }
    }

    @Test func `while reports cannot be stored none is acknowledged, and it goes on when there is room`() async throws {
        let failing = Mutex<FailingStore?>(nil)
        try await RunningCollector.with(
            wrap: { store in
                let wrapped = FailingStore(store)
                failing.withLock { $0 = wrapped }
                return wrapped
            }
        ) { collector in
            let disk = try #require(failing.withLock { $0 })
            var failures = disk.failures.makeAsyncIterator()
            var maker = ReportMaker("web-1")
            let reports = maker.job(1) + maker.job(2)
            let socket = try await collector.intake(as: "agent/web-1")
            for _ in 1...3 {
                socket.send(frames(maker.batch(reports.prefix(7))), to: nil)
                _ = await failures.next()
            }
            let resume = IntakeResume(incarnation: 7, acknowledged: 0, epoch: 0)
            socket.send([Wire.encode(.intake(.resume(resume)))], to: nil)
            let ack = try await acknowledgement(socket)
            #expect(ack.through == 0 && ack.digest == nil)
            #expect(try collector.store.positions() == [:])
            disk.makeRoom()
            socket.send(frames(maker.batch(reports)), to: nil)
            try await socket.awaitAcknowledgement(through: 14)
            #expect(try collector.store.fleet(asOf: UnixTime(milliseconds: 0)).jobs == [.successful: 2])
        }
    }

    @Test func `a subscriber sees every cursor once and in order, and asking for them says the same`() async throws {
        try await RunningCollector.with { collector in
            let feed = try await collector.open(
                .subscriber(topics: [Array(Topic.feed.utf8), Topic.welcome]), to: collector.configuration.localFeed)
            var iterator = feed.deliveries.makeAsyncIterator()
            _ = await iterator.next()  // the welcome
            var maker = ReportMaker("web-1")
            let socket = try await collector.intake(as: "agent/web-1")
            // The welcome may overtake the subscription: reports are made until the first one comes through.
            var published: [FeedEntry] = []
            var stored = 0
            let first = maker.job(1)
            socket.send(frames(maker.batch(first)), to: nil)
            try await socket.awaitAcknowledgement(through: 7)
            for job in 2...30 {
                let reports = maker.job(Int64(job))
                socket.send(frames(maker.batch(reports)), to: nil)
            }
            stored = 210
            while published.last?.report.map({ $0.origin.sequence < UInt64(stored) }) ?? true {
                for delivery in try #require(await iterator.next()) {
                    guard let frame = delivery.message?.frames.last, case .feedEntry(let entry) = try Wire.decode(frame)
                    else {
                        continue
                    }
                    published.append(entry)
                }
            }
            #expect(published.count >= 203)
            guard case .feed(let entries, let head) = try await collector.ask(.feed(from: nil, limit: 1_000)) else {
                Issue.record("no feed")
                return
            }
            #expect(Array(entries.suffix(published.count)) == published)
            #expect(head == published.last?.cursor)
        }
    }

    @Test func `an agent may neither subscribe to the feed nor send what only clients send`() async throws {
        try await RunningCollector.with { collector in
            let feed = try await collector.open(
                .subscriber(topics: [Array(Topic.feed.utf8)]), to: collector.configuration.feed, as: "agent/web-2")
            let allowed = try await collector.open(
                .subscriber(topics: [Array(Topic.feed.utf8), Topic.welcome]), to: collector.configuration.feed,
                as: "operator/alice")
            var heard = allowed.deliveries.makeAsyncIterator()
            _ = await heard.next()
            var maker = ReportMaker("web-1")
            let socket = try await collector.intake(as: "agent/web-1")
            socket.send([Wire.encode(.query(request: 1, .fleet))], to: nil)
            var isHeard = false
            while !isHeard {
                let reports = maker.job(1)
                socket.send(frames(maker.batch(reports)), to: nil)
                try await socket.awaitAcknowledgement(through: maker.sequence)
                isHeard = allowed.statistics.received > 1
            }
            #expect(feed.statistics.received == 0)
        }
    }

    @Test func `rubbish on the query socket is answered by an error, and the collector lives`() async throws {
        try await RunningCollector.with { collector in
            let socket = try await collector.open(.dealer, to: collector.configuration.query)
            socket.send([Array("rubbish".utf8)], to: nil)
            for await batch in socket.deliveries {
                let frame = try #require(batch.first?.message?.frames.last)
                guard case .queryReply(_, .failed(let failure)) = try Wire.decode(frame) else {
                    Issue.record("no failure")
                    break
                }
                #expect(failure.code == .invalid)
                break
            }
            guard case .failed(let missing) = try await collector.ask(.job(JobID(rawValue: 5))) else {
                Issue.record("a job that is not there was found")
                return
            }
            #expect(missing.code == .notFound)
            guard case .feed(let entries, _) = try await collector.ask(.feedHead) else {
                Issue.record("an empty collector has a head too")
                return
            }
            #expect(entries.isEmpty)
        }
    }

    @Test func `queries are answered while reports pour in, and the rate of the intake is printed`() async throws {
        try await RunningCollector.with { collector in
            var maker = ReportMaker("web-1")
            let socket = try await collector.intake(as: "agent/web-1")
            let count = 20_000
            let start = ContinuousClock.now
            var slowest = Duration.zero
            try await withThrowingTaskGroup(of: Void.self) { group in
                let jobs = (1...(count / 7)).map { maker.job(Int64($0)) }
                let total = UInt64(jobs.count * 7)
                let made = maker
                group.addTask {
                    for chunk in stride(from: 0, to: jobs.count, by: 30) {
                        let reports = jobs[chunk..<min(jobs.count, chunk + 30)].flatMap { $0 }
                        while !socket.send(frames(made.batch(reports)), to: nil) { await Task.yield() }
                    }
                    try await socket.awaitAcknowledgement(through: total)
                }
                for _ in 0..<20 {
                    let asked = ContinuousClock.now
                    _ = try await collector.ask(.fleet)
                    slowest = max(slowest, .now - asked)
                }
                try await group.waitForAll()
            }
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            print(
                "intake: \(Int(Double(count) / seconds)) reports a second beside queries, the slowest of which took \(slowest)"
            )
            #expect(try collector.store.fleet(asOf: UnixTime(milliseconds: 0)).jobs == [.successful: count / 7])
        }
    }

    @Test func `a collector that is stopped has acknowledged everything that it stored`() async throws {
        try await RunningCollector.with { collector in
            var maker = ReportMaker("web-1")
            let socket = try await collector.intake(as: "agent/web-1")
            for chunk in 0..<200 {
                let reports = (1...10).flatMap { maker.job(Int64(chunk * 10 + $0)) }
                socket.send(frames(maker.batch(reports)), to: nil)
            }
            // In the middle of it.
            var highest: UInt64 = 0
            var iterator = socket.deliveries.makeAsyncIterator()
            func take(_ deliveries: [Delivery]) throws {
                for frame in deliveries.compactMap({ $0.message?.frames.last }) {
                    guard case .intakeAck(let ack) = try Wire.decode(frame) else { continue }
                    highest = max(highest, ack.through)
                }
            }
            try take(try #require(await iterator.next()))
            await collector.stop()
            for await event in socket.connectionEvents { if case .lost = event { break } }
            await socket.close()
            while let rest = await iterator.next() { try take(rest) }
            #expect(highest > 0)
            let stored = try collector.store.positions().values.map(\.through)
            #expect(stored == [highest])
        }
    }

    @Test func `an agent that asks is refused, and told so`() async throws {
        try await RunningCollector.with(queryOverTCP: true) { collector in
            let socket = try await collector.open(.dealer, to: collector.configuration.query, as: "agent/web-1")
            socket.send([Wire.encode(.query(request: 8, .fleet))], to: nil)
            var iterator = socket.deliveries.makeAsyncIterator()
            let frame = try #require(await iterator.next()?.first?.message?.frames.last)
            guard case .queryReply(8, .failed(let failure)) = try Wire.decode(frame) else {
                Issue.record("the agent was answered")
                return
            }
            #expect(failure.code == .refused)
        }
    }

    @Test func `a thousand jobs with much to say come in pages that fit a frame`() async throws {
        try await RunningCollector.with { collector in
            var maker = ReportMaker("web-1")
            let reports = (1...1_000).map { number in
                var report = maker.report(job: Int64(number), .failed)
                report.details.reason = String(repeating: "x", count: 4_000)
                return report
            }
            _ = try collector.store.store(reports)
            var (found, pages) = ([Int64](), 0)
            var filter = JobFilter()
            filter.limit = 1_000
            while true {
                guard case .jobs(let page) = try await collector.ask(.jobs(filter)) else {
                    Issue.record("no jobs")
                    return
                }
                guard let last = page.last else { break }
                found += page.map(\.job.rawValue)
                filter.before = last.job
                pages += 1
            }
            #expect(found == (1...1_000).reversed())
            #expect(pages == 4)
        }
    }
}
