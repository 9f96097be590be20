import Glibc

/// Another user than the agent's, as whom scripts run.
package struct ScriptUser: Hashable, Sendable {
    package var name: String
    package var uid: UInt32
    package var gid: UInt32
    /// All groups of the user, its own one included.
    package var groups: [UInt32]
    package var home: String

    /// Looks a user up; asked before each run, so that a change on the server holds at once. `nil`: there is none.
    package static func find(_ name: String) -> ScriptUser? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 64 << 10)
        guard getpwnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        var count = Int32(1_024)
        var groups = [gid_t](repeating: 0, count: Int(count))
        guard getgrouplist(name, entry.pw_gid, &groups, &count) >= 0 else { return nil }
        return ScriptUser(
            name: name, uid: entry.pw_uid, gid: entry.pw_gid, groups: Array(groups.prefix(Int(count))),
            home: entry.pw_dir.map { String(cString: $0) } ?? "/")
    }
}
