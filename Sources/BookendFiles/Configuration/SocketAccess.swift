/// Who may connect to a daemon's Unix sockets, as their files say it. Whoever may counts as an admin.
package struct SocketAccess: Hashable, Sendable {
    package enum Mode: String, Hashable, Sendable, CaseIterable {
        case owner = "0600"
        case ownerAndGroup = "0660"
    }

    /// `socket_mode`: 0600 (the daemon's user) or 0660 (its group too); default 0660. Nobody else can be let in.
    package var mode = Mode.ownerAndGroup
    /// `socket_group`: the name of the group that the sockets belong to; default the daemon's own. The daemon's user must be
    /// in it.
    package var group: String?

    package init() {}

    static let modeHint = "0600 or 0660"
    static let groupHint = "the name of a group"

    static func read(_ keys: MappingReader) -> SocketAccess {
        var result = SocketAccess()
        result.mode = keys["socket_mode"]?.enumeration(Mode.self) ?? result.mode
        if let value = keys["socket_group"], let group = value.string() {
            let isName =
                (1...32).contains(group.utf8.count)
                && group.utf8.allSatisfy { byte in
                    switch byte {
                    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
                    default: false
                    }
                }
            if isName {
                result.group = group
            } else {
                value.report("'\(group.clipped)' is not the name of a group")
            }
            if result.mode == .owner {
                value.report("a group is of no use with socket_mode 0600", suggestion: "write socket_mode: 0660")
            }
        }
        return result
    }
}
