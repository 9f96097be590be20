import BookendDigest
import BookendFiles
package import BookendModel
import Glibc

extension ScriptFinding {
    /// Whether a program may be the engine of a policy: only if the server allows it, with just these arguments where it says
    /// which, and nobody but root and the agent's user could have put it there or can swap it.
    package static func find(_ plan: CommandPlan, guarding: GuardConfiguration) -> ScriptFinding {
        let path = plan.program
        let entries = guarding.commands.filter { $0.path == path }
        guard !entries.isEmpty else {
            return .refused("\(path) is not among the commands that this agent's configuration allows")
        }
        guard entries.contains(where: { $0.arguments == nil || $0.arguments == plan.arguments }) else {
            return .refused("this agent's guard.commands allows \(path), but not with these arguments")
        }
        var status = stat()
        guard lstat(path, &status) == 0 else {
            let code = errno
            return code == ENOENT || code == ENOTDIR
                ? .missing : .refused("\(path): \(String(cString: strerror(code)))")
        }
        let real: String
        switch TrustedPath(users: [geteuid()]).follow(path) {
        case .refused(let reason): return .refused(reason)
        case .missing(let missing): return .refused("\(missing) was removed just now")
        case .found(let followed, let status):
            guard status.st_mode & S_IFMT == S_IFREG else { return .refused("\(followed) is not a regular file") }
            guard status.st_mode & 0o111 != 0 else { return .refused("\(followed) is not executable: chmod u+x it") }
            real = followed
        }
        if let reason = guarding.restoredRefusal(of: real) { return .refused(reason) }
        let digests = entries.compactMap(\.sha256).map { Digest($0) }
        guard digests.allSatisfy({ $0 != nil }) else { return .refused("\(path) is pinned to what is no SHA-256") }
        return .ready(
            FoundScript(
                path: path, realPath: real, user: nil, mayGainPrivileges: true, digests: digests.compactMap(\.self)))
    }
}
