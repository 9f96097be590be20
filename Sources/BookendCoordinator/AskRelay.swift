import BookendModel
import BookendTransport

/// The questions that are open between operators and agents.
struct AskRelay {
    struct Ask: Hashable, Sendable {
        let client: Client
        let agent: AgentID
        /// The answer may pause for as long as the job is quiet.
        let isFollowing: Bool
        /// An answer came since the client was last probed.
        var isFresh = true
        /// What came of it stands in the audit log.
        var hasOutcome = false
    }

    /// Open questions at once, of all clients; one more is refused.
    static let limit = 256
    /// Chunks that an agent may send before the client gave any credit.
    static let firstCredit = 16

    /// Random at first: an agent may still have questions that an earlier coordinator opened.
    private var nextID = UInt64.random(in: 1...(1 << 62))
    private var asks: [UInt64: Ask] = [:]

    var count: Int { asks.count }

    subscript(id: UInt64) -> Ask? { asks[id] }

    /// Not when there are too many, or the client has one under this number.
    func hasRoom(for client: Client) -> Bool { asks.count < Self.limit && id(of: client) == nil }

    /// - Returns: The id of the question.
    mutating func open(_ request: AskRequest, of agent: AgentID, for client: Client) -> UInt64 {
        var isFollowing = false
        if case .logs(_, _, _, follow: true) = request { isFollowing = true }
        nextID += 1
        asks[nextID] = Ask(client: client, agent: agent, isFollowing: isFollowing)
        return nextID
    }

    /// A number for a question that is the coordinator's own.
    mutating func number() -> UInt64 {
        nextID += 1
        return nextID
    }

    func id(of client: Client) -> UInt64? {
        asks.first {
            $0.value.client.route == client.route && $0.value.client.door == client.door
                && $0.value.client.request == client.request
        }?.key
    }

    /// - Returns: Whether it is the first.
    mutating func noteOutcome(of id: UInt64) -> Bool {
        guard asks[id]?.hasOutcome == false else { return false }
        asks[id]?.hasOutcome = true
        return true
    }

    mutating func refresh(_ id: UInt64) { asks[id]?.isFresh = true }

    mutating func close(_ id: UInt64) -> Ask? { asks.removeValue(forKey: id) }

    mutating func close(agent: AgentID) -> [(id: UInt64, ask: Ask)] { close { $0.agent == agent } }

    mutating func close(author: String) -> [(id: UInt64, ask: Ask)] { close { $0.client.author == author } }

    mutating func close(route: Route, door: Doors.Name) -> [(id: UInt64, ask: Ask)] {
        close { $0.client.route == route && $0.client.door == door }
    }

    mutating func closeAll() -> [(id: UInt64, ask: Ask)] { close { _ in true } }

    private mutating func close(where isMeant: (Ask) -> Bool) -> [(id: UInt64, ask: Ask)] {
        let closed = asks.filter { isMeant($0.value) }.map { (id: $0.key, ask: $0.value) }
        for (id, _) in closed { asks[id] = nil }
        return closed
    }

    /// Followed questions that were quiet since the last call: only sending shows whether their client is still there.
    mutating func quiet() -> [Ask] {
        let quiet = asks.values.filter { $0.isFollowing && !$0.isFresh }
        for id in asks.keys { asks[id]?.isFresh = false }
        return quiet
    }
}
