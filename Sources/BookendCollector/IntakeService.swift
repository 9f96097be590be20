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
    private let ring: KeyRing
    private let ownKey: OwnKey
    private let refusals: RefusalCounter
    private let store: any ReportStore
    private let feed: Feed
    private let heard: LastHeard
    private let clock: any DaemonClock
    private let logger: Logger
    private var intake: Intake
    /// Named by acknowledgements, so that the store's going back in time is noticed.
    private var epoch: Int64
    /// A store goes back only while nobody uses it: one renewal a run is enough, and agents cannot make more of them.
    private var isEpochFresh = false
    /// Streams that were heard of since the store was told.
    private var heardStreams: Set<Intake.Source> = []
    private var progress = ProgressThrottle()
    private var isStopping = false
    /// Why the latest group could not be stored; `nil`: it was.
    private var problem: CollectorError?
    /// Reports that came since then, counted each time.
    private var notStored = 0
    private var nextComplaint: BootTime?

    init(
        socket: any MessageSocket, ring: KeyRing, ownKey: OwnKey, refusals: RefusalCounter, store: any ReportStore,
        feed: Feed,
        heard: LastHeard, clock: any DaemonClock, logger: Logger
    ) throws(CollectorError) {
        self.socket = socket
        self.ring = ring
        self.ownKey = ownKey
        self.refusals = refusals
        self.store = store
        self.feed = feed
        self.heard = heard
        self.clock = clock
        self.logger = logger
        intake = Intake(stored: try store.positions())
        epoch = try store.epoch()
    }

    /// Takes nothing more, and closes the socket once what was taken is committed and acknowledged.
    func stop() async {
        // `run` leaves this actor only between groups: each that it took is answered by now.
        isStopping = true
        await socket.close()
    }

    /// What came last could be stored.
    var isStoring: Bool { problem == nil }

    /// For signs of life.
    ///
    /// - Throws: When the store does not answer, or what came last could not be stored.
    func checkThatItWorks() throws(CollectorError) {
        if let problem { throw problem }
        _ = try store.rosterPosition()
    }

    /// Forgets streams that are long over.
    func pruneStreams(now: UnixTime, unheardSince time: UnixTime) throws(CollectorError) {
        let forgotten = try store.pruneStreams(heard: heardStreams, now: now, unheardSince: time)
        heardStreams = []
        intake.forget(forgotten)
        guard !forgotten.isEmpty else { return }
        logger.info("streams of reports that are long over were forgotten", metadata: ["streams": "\(forgotten.count)"])
    }

    /// Serves the socket until it is stopped.
    func run() async {
        for await deliveries in socket.deliveries {
            // What waited is not stored, for it could not be acknowledged: agents send it again.
            if isStopping { break }
            var group = Group()
            for delivery in deliveries where ring.stillAdmits(delivery) {
                take(delivery, into: &group)
                if group.new.count >= Self.groupLimit {
                    finish(group)
                    group = Group()
                }
            }
            finish(group)
        }
    }

    /// What one transaction stores, and whom to answer after it.
    private struct Group {
        struct Answer: Hashable {
            var source: Intake.Source
            var route: Route
        }

        var new: [AcceptedReport] = []
        /// Whether the agent must resume.
        var answers: [Answer: Bool] = [:]

        mutating func answer(_ source: Intake.Source, _ route: Route, mustResume: Bool = false) {
            answers[Answer(source: source, route: route), default: false] = mustResume
        }
    }

    private func take(_ delivery: Delivery, into group: inout Group) {
        guard let frame = delivery.message?.frames.last, let route = delivery.route else { return }
        guard let peer = delivery.peer, peer.role == .agent else {
            return drop("message", "", of: delivery, "only agents report")
        }
        let sender = AgentID(rawValue: peer.name)
        let envelope: Envelope
        do throws(WireError) {
            envelope = try Wire.decode(frame)
        } catch {
            return refusals.note(
                .unreadable(by: peer.description, at: delivery.address?.description ?? "", error.message))
        }
        heard.hear(sender, at: clock.now)
        switch envelope {
        case .intake(.resume(let resume)):
            let source = Intake.Source(agent: sender, incarnation: resume.incarnation)
            heardStreams.insert(source)
            if intake.isBehind(resume, of: source, epoch: epoch), !renewEpoch(resume, of: source) { return }
            group.answer(source, route)
        case .intake(.batch(let batch)):
            let verdict = intake.take(batch, from: sender)
            heardStreams.insert(verdict.source)
            group.new += verdict.new
            group.answer(verdict.source, route, mustResume: verdict.mustResume)
            if let claimed = verdict.claimed {
                drop(
                    "report", claimed == sender ? "another stream" : "agent \(claimed)", of: delivery,
                    "the report claims another agent or stream", count: verdict.forged)
            }
        case .intake(.beacon(let beacon)):
            heard.take(beacon, from: sender, at: clock.now)
            if let reply = ownKey.hear(beacon.serverKey, from: sender) {
                socket.send([Wire.encode(.beaconReply(reply))], to: route)
            }
        case .progress(let value):
            guard value.agent == sender else {
                return drop("progress", "agent \(value.agent)", of: delivery, "the progress claims another agent")
            }
            if progress.passes(value, now: clock.now.boot) { feed.publish(value) }
        default: drop("message", "", of: delivery, "a message that an agent does not send to a collector")
        }
    }

    /// The key does not entitle its holder to send this.
    private func drop(_ what: String, _ target: String, of delivery: Delivery, _ reason: String, count: Int = 1) {
        refusals.note(
            Refusal(
                who: delivery.peer?.description ?? "unknown", origin: delivery.address?.description ?? "", what: what,
                target: target, reason: reason, count: Int64(count)))
    }

    /// The store holds less than was acknowledged: what cursors stand for is not sure any more.
    ///
    /// - Returns: `false` when it could not be recorded; the agent asks again.
    private func renewEpoch(_ resume: IntakeResume, of source: Intake.Source) -> Bool {
        guard !isEpochFresh else { return true }
        let stored = intake.acknowledgement(for: source, epoch: epoch).through
        do throws(CollectorError) {
            epoch = try store.renewEpoch()
            isEpochFresh = true
            logger.error(
                "the database went back in time; agents send again what they keep, and old cursors are gaps",
                metadata: [
                    "agent": "\(source.agent)", "stored": "\(stored)", "acknowledged": "\(resume.acknowledged)",
                ])
            return true
        } catch {
            logger.error("the epoch could not be renewed", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// Stores, acknowledges, publishes, in that order. When storing fails nobody is answered: agents send again.
    private func finish(_ group: Group) {
        guard !group.new.isEmpty || !group.answers.isEmpty else { return }
        do throws(CollectorError) {
            let entries = group.new.isEmpty ? [] : try store.store(group.new, at: clock.now.wall)
            if !group.new.isEmpty { noteStored() }
            intake.commit()
            for (answer, mustResume) in group.answers {
                let ack = intake.acknowledgement(for: answer.source, epoch: epoch, mustResume: mustResume)
                socket.send([Wire.encode(.intakeAck(ack))], to: answer.route)
            }
            feed.publish(entries)
            for report in entries.compactMap(\.report) where report.endsJob {
                progress.forget(report.trigger.job, of: report.origin.agent)
            }
        } catch {
            intake.rollBack()
            note(error, reports: group.new.count)
        }
    }

    /// Stores what the coordinator tells, and publishes what it ended by that. Here, so that what is published stays in
    /// cursor order.
    func take(_ roster: RosterReply) throws(CollectorError) {
        let entries = try store.store(roster, at: clock.now.wall)
        feed.publish(entries)
        for inference in entries.compactMap(\.inference) {
            logger.info(
                "the coordinator decided on a job",
                metadata: [
                    "job.id": "\(inference.trigger.job)", "agent": "\(inference.agent)",
                    "status": "\(inference.status)", "reason": "\(inference.reason)",
                ])
        }
    }

    /// Stores and publishes what was inferred from silence. Here, so that what is published stays in cursor order.
    func infer(_ inferences: [Inference]) throws(CollectorError) {
        guard !isStopping else { return }
        let entries = try store.infer(inferences, at: clock.now.wall)
        feed.publish(entries)
        guard !entries.isEmpty else { return }
        let first = entries.first?.inference.map {
            "job \($0.trigger.job) of \($0.agent): \($0.status.name); \($0.reason)"
        }
        logger.warning(
            "silence was judged", metadata: ["jobs": "\(entries.count)", "first": "\(first ?? "")"])
    }

    /// Says at once that storing fails, and again each minute as long as it does.
    private func note(_ error: CollectorError, reports: Int) {
        let isNews = problem == nil
        problem = error
        notStored += reports
        let now = clock.now.boot
        guard isNews || nextComplaint.map({ now >= $0 }) ?? true else { return }
        nextComplaint = now + .seconds(60)
        logger.error(
            "reports could not be stored; they stay with their agents",
            metadata: ["reports": "\(notStored)", "error": "\(error)"])
    }

    private func noteStored() {
        guard problem != nil else { return }
        problem = nil
        notStored = 0
        logger.notice("reports are stored again")
    }
}
