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

    private let name: String
    private let socket: any MessageSocket
    private let journal: any Journal
    private let clock: any DaemonClock
    private let logger: Logger
    private let state: Mutex<State>
    /// What the journal grew to. Jobs tell it from several tasks, in any order: the highest counts.
    private let highest: Mutex<UInt64>
    private let appends: AsyncStream<Void>
    private let appender: AsyncStream<Void>.Continuation

    /// - Parameter name: What the journal keeps this collector's acknowledgements under: its public key.
    package init(
        name: String, socket: any MessageSocket, journal: any Journal, contents: JournalContents,
        clock: any DaemonClock, logger: Logger
    ) {
        self.name = name
        self.socket = socket
        self.journal = journal
        self.clock = clock
        self.logger = logger
        state = Mutex(
            State(
                outbox: Outbox(
                    incarnation: contents.incarnation, highest: contents.highestReport,
                    acknowledged: contents.acknowledged[name] ?? 0)))
        highest = Mutex(contents.highestReport)
        (appends, appender) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Reports that this collector has not acknowledged.
    package var depth: UInt64 {
        let highest = self.highest.withLock { $0 }
        return state.withLock { max(highest, $0.outbox.highest) - $0.outbox.acknowledged }
    }

    /// The journal holds reports up to this number. Never waits.
    package func appended(through number: UInt64) {
        highest.withLock { $0 = max($0, number) }
        appender.yield()
    }

    /// Sends the latest progress; nothing is kept of it when the collector is away.
    package func send(_ progress: Progress) {
        guard socket.statistics.isConnected else { return }
        socket.send([Wire.encode(.progress(progress))], to: nil)
    }

    /// Serves the socket until it closes.
    package func run() async {
        await withDiscardingTaskGroup { group in
            let (timers, timer) = AsyncStream.makeStream(of: StopOrder.self, bufferingPolicy: .bufferingNewest(1))
            group.addTask {
                for await event in self.socket.connectionEvents {
                    switch event {
                    case .connected:
                        self.logger.info("connected to the collector", metadata: ["collector": "\(self.name)"])
                        self.handle(.connected, timer)
                    case .lost(let reason, _):
                        self.logger.warning(
                            "the collector is out of reach; reports wait in the journal",
                            metadata: ["collector": "\(self.name)", "reason": "\(reason)"])
                        self.handle(.lost, timer)
                    }
                }
            }
            group.addTask {
                for await _ in self.appends {
                    self.handle(.appended(through: self.highest.withLock { $0 }), timer)
                }
            }
            group.addTask {
                for await batch in self.socket.deliveries {
                    for delivery in batch { self.take(delivery, timer) }
                }
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

    private func take(_ delivery: Delivery, _ timer: AsyncStream<StopOrder>.Continuation) {
        guard let frame = delivery.message?.frames.last else { return }
        do throws(WireError) {
            guard case .intakeAck(let ack) = try Wire.decode(frame) else {
                throw WireError(.invalid, "a message that a collector does not send to an agent")
            }
            handle(.acknowledged(ack), timer)
        } catch {
            logger.warning("a message of the collector cannot be read", metadata: ["error": "\(error)"])
        }
    }

    private func handle(_ event: Outbox.Event, _ timer: AsyncStream<StopOrder>.Continuation) {
        // Sending under the lock keeps batches in order; neither the journal nor the socket calls back.
        state.withLock { state in
            let actions = state.outbox.handle(event)
            for action in actions { perform(action) }
            state.patience?.give()
            state.patience = nil
            if state.outbox.isWaiting {
                let order = StopOrder()
                state.patience = order
                timer.yield(order)
            }
        }
    }

    private func perform(_ action: Outbox.Action) {
        do throws(AgentError) {
            switch action {
            case .sendResume(let incarnation):
                socket.send([Wire.encode(.intake(.resume(incarnation: incarnation)))], to: nil)
            case .sendBatch(let numbers):
                let reports = try journal.reports(numbers)
                socket.send([Wire.encode(.intake(.batch(reports)))], to: nil)
            case .recordAcknowledged(let number): try journal.recordAcknowledged(through: number, by: name)
            case .journalIsBehind(let number):
                logger.error(
                    "the collector holds reports that this journal never made: it went back in time",
                    metadata: ["collector": "\(name)", "collector_has": "\(number)"])
            }
        } catch {
            logger.error("the journal failed; reports wait", metadata: ["error": "\(error)"])
        }
    }
}
