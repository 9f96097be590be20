import BookendDaemon
import BookendModel
import BookendTransport
import BookendWire
import Logging

/// Asks the coordinator again and again what triggers there are, so that a job which no agent told of yet is known.
actor RosterService {
    private let socket: any MessageSocket
    private let server: KnownServer
    private let ownKey: OwnKey
    private let store: any ReportStore
    private let intake: IntakeService
    private let admitted: AdmittedPeers
    private let place: CollectorPlace
    private let interval: Duration
    private let heard: LastHeard
    private let clock: any DaemonClock
    private let logger: Logger
    private var through: Int64
    private var epoch: UInt64
    private var peersThrough: Int64
    /// It tells of all peers anew, and there may be more of them. At the start too: it may have broken off.
    private var isReloadingPeers = true
    /// What people did here waits in it for the audit log.
    private let alerts: (any AlertStore)?
    /// Of those that are stored; 0: none.
    private var objectivesVersion: UInt64
    /// The coordinator's, as it was told last.
    private var auditHead: AuditHead?
    private let refusals: RefusalCounter
    /// Replies taken over since the start.
    private var replies = 0

    init(
        socket: any MessageSocket, server: KnownServer, ownKey: OwnKey, store: any ReportStore, intake: IntakeService,
        admitted: AdmittedPeers, refusals: RefusalCounter, place: CollectorPlace, alerts: (any AlertStore)?,
        interval: Duration, heard: LastHeard, clock: any DaemonClock, logger: Logger
    ) throws(CollectorError) {
        self.socket = socket
        self.server = server
        self.ownKey = ownKey
        self.store = store
        self.intake = intake
        self.admitted = admitted
        self.refusals = refusals
        self.place = place
        self.interval = interval
        self.heard = heard
        self.clock = clock
        self.logger = logger
        (through, epoch) = try store.rosterPosition()
        peersThrough = try store.peers().through
        self.alerts = alerts
        objectivesVersion = try alerts?.objectives()?.version ?? 0
    }

    /// Asks and listens until the socket closes.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await batch in self.socket.deliveries {
                    for delivery in batch { await self.take(delivery) }
                }
            }
            group.addTask {
                for await event in self.socket.connectionEvents {
                    switch event {
                    case .connected:
                        await self.noteServerKey()
                        await self.ask()
                    case .lost(let reason, _):
                        self.logger.warning("the coordinator is out of reach", metadata: ["reason": "\(reason)"])
                    case .fault, .turnedAway: break  // only on a server
                    }
                }
            }
            group.addTask {
                while !Task.isCancelled {
                    await self.ask()
                    // Canceled: the loop's condition sees it.
                    try? await self.clock.sleep(until: self.clock.now.boot + self.interval)
                }
            }
            await group.next()
            group.cancelAll()
        }
    }

    /// Asks at once, and returns when a reply was taken over, or after `patience`.
    ///
    /// For a question about a job that the coordinator may have accepted since it was last asked.
    func catchUp(patience: Duration) async {
        guard socket.statistics.isConnected else { return }
        let (before, deadline) = (replies, clock.now.boot + patience)
        ask()
        while replies == before, clock.now.boot < deadline, !Task.isCancelled {
            // Canceled: the loop's condition sees it.
            try? await clock.sleep(until: clock.now.boot + .milliseconds(10))
        }
    }

    private func ask() {
        guard socket.statistics.isConnected else { return }
        var request = RosterRequest(after: through, epoch: epoch, peersAfter: peersThrough, place: place)
        do throws(CollectorError) {
            request.highestJob = try store.highestJob()
            if let alerts { (request.actions, request.actionsThrough) = try alerts.actions(limit: 100) }
        } catch {
            logger.error("the roster cannot be asked for", metadata: ["error": "\(error)"])
            return
        }
        (request.refusals, request.refusalsThrough) = refusals.untold
        request.serverKey = server.newest
        request.nextKey = ownKey.next
        request.objectivesVersion = objectivesVersion
        request.coverageVersion = heard.coverage?.version ?? 0
        socket.send([Wire.encode(.rosterRequest(request))], to: nil)
    }

    private func noteServerKey() {
        do throws(TransportError) {
            guard try server.noteUse(of: socket.statistics.serverKey) else { return }
            logger.notice("the coordinator has a new key", metadata: ["key": "\(server.newest)"])
        } catch {
            // Both stay until it tells more.
            logger.error("the coordinator's new key could not be written down", metadata: ["error": "\(error)"])
        }
    }

    /// Written down first; what is asked next says that it is known.
    private func learn(_ next: PublicKey?) {
        do throws(TransportError) {
            guard try server.learn(next, over: socket.statistics.serverKey) else { return }
            logger.notice(
                "the coordinator told of its next key", metadata: ["key": "\(next.map { "\($0)" } ?? "none")"])
            ask()
        } catch {
            logger.error("the coordinator's next key could not be written down", metadata: ["error": "\(error)"])
        }
    }

    /// The head of the audit log: here it is out of the coordinator's reach.
    private func keep(_ head: AuditHead?) throws(CollectorError) {
        guard let head, head != auditHead else { return }
        if try !store.anchor(head, at: clock.now.wall) {
            logger.error(
                "the coordinator's audit log was changed, or is of an earlier time: run bookend audit --verify",
                metadata: ["sequence": "\(head.sequence)"])
        }
        auditHead = head
    }

    private func take(_ delivery: Delivery) async {
        guard let frame = delivery.message?.frames.last else { return }
        do {
            guard case .rosterReply(let reply) = try Wire.decode(frame) else {
                throw WireError(.invalid, "a message that a coordinator does not send to a collector")
            }
            heard.hearCoordinator(at: clock.now)
            learn(reply.nextKey)
            heard.take(reply.agents)
            if let coverage = reply.coverage { heard.take(coverage) }
            defer { replies += 1 }
            refusals.taken(through: reply.refusalsThrough)
            if reply.actionsThrough > 0 { try alerts?.forgetActions(through: reply.actionsThrough) }
            try keep(reply.auditHead)
            if epoch != 0, reply.epoch != epoch {
                logger.error(
                    "the coordinator went back in time, and tells everything again",
                    metadata: ["through": "\(reply.through)", "known": "\(through)"])
            }
            let isOther = reply.epoch != epoch
            let isNews = reply.through != through || !reply.triggers.isEmpty || !reply.peers.isEmpty
            if isOther { isReloadingPeers = true }
            let isLastPage = isReloadingPeers && reply.peers.isEmpty
            guard isOther || isNews || isLastPage || reply.objectives != nil else { return }
            try await intake.take(reply)
            if isLastPage { isReloadingPeers = false }
            (through, epoch) = (reply.through, reply.epoch)
            objectivesVersion = reply.objectives?.version ?? objectivesVersion
            if isOther || isLastPage || !reply.peers.isEmpty {
                let known = try store.peers()
                admitted.admit(known.peers)
                peersThrough = known.through
            }
            // At once: the coordinator waits to hear that a revocation holds here.
            if !reply.isComplete || !reply.peers.isEmpty { ask() }
        } catch {
            logger.error("the roster could not be taken over", metadata: ["error": "\(error)"])
        }
    }
}
