/// What becomes of starts that passed while the agent was away.
package enum CatchUpRule: String, Hashable, Sendable, CaseIterable {
    /// They are skipped.
    case none
    /// The latest of them is made up for when the agent is back, in a window of its own; the others are skipped.
    case latest
}

/// What becomes of a start whose agent is offline.
package enum OfflineRule: String, Hashable, Sendable, CaseIterable {
    /// It waits for the agent to the end of its window.
    case queue
    /// It has failed (31), once the agent had a few minutes to come.
    case fail
    /// Nothing: it was not meant for a server that is switched off.
    case skip
}

/// What becomes of a start while an earlier job of the policy is not over on the agent. Jobs that somebody ordered always
/// queue.
package enum OverlapRule: String, Hashable, Sendable, CaseIterable {
    case queue
    /// The new one is skipped.
    case skip
    /// The earlier one is canceled, unless its post-script runs already.
    case replace
}

/// What becomes of a start, and of the earlier jobs of its policy that are not over on the agent.
package enum OverlapVerdict: Hashable, Sendable {
    /// Jobs of one policy queue.
    case queues
    case isSkipped(becauseOf: JobID)
    /// The earlier ones are canceled.
    case replaces([JobID])
}

extension Policy {
    /// - Parameter earlier: Jobs that are not over, and not skipped either.
    package func verdict(on trigger: Trigger, beside earlier: [JobID]) -> OverlapVerdict {
        guard !trigger.cause.isAsked, let first = earlier.min() else { return .queues }
        switch overlap {
        // What runs now may be the backup that it would come after.
        case _ where afterSuccess != nil: return .isSkipped(becauseOf: first)
        case .queue: return .queues
        case .skip: return .isSkipped(becauseOf: first)
        case .replace: return .replaces(earlier.sorted())
        }
    }

    /// What a job is that comes after its deadline.
    package func lateStatus(of trigger: Trigger) -> Status {
        whenAgentOffline == .fail && !trigger.cause.isAsked ? .agentOffline : .skipped
    }
}

extension Trigger {
    /// A trigger without a window that comes so long after its start is late.
    private static let lateness = Duration.seconds(3_600)

    /// The trigger as a policy that catches up runs it: one that comes after its window, and before its deadline, gets a
    /// window of the same length from now on.
    ///
    /// The deadline of such a policy's triggers is its next start, so that only the latest is made up for.
    package func caughtUp(at now: UnixTime) -> Trigger {
        guard cause == .schedule || cause == .autonomous, now <= notAfter else { return self }
        guard now >= windowEnd ?? scheduledStart + Self.lateness else { return self }
        var trigger = self
        trigger.cause = .catchUp
        trigger.windowEnd = windowEnd.map { now + ($0 - scheduledStart) }
        return trigger
    }
}
