/// Everything that crosses the wire, by conversation.
///
/// `request` numbers are the asker's own and come back with each answer.
package enum Envelope: Hashable, Sendable {
    // broadcast: coordinator to agent
    case policyChange(PolicyChange)
    case trigger(Trigger)
    case cancel(JobID)
    case slotChange(SlotChange)

    // sync: agent and coordinator
    case hello(Hello)
    case syncSnapshot(SyncSnapshot)
    case heartbeat(Heartbeat)
    case heartbeatReply(HeartbeatReply)
    /// The trigger is durably in the agent's journal.
    case triggerAck(JobID)
    case cancelAck(JobID)
    /// The agent knows another job by this id: the order must go on under a new one.
    case triggerConflict(JobID)
    /// "Not now, I have many hellos to answer: say it again after this time."
    case helloLater(Duration)

    // ask: on the same sockets
    case askCall(AskCall)
    case askReply(AskReply)

    // roster: collector and coordinator
    case rosterRequest(RosterRequest)
    case rosterReply(RosterReply)

    // intake: agent and collector
    case intake(IntakeMessage)
    case intakeAck(IntakeAck)
    case beaconReply(BeaconReply)

    // feed: collector to any subscriber
    case feedEntry(FeedEntry)
    /// Also from an agent to its collector, over intake. Latest value only; unnumbered; may be lost.
    case progress(Progress)

    // query and control: clients and servers
    case query(request: UInt64, Query)
    case queryReply(request: UInt64, QueryReply)
    case control(request: UInt64, ControlRequest)
    case controlReply(request: UInt64, ControlReply)

    // enrollment: a newcomer and the gate
    case enrollRequest(EnrollRequest)
    case enrollReply(EnrollReply)
}

/// The version of the protocol that this build speaks.
package enum ProtocolVersion {
    /// A message of a higher major version is refused.
    package static let major: UInt32 = 1
    package static let minor: UInt32 = 0
    /// The version of the programs, `MAJOR.MINOR.PATCH`.
    package static let software = "0.1.0"
}

/// Topics of the published streams. A subscription is a prefix, so each topic ends in a byte that no name holds.
package enum Topic {
    /// Everything that the coordinator publishes to one agent.
    package static func agent(_ id: AgentID) -> String { "agent/\(id)/" }
    /// What a publisher sends to each new subscriber, as the only frame: "you are connected".
    package static let welcome = Array("welcome".utf8)
    /// Stored reports.
    package static let feed = "feed/"
    /// Progress of running backups; may be lost.
    package static let progress = "progress/"
}
