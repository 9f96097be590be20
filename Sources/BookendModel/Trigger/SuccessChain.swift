/// What an agent says of its good backups of a policy.
package enum LastGoodBackup: Hashable, Sendable {
    case never
    /// The end of the latest, by the agent's wall clock.
    case at(UnixTime)

    package var time: UnixTime? {
        if case .at(let time) = self { time } else { nil }
    }
}

/// The starts of a policy whose jobs start so long after its last good backup, on one agent.
///
/// ```
/// good at 0 h, every 24 h     24 h, 48 h, 72 h …      planned ahead, each with its job
/// the one of 24 h is good     at 25 h: 49 h, 73 h …   in their place
/// the one of 24 h fails       48 h, 72 h …            as they were
/// none was ever good          now, and so on from there
/// ```
///
/// The agent carries them like any others. Cut off, it starts them by itself, each no sooner than it should after the backup
/// that was good last, which the coordinator does not know of yet.
package enum SuccessChain {
    /// Starts that are planned ahead for one agent, at most: with a day between them as long as any others.
    package static let length = 14
    package static let intervals = Duration.seconds(60)...Duration.seconds(7 * 86_400)

    /// The starts from now on, without splay.
    ///
    /// - Parameter known: The starts that were planned so far, past ones too, without splay.
    package static func starts(
        every interval: Duration, after last: LastGoodBackup, known: [UnixTime], from now: UnixTime, through: UnixTime
    ) -> [UnixTime] {
        guard interval >= .seconds(1) else { return [] }
        // By a clock that is far ahead it says nothing.
        let good = last.time.flatMap { $0 > now + interval ? nil : $0 }
        let first: UnixTime
        if let due = good.map({ $0 + interval }), due > now {
            first = due
        } else if let past = known.filter({ $0 <= now && $0 > good ?? UnixTime(milliseconds: .min) }).max() {
            // That one has had its chance.
            let passed = (now - past).milliseconds / interval.milliseconds + 1
            first = past + .milliseconds(passed * interval.milliseconds)
        } else {
            first = known.filter { $0 > now && $0 <= now + interval }.min() ?? now
        }
        return (0..<length).map { first + interval * $0 }.filter { $0 <= through }
    }
}

extension Policy {
    /// Its jobs start so long after its last good backup on an agent; `nil`: they do not. Such a policy has no other schedule.
    package var afterSuccess: Duration? {
        guard schedules.count == 1, case .afterSuccess(let interval) = schedules[0].rule else { return nil }
        return interval
    }

    /// A start that was planned before a backup was good, and comes too soon after it: it is skipped.
    package func isPremature(_ trigger: Trigger, after last: UnixTime?, at now: UnixTime) -> Bool {
        guard let interval = afterSuccess, !trigger.cause.isAsked, let last, last <= now else { return false }
        return trigger.scheduledStart < last + interval && now < last + interval
    }
}
