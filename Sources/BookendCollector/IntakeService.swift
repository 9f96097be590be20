import BookendDaemon
import BookendModel
import BookendTransport
import BookendWire
import Logging

/// Takes reports in: what waits is judged, stored in one transaction, acknowledged and published.
///
/// Batches that arrive while a transaction runs wait together, and go into the next one: the slower the disk, the larger
/// the groups. The socket's own bound holds agents back.
actor IntakeService {
    /// Reports in one transaction, at most; a larger group is split.
    private static let groupLimit = 1_000

    private let socket: any MessageSocket
    private let store: any ReportStore
    private let feed: Feed
    private let clock: any DaemonClock
    private let logger: Logger
    private var intake: Intake
    private var progress = ProgressThrottle()
    private var faults = FaultCounter()
    private var isStopping = false
    /// Why the latest group could not be stored; `nil`: it was.
    private var problem: CollectorError?

    init(
        socket: any MessageSocket, store: any ReportStore, feed: Feed, clock: any DaemonClock, logger: Logger
    ) throws(CollectorError) {
        self.socket = socket
        self.store = store
        self.feed = feed
        self.clock = clock
        self.logger = logger
        intake = Intake(stored: try store.positions())
    }

    /// Takes nothing more, and closes the socket once what was taken is committed and acknowledged.
    func stop() async {
        // `run` leaves this actor only between groups: each that it took is answered by now.
        isStopping = true
        await socket.close()
    }

    /// For signs of life.
    ///
    /// - Throws: When the store does not answer, or what came last could not be stored.
    func checkThatItWorks() throws(CollectorError) {
        if let problem { throw problem }
        _ = try store.rosterPosition()
    }

    /// Serves the socket until it is stopped.
    func run() async {
        for await deliveries in socket.deliveries {
            // What waited is not stored, for it could not be acknowledged: agents send it again.
            if isStopping { break }
            var group = Group()
            for delivery in deliveries {
                take(delivery, into: &group)
                if group.new.count >= Self.groupLimit {
                    finish(group)
                    group = Group()
                }
            }
            finish(group)
            faults.log(to: logger, at: clock.now.boot)
        }
    }

    /// What one transaction stores, and whom to answer after it.
    private struct Group {
        struct Answer: Hashable {
            var source: Intake.Source
            var route: Route
        }

        var new: [Report] = []
        var answers: Set<Answer> = []
    }

    private func take(_ delivery: Delivery, into group: inout Group) {
        guard let frame = delivery.message?.frames.last, let route = delivery.route else { return }
        guard let peer = delivery.peer, peer.role == .agent else { return faults.count("not-an-agent") }
        let sender = AgentID(rawValue: peer.name)
        let envelope: Envelope
        do throws(WireError) {
            envelope = try Wire.decode(frame)
        } catch {
            return faults.count("malformed", from: sender, "\(error)")
        }
        switch envelope {
        case .intake(.resume(let incarnation)):
            group.answers.insert(
                Group.Answer(source: Intake.Source(agent: sender, incarnation: incarnation), route: route))
        case .intake(.batch(let reports)):
            let verdict = intake.take(reports, from: sender)
            group.new += verdict.new
            for source in verdict.sources { group.answers.insert(Group.Answer(source: source, route: route)) }
            if verdict.forged > 0 {
                faults.count("forged", from: sender, "\(verdict.forged) reports claim another agent")
            }
        case .progress(let value):
            guard value.agent == sender else {
                return faults.count("forged", from: sender, "progress of another agent")
            }
            if progress.passes(value, now: clock.now.boot) { feed.publish(value) }
        default: faults.count("unexpected", from: sender, "a message that an agent does not send to a collector")
        }
    }

    /// Stores, acknowledges, publishes, in that order. When storing fails nobody is answered: agents send again.
    private func finish(_ group: Group) {
        guard !group.new.isEmpty || !group.answers.isEmpty else { return }
        do throws(CollectorError) {
            let entries = group.new.isEmpty ? [] : try store.store(group.new, at: clock.now.wall)
            problem = nil
            intake.commit()
            for answer in group.answers {
                socket.send([Wire.encode(.intakeAck(intake.acknowledgement(for: answer.source)))], to: answer.route)
            }
            feed.publish(entries)
            for entry in entries where entry.report.endsJob {
                progress.forget(entry.report.trigger.job, of: entry.report.origin.agent)
            }
        } catch {
            intake.rollBack()
            problem = error
            logger.error(
                "reports could not be stored; they stay with their agents",
                metadata: ["reports": "\(group.new.count)", "error": "\(error)"])
        }
    }
}
