package import BookendDaemon
package import BookendModel
package import BookendTransport
import BookendWire
package import Logging
import Synchronization

/// The agent's side of the intake of one collector: carries out what ``Outbox`` decides.
package final class CollectorLink: Sendable {
    private struct State {
        var outbox: Outbox
        /// When an acknowledgement is overdue.
        var patience: StopOrder?
    }

    /// How long sent reports may go without an acknowledgement before they count as lost.
    private static let patience = Duration.seconds(15)
    /// Bytes of one batch of several reports, encoded: far below where a collector cuts the connection off.
    private static let batchBytes = 1 << 20

    private let name: String
    private let socket: any MessageSocket
    private let server: KnownServer
    private let journal: any Journal
    private let clock: any DaemonClock
    private let logger: Logger
    private let state: Mutex<State>
    /// What the journal grew to. Jobs tell it from several tasks, in any order: the highest counts.
    private let highest: Mutex<UInt64>
    /// The journal does not know what the collector acknowledged last: its disk was full.
    private let isJournalBehind = Mutex(false)
    private let appends: AsyncStream<Void>
    private let appender: AsyncStream<Void>.Continuation

    /// - Parameters:
    ///   - name: What the journal keeps this collector's acknowledgements under: its public key as it is configured,
    ///     whatever key it has now.
    ///   - server: By which keys the collector is known.
    package init(
        name: String, socket: any MessageSocket, server: KnownServer, journal: any Journal, contents: JournalContents,
        clock: any DaemonClock, logger: Logger
    ) {
        self.name = name
        self.socket = socket
        self.server = server
        self.journal = journal
        self.clock = clock
        self.logger = logger
        state = Mutex(
            State(
                outbox: Outbox(
                    stream: contents.stream(for: name), highest: contents.highestReport, pruned: contents.prunedReport))
        )
        highest = Mutex(contents.highestReport)
        (appends, appender) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Reports that this collector has not acknowledged.
    package var depth: UInt64 {
        let highest = self.highest.withLock { $0 }
        return state.withLock { max(highest, $0.outbox.highest) - $0.outbox.stream.acknowledged }
    }

    /// The journal holds reports up to this number. Never waits.
    package func appended(through number: UInt64) {
        highest.withLock { $0 = max($0, number) }
        appender.yield()
    }

    /// The journal removed reports up to this number.
    package func pruned(through number: UInt64) {
        state.withLock { state in
            _ = state.outbox.handle(.pruned(through: number))  // It leads to nothing.
        }
    }

    /// Sends the latest progress; nothing is kept of it when the collector is away.
    package func send(_ progress: Progress) {
        guard socket.statistics.isConnected else { return }
        socket.send([Wire.encode(.progress(progress))], to: nil)
    }

    /// Serves the socket until it closes.
    ///
    /// - Parameters:
    ///   - interval: Between two signs of life.
    ///   - activeJobs: What they name.
    package func run(beaconEvery interval: Duration, activeJobs: @escaping @Sendable () async -> [ActiveJob]) async {
        await withDiscardingTaskGroup { group in
            let (timers, timer) = AsyncStream.makeStream(of: StopOrder.self, bufferingPolicy: .bufferingNewest(1))
            let closed = StopOrder()
            group.addTask {
                for await event in self.socket.connectionEvents {
                    switch event {
                    case .connected:
                        self.logger.info("connected to the collector", metadata: ["collector": "\(self.name)"])
                        self.noteServerKey()
                        self.handle(.connected, timer)
                    case .lost(let reason, _):
                        self.logger.warning(
                            "the collector is out of reach; reports wait in the journal",
                            metadata: ["collector": "\(self.name)", "reason": "\(reason)"])
                        self.handle(.lost, timer)
                    case .fault, .turnedAway: break  // only on a server
                    }
                }
            }
            group.addTask {
                for await _ in self.appends {
                    self.handle(.appended(through: self.highest.withLock { $0 }), timer)
                }
            }
            group.addTask {
                repeat {
                    self.recordAgain()
                    await self.sendBeacon(activeJobs())
                } while await self.clock.sleep(until: self.clock.now.boot + interval, unless: closed)
            }
            group.addTask {
                for await batch in self.socket.deliveries {
                    for delivery in batch { self.take(delivery, timer) }
                }
                closed.give()
                self.state.withLock { $0.patience }?.give()
                self.appender.finish()
                timer.finish()
            }
            for await order in timers {
                group.addTask {
                    let deadline = self.clock.now.boot + Self.patience
                    if await self.clock.sleep(until: deadline, unless: order) { self.handle(.patienceOver, timer) }
                }
            }
        }
    }

    /// Returns when every report is acknowledged, or at the deadline: what is left stays in the journal.
    package func flush(until deadline: BootTime) async {
        while depth > 0, clock.now.boot < deadline, !Task.isCancelled {
            // Canceled: the loop's condition sees it.
            try? await clock.sleep(until: min(deadline, clock.now.boot + .milliseconds(20)))
        }
    }

    private func sendBeacon(_ jobs: [ActiveJob]) {
        guard socket.statistics.isConnected else { return }
        var beacon = IntakeBeacon(activeJobs: Array(jobs.prefix(IntakeBeacon.jobLimit)), wall: clock.now.wall)
        beacon.serverKey = server.newest
        socket.send([Wire.encode(.intake(.beacon(beacon)))], to: nil)
    }

    private func take(_ delivery: Delivery, _ timer: AsyncStream<StopOrder>.Continuation) {
        guard let frame = delivery.message?.frames.last else { return }
        do {
            let ack: IntakeAck
            switch try Wire.decode(frame) {
            case .intakeAck(let value): ack = value
            case .beaconReply(let reply): return learn(reply.nextKey)
            default: throw WireError(.invalid, "a message that a collector does not send to an agent")
            }
            let named = state.withLock { $0.outbox.stream.number(of: ack.through) }
            // An acknowledgement of another stream says nothing, whatever stands here under its number.
            handle(.acknowledged(ack, own: try journal.digest(of: named)), timer)
        } catch let error as WireError {
            logger.warning("a message of the collector cannot be read", metadata: ["error": "\(error)"])
        } catch {
            logger.error("the journal failed; reports wait", metadata: ["error": "\(error)"])
        }
    }

    // MARK: The collector's key

    private func noteServerKey() {
        do throws(TransportError) {
            guard try server.noteUse(of: socket.statistics.serverKey) else { return }
            logger.notice(
                "the collector has a new key", metadata: ["collector": "\(name)", "key": "\(server.newest)"])
        } catch {
            // Both stay until it tells more.
            logger.error("the collector's new key could not be written down", metadata: ["error": "\(error)"])
        }
    }

    /// Written down first; the next beacon says that it is known.
    private func learn(_ next: PublicKey?) {
        do throws(TransportError) {
            guard try server.learn(next, over: socket.statistics.serverKey) else { return }
            logger.notice(
                "the collector told of its next key",
                metadata: ["collector": "\(name)", "key": "\(next.map { "\($0)" } ?? "none")"])
        } catch {
            logger.error("the collector's next key could not be written down", metadata: ["error": "\(error)"])
        }
    }

    private func handle(_ event: Outbox.Event, _ timer: AsyncStream<StopOrder>.Continuation) {
        // Sending under the lock keeps batches in order; neither the journal nor the socket calls back.
        state.withLock { state in
            var events = [event]
            while let event = events.popLast() {
                for action in state.outbox.handle(event) {
                    if let next = perform(action, state.outbox.stream, state.outbox.highest) { events.append(next) }
                }
            }
            // Patience that runs is not prolonged by reports that are made meanwhile.
            if case .appended = event, state.patience != nil, state.outbox.isWaiting { return }
            state.patience?.give()
            state.patience = nil
            if state.outbox.isWaiting {
                let order = StopOrder()
                state.patience = order
                timer.yield(order)
            }
        }
    }

    /// - Parameters:
    ///   - stream: The outbox's.
    ///   - highest: The highest number that it knows of.
    /// - Returns: What the outbox is to be told of it.
    private func perform(_ action: Outbox.Action, _ stream: ReportStream, _ highest: UInt64) -> Outbox.Event? {
        do throws(AgentError) {
            switch action {
            case .sendResume(let resume): socket.send([Wire.encode(.intake(.resume(resume)))], to: nil)
            case .sendBatch(let numbers): try send(numbers, of: stream)
            case .recordAcknowledged(let stream): try record(stream)
            case .sendAgain(let numbers):
                logger.warning(
                    "the collector lost reports that it had stored; it gets them again",
                    metadata: ["collector": "\(name)", "from": "\(numbers.lowerBound)", "to": "\(numbers.upperBound)"])
            case .beginStream(let base, let reason):
                guard let newest = try journal.digest(of: highest) else {
                    throw AgentError(.journal, "the journal lacks its newest report, \(highest)")
                }
                let renewed = stream.renewed(base: base, newest: newest)
                try journal.record(renewed, for: name)
                log(reason)
                return .began(renewed)
            }
        } catch {
            logger.error("the journal failed; reports wait", metadata: ["error": "\(error)"])
        }
        return nil
    }

    private func record(_ stream: ReportStream) throws(AgentError) {
        isJournalBehind.withLock { $0 = true }
        try journal.record(stream, for: name)
        isJournalBehind.withLock { $0 = false }
    }

    /// Records what could not be recorded when it was acknowledged. An agent with nothing to report hears of nothing that
    /// would bring it up, and what counts as unacknowledged is never pruned.
    private func recordAgain() {
        state.withLock { state in
            guard isJournalBehind.withLock({ $0 }) else { return }
            do throws(AgentError) {
                try record(state.outbox.stream)
            } catch {
                logger.error("the journal failed; it is tried again", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Sends reports under their numbers in the stream, in one batch or, if they are long, in several.
    private func send(_ numbers: ClosedRange<UInt64>, of stream: ReportStream) throws(AgentError) {
        var reports = try journal.reports(numbers)
        guard reports.count == numbers.count, let after = try journal.digest(of: numbers.lowerBound - 1) else {
            throw AgentError(
                .journal, "the journal lacks reports between \(numbers.lowerBound) and \(numbers.upperBound)")
        }
        for (place, number) in zip(reports.indices, numbers) {
            reports[place].origin.incarnation = stream.incarnation
            reports[place].origin.sequence = stream.sequence(of: number)
        }
        let batch = IntakeBatch(incarnation: stream.incarnation, after: after, reports: reports)
        let frame = Wire.encode(.intake(.batch(batch)))
        guard frame.count > Self.batchBytes, numbers.count > 1 else {
            socket.send([frame], to: nil)
            return
        }
        let middle = numbers.lowerBound + UInt64(numbers.count / 2)
        try send(numbers.lowerBound...middle - 1, of: stream)
        try send(middle...numbers.upperBound, of: stream)
    }

    private func log(_ reason: StreamBreak) {
        var metadata: Logger.Metadata = ["collector": "\(name)"]
        switch reason {
        case .journalIsBehind(let number), .diverged(let number):
            metadata["report"] = "\(number)"
            logger.error(
                "the collector holds other reports: this agent's state went back in time, or it was cloned",
                metadata: metadata)
        case .lostByCollector(let numbers):
            metadata["from"] = "\(numbers.lowerBound)"
            metadata["to"] = "\(numbers.upperBound)"
            logger.error("the collector lost reports that are no longer kept here", metadata: metadata)
        case .olderThanCollector(let numbers):
            metadata["to"] = "\(numbers.upperBound)"
            logger.notice("a collector is new to this agent; it gets what is kept", metadata: metadata)
        }
    }
}
