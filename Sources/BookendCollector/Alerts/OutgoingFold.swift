import BookendModel

/// Puts messages of one channel together, so that a channel that is down for weeks has a bounded queue and loses nothing.
///
/// Notices and what was put together before become one ``AlertDigest``, as long as there are causes. Of what services that
/// count on signs of life are told, the last about each policy and agent stays, and says for how many others it stands. Only
/// messages that nobody can have got may go into it: a digest has a key of its own.
package struct OutgoingFold {
    private struct Pair: Hashable {
        var policy: PolicyName
        var agent: AgentID
    }

    private static let mark = "-and-"

    private var digest = AlertDigest()
    /// The first and the last that went into the digest.
    private var ends: (first: OutgoingMessage, last: OutgoingMessage)?
    private var pings: [Pair: OutgoingMessage] = [:]
    /// Of what went into the digest.
    private var recipients: [String]?
    package private(set) var taken = 0

    package init() {}

    /// In the order in which they wait.
    package mutating func take(_ message: OutgoingMessage) {
        taken += 1
        switch message.body {
        case .ping(let ping):
            let pair = Pair(policy: ping.policy, agent: ping.agent)
            var message = message
            if case .ping(let earlier)? = pings[pair]?.body {
                var merged = ping
                merged.folded += earlier.folded + 1
                merged.foldedFailures += earlier.foldedFailures
                if earlier.status != .running, !earlier.status.isSuccess, !earlier.status.isWithoutBackup {
                    merged.foldedFailures += 1
                }
                message.body = .ping(merged)
            }
            pings[pair] = message
            return
        case .notice(let notice):
            // A test that nobody waits for any more tells nothing.
            if notice.occasion != .test { digest.add(notice) }
        case .digest(let other): digest.add(other)
        case .letter(let letter): digest.addReport(at: letter.at)
        }
        recipients = taken == 1 ? message.recipients : Self.union(recipients, message.recipients)
        ends = (ends?.first ?? message, message)
    }

    /// `nil`: all.
    private static func union(_ left: [String]?, _ right: [String]?) -> [String]? {
        guard let left, let right else { return nil }
        return left + right.filter { !left.contains($0) }
    }

    /// What stands for all that was taken, each in the place of one of them, in order.
    package var messages: [OutgoingMessage] {
        var result = Array(pings.values)
        if let ends, digest.messages > 0 {
            var message = ends.first
            let base = message.key.firstRange(of: Self.mark).map { message.key[..<$0.lowerBound] } ?? message.key[...]
            message.key = "\(base)\(Self.mark)\(digest.messages - 1)"
            message.body = .digest(digest)
            (message.refusal, message.refusedAt) = (ends.last.refusal, ends.last.refusedAt)
            message.attempts = ends.last.attempts
            message.recipients = recipients
            message.nextAt = min(ends.first.nextAt, ends.last.nextAt)
            result.append(message)
        }
        return result.sorted { $0.id < $1.id }
    }
}
