import BookendModel
import BookendTransport
import BookendWire

/// Somebody who follows the feed, as proto/README.md says how: what is published says that there is something new, and what
/// is new is asked for behind the last cursor.
final class Subscriber: @unchecked Sendable {
    private static let interval: Int64 = 600_000
    private static let patience: Int64 = 30_000
    private static let calm: Int64 = 60_000
    private static let page = 200

    private unowned let world: World
    private var query: (any MessageSocket)?
    private var tasks: [Task<Void, Never>] = []
    private var lastRequest: UInt64 = 0
    /// When the open question was asked; `nil`: there is none.
    private var askedAt: Int64?
    private(set) var cursor: Cursor?
    private var hasNews = false
    /// All that it has taken, in order.
    private(set) var taken: [FeedEntry.Body] = []
    private(set) var gaps = 0

    init(_ world: World) { self.world = world }

    func begin() {
        let host = world.network.network.host(World.subscriberIdentity)
        tasks = [
            Task { [self] in
                do {
                    let socket = try await host.open(SocketPlan(.dealer, Endpoint(World.query), .local))
                    query = socket
                    for await batch in socket.deliveries {
                        for delivery in batch { take(delivery.message?.frames.last ?? []) }
                    }
                } catch {
                    world.violate("the subscriber has no socket: \(error)")
                }
            },
            Task { [self] in
                do {
                    let topics = [Array(Topic.feed.utf8)]
                    let socket = try await host.open(
                        SocketPlan(.subscriber(topics: topics), Endpoint(World.localFeed), .local))
                    for await _ in socket.deliveries { hearsNews() }
                } catch {
                    world.violate("the subscriber has no feed: \(error)")
                }
            },
        ]
        poll()
    }

    func end() { for task in tasks { task.cancel() } }

    private func poll() {
        world.timeline.after(Self.interval) { [weak self] in
            guard let self, !world.isOver else { return }
            hasNews = true
            ask()
            poll()
        }
    }

    /// What comes soon after is asked for together with it.
    private func hearsNews() {
        guard !hasNews else { return }
        hasNews = true
        world.timeline.after(Self.calm) { [weak self] in
            guard let self, !world.isOver, hasNews else { return }
            ask()
        }
    }

    private func ask() {
        if let askedAt, world.timeline.now - askedAt < Self.patience { return }
        guard let query else { return }
        hasNews = false
        lastRequest += 1
        askedAt = world.timeline.now
        _ = query.send(
            [Wire.encode(.query(request: lastRequest, .feed(from: cursor, limit: Self.page)))], to: nil)
    }

    private func take(_ frame: [UInt8]) {
        guard case .queryReply(let request, let reply)? = try? Wire.decode(frame) else {
            return world.violate("the subscriber cannot read a reply")
        }
        // An answer that came twice, or to a question that was given up.
        guard request == lastRequest, askedAt != nil else { return }
        askedAt = nil
        switch reply {
        case .feed(let entries, _):
            taken += entries.map(\.body)
            cursor = entries.last?.cursor ?? cursor
            if hasNews || entries.count == Self.page { ask() }
        case .failed(let failure):
            world.note("subscriber", "is refused: \(failure.message)")
            guard failure.code == .gap else { return }
            // As one does who keeps no more than the feed says: from its begin.
            gaps += 1
            (taken, cursor) = ([], nil)
            ask()
        default: world.violate("the subscriber got another answer")
        }
    }
}
