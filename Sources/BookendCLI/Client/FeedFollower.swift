import BookendModel
import BookendTransport

/// Follows the feed from a place, without gap or duplicate.
///
/// What is published only says that there is something new; what is new is then asked for, behind the last cursor. So the
/// order is the store's, whatever the publisher loses, and the join of past and present needs no special case. Without
/// any news it asks every two seconds.
struct FeedFollower: Sendable {
    enum Begin: Sendable {
        /// `nil`: the oldest report that is kept.
        case from(Cursor?)
        case head
    }

    private static let repairInterval = Duration.seconds(2)
    private static let page = 1_000

    let fleet: FleetClient
    let begin: Begin

    /// Returns when nobody reads standard output any more. A daemon that goes away is waited for, one that is not there at first is an error.
    func run(_ take: ([FeedEntry]) -> Void) async throws {
        var feed: FeedSubscription? = try await subscribe()
        var collector = try await fleet.collector()
        var cursor: Cursor?
        switch begin {
        case .from(let place): cursor = place
        case .head: cursor = try await collector.feedHead()
        }
        while !Task.isCancelled, !Output.standardOutput.isClosed {
            do {
                cursor = try await catchUp(collector, from: cursor, take)
                feed = try await news(feed)
            } catch let error as CLIError {
                guard error.code == .unreachable else { throw error }
                Output.note("bookend: \(error.message); waiting for it")
                collector = try await collectorAgain()
            }
        }
    }

    /// - Returns: The place behind all that there is.
    private func catchUp(
        _ collector: DaemonLink, from start: Cursor?, _ take: ([FeedEntry]) -> Void
    ) async throws -> Cursor? {
        var cursor = start
        while true {
            let page = try await collector.feed(from: cursor, limit: Self.page)
            take(page.entries)
            cursor = page.entries.last?.cursor ?? cursor
            if page.entries.count < Self.page { return cursor }
        }
    }

    /// Waits until there is something new, or it is time to ask anyway.
    private func news(_ feed: FeedSubscription?) async throws -> FeedSubscription? {
        guard let feed else {
            try await Task.sleep(for: .seconds(1))
            return try? await subscribe()  // Without the feed it goes on by asking.
        }
        if case .ended = await feed.next(until: .now + Self.repairInterval) {
            try await Task.sleep(for: .milliseconds(200))
            return nil
        }
        return feed
    }

    private func subscribe() async throws -> FeedSubscription {
        let feed = try await fleet.feed(topics: [Topic.feed])
        try await feed.established()
        return feed
    }

    private func collectorAgain() async throws -> DaemonLink {
        while true {
            try await Task.sleep(for: .seconds(1))
            let link = try await fleet.collector()
            do {
                _ = try await link.feedHead()
                return link
            } catch {
                guard error.code == .unreachable else { throw error }
            }
        }
    }
}
