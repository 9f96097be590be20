import BookendDaemon
import BookendModel
import BookendTransport
import BookendWire
import Logging
import Synchronization

/// Answers the queries of one socket.
final class QueryService: Sendable {
    private let socket: any MessageSocket
    private let ring: KeyRing
    private let ownKey: OwnKey
    private let refusals: RefusalCounter
    private let store: any ReportStore
    private let roster: RosterService?
    private let alerts: AlertDesk?
    private let clock: any DaemonClock
    private let logger: Logger
    /// Answers that wait for the coordinator.
    private let late = Mutex(0)

    /// Bytes of jobs in one reply, about: a reply must fit a frame.
    private static let replySize = 1 << 20
    /// For the coordinator's word on a job that is not known here.
    private static let rosterPatience = Duration.seconds(2)
    /// At once. Further questions about jobs that are not known here are answered without the coordinator.
    private static let lateAnswers = 64

    /// - Parameter roster: Knows what the coordinator accepted a moment ago; `nil`: there is no coordinator to be asked.
    init(
        socket: any MessageSocket, ring: KeyRing, ownKey: OwnKey, refusals: RefusalCounter, store: any ReportStore,
        roster: RosterService?, alerts: AlertDesk?, clock: any DaemonClock, logger: Logger
    ) {
        self.socket = socket
        self.ring = ring
        self.ownKey = ownKey
        self.refusals = refusals
        self.store = store
        self.roster = roster
        self.alerts = alerts
        self.clock = clock
        self.logger = logger
    }

