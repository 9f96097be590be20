package import BookendModel
import Synchronization

/// When each agent was last heard on the intake, and what it said that it was doing. Lives in memory only: after a start
/// nobody was heard yet.
///
/// Bounded by the number of enrolled agents: a sender is known by its key.
package final class LastHeard: Sendable {
    package struct Entry: Hashable, Sendable {
        /// By the collector's clock.
        package var at: Moment
        /// As the latest beacon named them; at most 1,000. `nil`: none came yet.
        package var activeJobs: [ActiveJob]?
        /// When that beacon came.
        package var beaconAt: Moment?
    }

    private let entries = Mutex<[AgentID: Entry]>([:])
    private let coordinator = Mutex<Moment?>(nil)
    private let records = Mutex<[AgentID: AgentRecord]>([:])
    private let picked = Mutex<PolicyCoverage?>(nil)
    private let vigil = Mutex(Vigil.fromTheStart)

    private enum Vigil {
        case fromTheStart
        case since(BootTime)
        /// Nobody is heard.
        case cutOff
    }

    package init() {}

    /// Any message of the agent came.
    package func hear(_ agent: AgentID, at now: Moment) {
        entries.withLock { $0[agent, default: Entry(at: now)].at = now }
    }

    package func take(_ beacon: IntakeBeacon, from agent: AgentID, at now: Moment) {
        entries.withLock { $0[agent] = Entry(at: now, activeJobs: beacon.activeJobs, beaconAt: now) }
    }

    /// What the coordinator says of every agent.
    package func take(_ agents: [AgentRecord]) {
        let known = Dictionary(agents.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
        records.withLock { $0 = known }
    }

    /// As the coordinator said last; empty: it has not since the collector started.
    package var agentRecords: [AgentID: AgentRecord] { records.withLock(\.self) }

    /// Whom policies pick, as the coordinator said last; `nil`: it has not since the collector started.
    package var coverage: PolicyCoverage? { picked.withLock { $0 } }

    package func take(_ coverage: PolicyCoverage) {
        picked.withLock { $0 = coverage }
    }

    /// Since when silence counts: an agent that is not heard while others are, or the coordinator is, is silent. After a time in
    /// which nobody was heard it counts anew.
    ///
    /// - Parameter start: When the collector started.
    /// - Returns: `nil`: nobody was heard for `patience`.
    package func watchingSince(_ start: BootTime, patience: Duration, at now: BootTime) -> BootTime? {
        let latest = (all.values.map(\.at.boot) + [coordinatorHeardAt?.boot].compactMap(\.self)).max()
        let isHeard = latest.map { now - $0 < patience } ?? false
        return vigil.withLock { vigil -> BootTime? in
            switch (vigil, isHeard) {
            case (.fromTheStart, true): return start
            case (.since(let time), true): return time
            case (.cutOff, true):
                vigil = .since(now)
                return now
            case (_, false):
                // At the start nobody was heard yet.
                if now - start >= patience { vigil = .cutOff }
                return nil
            }
        }
    }

    /// The coordinator answered.
    package func hearCoordinator(at now: Moment) {
        coordinator.withLock { $0 = now }
    }

    /// `nil`: not since the collector started.
    package var coordinatorHeardAt: Moment? { coordinator.withLock { $0 } }

    /// `nil`: not heard since the collector started.
    package subscript(agent: AgentID) -> Entry? { entries.withLock { $0[agent] } }

    package var all: [AgentID: Entry] { entries.withLock { $0 } }
}
