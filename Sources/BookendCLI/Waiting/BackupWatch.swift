import BookendModel
import Glibc

/// Waits for the jobs of one order and shows how they go.
///
/// What is published comes first; every two seconds the collector is asked, since publishing may lose.
struct BackupWatch: Sendable {
    private enum Event: Sendable {
        case feed([FeedSubscription.Event])
        case stored([JobAggregate])
        case tick
        case interrupted
        case unreachable(CLIError)
    }

    private static let repairInterval = Duration.seconds(2)
    private static let redrawInterval = Duration.milliseconds(250)
    /// How long the collector may be away.
    private static let patience = Duration.seconds(60)

    private let fleet: FleetClient
    private let feed: FeedSubscription?

    /// Subscribes. To be made before the order is given.
    init(_ fleet: FleetClient) async throws {
        self.fleet = fleet
        _ = try await fleet.collector().feedHead()
        do {
            let feed = try await fleet.feed(topics: [Topic.feed, Topic.progress])
            try await feed.established()
            self.feed = feed
        } catch {
            Output.note("\(error.message); without it progress is seen every two seconds only")
            feed = nil
        }
    }

    /// - Returns: The jobs as the collector has them in the end, in no order.
    /// - Throws: ``CLIError``: interrupted, or the collector is gone for too long. The jobs go on.
    func run(_ records: [TriggerRecord], showsProgress: Bool) async throws -> [JobAggregate] {
        var board = WaitBoard(records, now: .now)
        var block = LiveBlock()
        let isLive = showsProgress && Terminal.current.isTerminal
        let ids = records.map(\.trigger.job)
        let (events, continuation) = AsyncStream.makeStream(of: Event.self, bufferingPolicy: .bufferingNewest(4_096))
        let interrupts = Interrupts([SIGINT, SIGTERM])
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            if let feed {
                group.addTask {
                    while case .events(let events) = await feed.next(until: nil) { continuation.yield(.feed(events)) }
                }
            }
            group.addTask { await repair(ids) { continuation.yield($0) } }
            group.addTask { [signals = interrupts.signals] in
                for await _ in signals { continuation.yield(.interrupted) }
            }
            if isLive {
                group.addTask {
                    while !Task.isCancelled {
                        try await Task.sleep(for: Self.redrawInterval)
                        continuation.yield(.tick)
                    }
                }
                block.draw(board.block(.current, now: .now))
            }
            if board.isOver { return }
            for await event in events {
                var news: [String] = []
                switch event {
                case .feed(let events):
                    for event in events {
                        switch event {
                        case .entry(let entry): news += entry.report.map { board.take($0, now: .now) } ?? []
                        case .progress(let progress): board.take(progress)
                        case .welcome: break
                        }
                    }
                case .stored(let jobs): for job in jobs { news += board.take(job, now: .now) }
                case .tick: block.draw(board.block(.current, now: .now))
                case .interrupted: throw interruption(board)
                case .unreachable(let error): throw CLIError(error.code, error.message + "; " + Self.hint(board))
                }
                if showsProgress, !isLive { for line in news { Output.standardOutput.write(line + "\n") } }
                if board.isOver { break }
            }
        }
        if isLive { block.erase() }
        return try await final(board)
    }

    /// Asks what is stored, again and again.
    private func repair(_ ids: [JobID], _ send: (Event) -> Void) async {
        var collector: DaemonLink?
        var lastAnswer = ContinuousClock.now
        while !Task.isCancelled {
            do {
                if collector == nil { collector = try await fleet.collector() }
                if let jobs = try await collector?.jobs(ids) {
                    lastAnswer = .now
                    send(.stored(jobs))
                }
            } catch {
                collector = nil
                if ContinuousClock.now - lastAnswer > Self.patience { return send(.unreachable(error)) }
            }
            // Canceled: the loop ends.
            try? await Task.sleep(for: Self.repairInterval)
        }
    }

    /// The whole of each job: what was published may have been incomplete.
    private func final(_ board: WaitBoard) async throws -> [JobAggregate] {
        let stored = try await fleet.collector().jobs(board.jobs.map(\.job))
        let known = Dictionary(stored.map { ($0.job, $0) }, uniquingKeysWith: { $1 })
        return board.jobs.map { job in
            guard let stored = known[job.job], stored.isOver else { return job }
            return stored
        }
    }

    private func interruption(_ board: WaitBoard) -> CLIError {
        CLIError(.interrupted, "no longer waiting; " + Self.hint(board))
    }

    private static func hint(_ board: WaitBoard) -> String {
        let open = board.jobs.filter { !$0.isOver }.map(\.job.description)
        let ids = open.prefix(20).joined(separator: " ") + (open.count > 20 ? " …" : "")
        return "the jobs go on. Follow them with bookend watch or bookend jobs --active, cancel them with: "
            + "bookend cancel \(ids)"
    }
}