    /// Serves the socket until it closes.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await deliveries in socket.deliveries {
                for delivery in deliveries {
                    guard let question = serve(delivery) else { continue }
                    guard question.waitsForCoordinator else {
                        group.addTask { await self.answerFromDesk(question) }
                        continue
                    }
                    guard let roster, late.withLock({ $0 < Self.lateAnswers }) else {
                        answer(question)
                        continue
                    }
                    late.withLock { $0 += 1 }
                    group.addTask {
                        await roster.catchUp(patience: Self.rosterPatience)
                        self.answer(question)
                        self.late.withLock { $0 -= 1 }
                    }
                }
            }
            group.cancelAll()
        }
    }

    private struct Question {
        let request: UInt64
        let query: Query
        let route: Route
        let name: String
        /// Otherwise for the desk that knows alerts.
        let waitsForCoordinator: Bool
    }

    /// Alerts have an owner of their own, who may be at work.
    private func answerFromDesk(_ question: Question) async {
        var answer = QueryReply.failed(RemoteFailure(.unavailable, "this collector judges no alerts"))
        do throws(CollectorError) {
            let reply = try await alerts?.reply(to: question.query, from: question.name, at: clock.now.wall)
            if let reply { answer = reply }
        } catch {
            logger.error("a query failed", metadata: ["error": "\(error)"])
            answer = .failed(RemoteFailure(.failed, error.message))
        }
        socket.send([Wire.encode(.queryReply(request: question.request, answer))], to: question.route)
    }

    private func answer(_ question: Question) {
        socket.send(
            [Wire.encode(.queryReply(request: question.request, reply(to: question.query)))], to: question.route)
    }

    /// - Returns: A question about a job that is not known: the coordinator may have accepted it since it was last asked.
    private func serve(_ delivery: Delivery) -> Question? {
        guard let frame = delivery.message?.frames.last, let route = delivery.route else { return nil }
        do throws(WireError) {
            guard case .query(let request, let query) = try Wire.decode(frame) else {
                throw WireError(.invalid, "only queries are answered here")
            }
            if let failure = refusal(of: query, delivery) {
                refuse(request, failure, to: route)
                return nil
            }
            let name = delivery.peer?.description ?? delivery.localName
            if query.isAboutAlerts {
                return Question(
                    request: request, query: query, route: route, name: name, waitsForCoordinator: false)
            }
            if case .serverKey(let step) = query {
                let answer = ownKey.answer(step, by: name) { text throws(CollectorError) in
                    // Without alerts there is no coordinator's audit log either.
                    try alerts?.store.note(
                        CollectorAction(
                            who: name, what: query.deed, target: "collector", reason: text, at: clock.now.wall))
                }
                socket.send([Wire.encode(.queryReply(request: request, answer))], to: route)
                ownKey.noteAnswered()
                return nil
            }
            let answer = reply(to: query)
            if case .job = query, case .failed(let failure) = answer, failure.code == .notFound {
                return Question(request: request, query: query, route: route, name: name, waitsForCoordinator: true)
            }
            socket.send([Wire.encode(.queryReply(request: request, answer))], to: route)
        } catch {
            refusals.note(
                .unreadable(
                    by: delivery.peer?.description ?? delivery.localName, at: delivery.address?.description ?? "",
                    error.message))
            refuse(0, RemoteFailure(.invalid, "the collector cannot read this: \(error)"), to: route)
        }
        return nil
    }

    private func refuse(_ request: UInt64, _ failure: RemoteFailure, to route: Route) {
        socket.send([Wire.encode(.queryReply(request: request, .failed(failure)))], to: route)
    }

    /// Over TCP it depends on the key; the Unix socket's file has let in whom it should.
    private func refusal(of query: Query, _ delivery: Delivery) -> RemoteFailure? {
        guard socket.endpoint.isTCP else { return nil }
        let standing = delivery.sender.map(ring.standing) ?? .nobody
        let deed = query.deed
        if deed.isAllowed(as: standing) { return nil }
        let name = delivery.peer?.description ?? "unknown"
        let failure = deed.refusal(of: name, as: standing)
        refusals.note(
            Refusal(
                who: name, origin: delivery.address?.description ?? "", what: deed.rawValue, target: "",
                reason: failure.message))
        return failure
    }

    func reply(to query: Query) -> QueryReply {
        do throws(CollectorError) {
            switch query {
            case .jobs(let filter): return .jobs(Self.firstPage(of: try store.jobs(filter)))
            case .job(let job):
                var filter = JobFilter()
                filter.jobs = [job]
                let jobs = try store.jobs(filter)
                return jobs.isEmpty
                    ? .failed(
                        RemoteFailure(.notFound, "there is no job \(job): `bookend jobs` lists those that there are"))
                    : .jobs(jobs)
            case .fleet:
                var summary = try store.fleet(asOf: clock.now.wall)
                try alerts?.complete(&summary)
                return .fleet(summary)
            case .feed(let cursor, let limit): return try feed(from: cursor, limit: limit)
            case .auditAnchors(let after, let limit):
                let anchors = try store.anchors(after: after, limit: limit)
                return .auditAnchors(anchors, isComplete: anchors.count < limit)
            case .feedHead:
                // Without reports there is a head all the same.
                return .feed([], head: try store.feed(from: nil, limit: 1)?.head ?? Cursor(rawValue: ""))
            case .backupAges, .alerts, .alert, .acknowledgeAlert, .resolveAlert, .silences, .silenceAlerts, .endSilence,
                .testChannels, .messages, .resendMessages, .discardMessages:
                return .failed(RemoteFailure(.invalid, "alerts are asked for elsewhere"))
            case .serverKey: return .failed(RemoteFailure(.invalid, "the key is asked for elsewhere"))
            }
        } catch {
            logger.error("a query failed", metadata: ["error": "\(error)"])
            return .failed(RemoteFailure(.failed, error.message))
        }
    }

    /// As many as fit one reply. All with the same id stay together: the next page begins below an id.
    private static func firstPage(of jobs: [JobAggregate]) -> [JobAggregate] {
        var size = 0
        for (place, job) in jobs.enumerated() {
            size += Wire.encode(job).count
            if size > replySize, place > 0, jobs[place - 1].job != job.job { return Array(jobs[..<place]) }
        }
        return jobs
    }

    private func feed(from cursor: Cursor?, limit: Int) throws(CollectorError) -> QueryReply {
        guard let (entries, head) = try store.feed(from: cursor, limit: limit) else {
            return .failed(
                RemoteFailure(
                    .gap,
                    "reports behind cursor \(cursor?.rawValue ?? "") are no longer kept, or it is of another collector: "
                        + "start without a cursor, and take what was missed from `bookend jobs`"))
        }
        return .feed(entries, head: head)
    }
}

extension Query {
    fileprivate var isAboutAlerts: Bool {
        switch self {
        case .jobs, .job, .fleet, .feed, .feedHead, .auditAnchors, .serverKey: false
        case .backupAges, .alerts, .alert, .acknowledgeAlert, .resolveAlert, .silences, .silenceAlerts, .endSilence,
            .testChannels, .messages, .resendMessages, .discardMessages:
            true
        }
    }
}

extension Delivery {
    /// Of somebody on a Unix socket.
    fileprivate var localName: String {
        if case .process(let uid, _, _) = address { "local/\(uid)" } else { "local" }
    }
}
