/// Who may connect to a Unix socket, as its file says it. Others than owner and group never may.
package struct UnixSocketAccess: Hashable, Sendable {
    package enum Mode: Hashable, Sendable {
        /// 0600
        case owner
        /// 0660
        case ownerAndGroup

        var bits: UInt32 {
            switch self {
            case .owner: 0o600
            case .ownerAndGroup: 0o660
            }
        }
    }

    package var mode: Mode
    /// `nil`: the daemon's own.
    package var group: String?

    package init(mode: Mode = .ownerAndGroup, group: String? = nil) {
        self.mode = mode
        self.group = group
    }
}
