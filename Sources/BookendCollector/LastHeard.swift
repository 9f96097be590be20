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
