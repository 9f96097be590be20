/// One or more attempts of one kind that one peer made and that were refused.
package struct Refusal: Hashable, Sendable {
    /// Such as `operator/bob` or `agent/web-1`, by the key that was used.
    package var who: String
    /// Where the latest came from.
    package var origin: String
    /// A ``Deed``, or what a message of an agent would have done.
    package var what: String
    /// Of the latest.
    package var target: String
    package var reason: String
    package var count: Int64

    package init(who: String, origin: String, what: String, target: String, reason: String, count: Int64 = 1) {
        self.who = who
        self.origin = origin
        self.what = what
        self.target = target
        self.reason = reason
        self.count = count
    }
}

extension Refusal {
    private static let handshake = "handshake"

    /// Somebody with a key that is not admitted.
    ///
    /// - Parameter address: Empty: many of them.
    package static func stranger(at address: String, times: Int64) -> Refusal {
        Refusal(
            who: address.isEmpty ? "strangers" : "stranger/\(address)", origin: address, what: handshake, target: "",
            reason: "the key is not admitted: it was never enrolled, or it was revoked", count: times)
    }

    package var isStranger: Bool { what == Self.handshake }

    /// A message that is none.
    package static func unreadable(by who: String, at origin: String, _ problem: String) -> Refusal {
        Refusal(who: who, origin: origin, what: "message.unreadable", target: "", reason: problem)
    }
}

/// Counts refused attempts so that somebody who tries again and again fills no log: the first of a kind is told at once,
/// those that follow within a minute are told together at its end.
package struct RefusalBook: Hashable, Sendable {
    /// Kinds (peer and deed) that are counted at once; what is beyond is counted as the last one's, `others`.
    package let limit: Int
    package static let interval = Duration.seconds(60)

    private struct Kind: Hashable, Sendable {
        var who: String
        var what: String
    }

    private struct Page: Hashable, Sendable {
        var toldAt: BootTime
        /// Since then; `nil`: none.
        var waiting: Refusal?
    }

    private var pages: [Kind: Page] = [:]
    /// All that were ever noted.
    package private(set) var total: Int64 = 0

    package init(limit: Int = 1_000) {
        self.limit = limit
    }

    /// - Returns: What is to be told now; `nil`: it is counted.
    package mutating func note(_ refusal: Refusal, at now: BootTime) -> Refusal? {
        total += refusal.count
        var kind = Kind(who: refusal.who, what: refusal.what)
        if pages[kind] == nil, pages.count >= limit { kind = Kind(who: "others", what: "others") }
        guard var page = pages[kind] else {
            pages[kind] = Page(toldAt: now)
            return refusal
        }
        var counted = refusal
        counted.count += page.waiting?.count ?? 0
        page.waiting = counted
        pages[kind] = page
        return nil
    }

    /// What is to be told since its minute is over.
    package mutating func due(at now: BootTime) -> [Refusal] {
        var due: [Refusal] = []
        for (kind, page) in pages where now - page.toldAt >= Self.interval {
            if let waiting = page.waiting {
                due.append(waiting)
                pages[kind] = Page(toldAt: now)
            } else {
                pages[kind] = nil
            }
        }
        return due.sorted { ($0.who, $0.what) < ($1.who, $1.what) }
    }

    /// Everything that waits, at the end.
    package mutating func drain() -> [Refusal] {
        defer { pages = [:] }
        return pages.values.compactMap(\.waiting).sorted { ($0.who, $0.what) < ($1.who, $1.what) }
    }
}
