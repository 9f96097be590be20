import Glibc

/// Whether a script may run: only if nobody but root and the agent's user could have put it there or can swap it.
package enum ScriptFinding: Hashable, Sendable {
    /// The absolute path, as the policy names it; it is argument 0.
    case ready(String)
    case missing
    case refused(String)

    package static func find(
        _ name: String, in directory: String, allowed: [String], user: UInt32 = geteuid()
    ) -> ScriptFinding {
        let path = directory.hasSuffix("/") ? directory + name : directory + "/" + name
        guard path.hasPrefix("/") else { return .refused("\(path) is not an absolute path") }
        var link = stat()
        guard lstat(path, &link) == 0 else {
            let code = errno
            return code == ENOENT || code == ENOTDIR
                ? .missing : .refused("\(path): \(String(cString: strerror(code)))")
        }
        guard let real = ExecutablePath.resolved(path) else {
            return .refused("\(path): its link leads nowhere: \(String(cString: strerror(errno)))")
        }
        var file = stat()
        guard stat(real, &file) == 0 else { return .refused("\(real): \(String(cString: strerror(errno)))") }
        guard file.st_mode & S_IFMT == S_IFREG else { return .refused("\(real) is not a regular file") }
        let isInside = allowed.compactMap { ExecutablePath.resolved($0) }.contains {
            real.hasPrefix($0 == "/" ? "/" : $0 + "/")
        }
        guard isInside else {
            return .refused("\(real) is outside of the directories that this agent allows scripts to run from")
        }
        guard access(real, X_OK) == 0 else { return .refused("\(real) is not executable: chmod u+x it") }
        // Both ways: the path as it is named, since a folder on it could get another link, and the resolved one.
        for start in Set([path, real]) {
            for place in placesAbove(start) {
                if let reason = distrust(place, user) { return .refused(reason) }
            }
        }
        return .ready(path)
    }

    private static func placesAbove(_ path: String) -> [String] {
        var places = [path]
        var rest = path[...]
        while let slash = rest.lastIndex(of: "/") {
            rest = rest[..<slash]
            places.append(rest.isEmpty ? "/" : String(rest))
        }
        return places
    }

    private static func distrust(_ path: String, _ user: UInt32) -> String? {
        var place = stat()
        guard stat(path, &place) == 0 else { return "\(path): \(String(cString: strerror(errno)))" }
        guard place.st_uid == 0 || place.st_uid == user else {
            return "\(path) belongs to user \(place.st_uid), neither root nor the agent's user"
        }
        guard place.st_mode & 0o022 == 0 else { return "\(path) can be written by others: chmod go-w it" }
        return nil
    }
}
