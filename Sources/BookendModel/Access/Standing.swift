/// As what somebody asks. Each standing may do what those before it may.
package enum Standing: String, Hashable, Sendable, CaseIterable, Comparable {
    /// A key of a daemon, or one that is not admitted at all.
    case nobody
    /// A program that reads the feed.
    case subscriber
    case viewer
    case `operator`
    /// Also whoever reaches a Unix socket: its file's owner, group and mode decide on that.
    case admin

    /// Of an admitted key.
    ///
    /// - Parameter role: Of an operator; `nil`: his enrollment names none, and then he is a viewer.
    package init(of identity: PeerIdentity, role: OperatorRole?) {
        switch identity.role {
        case .agent, .collector, .coordinator: self = .nobody
        case .subscriber: self = .subscriber
        case .operator:
            switch role {
            case nil, .viewer: self = .viewer
            case .operator: self = .operator
            case .admin: self = .admin
            }
        }
    }

    package static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }

    private var rank: Int {
        switch self {
        case .nobody: 0
        case .subscriber: 1
        case .viewer: 2
        case .operator: 3
        case .admin: 4
        }
    }
}
