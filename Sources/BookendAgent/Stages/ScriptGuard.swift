package import BookendDigest
import BookendFiles
import BookendModel
import Glibc

/// Whether a script may run: only if it lies where the server allows scripts, and nobody but root, the agent's user and the
/// one that it runs as could have put it there or can swap it.
package enum ScriptFinding: Hashable, Sendable {
    case ready(FoundScript)
    case missing
    case refused(String)

    static func find(_ stage: Stage, of plan: ScriptPlan, guarding: GuardConfiguration) -> ScriptFinding {
        find(
            stage == .preScript ? "pre_script.sh" : "post_script.sh", in: plan.directory, guarding: guarding,
            pinned: plan.sha256(of: stage))
    }

    /// - Parameters:
    ///   - directory: As the policy names it.
    ///   - pinned: The SHA-256 that the policy asks for; `nil`: none.
    package static func find(
        _ name: String, in directory: String, guarding: GuardConfiguration, pinned: String? = nil
    ) -> ScriptFinding {
        let path = directory.hasSuffix("/") ? directory + name : directory + "/" + name
        guard path.hasPrefix("/") else { return .refused("\(path) is not an absolute path") }
        guard !path.split(separator: "/").contains("..") else { return .refused("\(path) holds '..'") }
        var link = stat()
        guard lstat(path, &link) == 0 else {
            let code = errno
            return code == ENOENT || code == ENOTDIR
                ? .missing : .refused("\(path): \(String(cString: strerror(code)))")
        }
        guard let real = ExecutablePath.resolved(path) else {
            return .refused("\(path): its link leads nowhere: \(String(cString: strerror(errno)))")
        }
        guard let place = allowedDirectory(of: real, in: guarding.scriptDirectories) else {
            return .refused("\(real) is outside of the directories that this agent allows scripts to run from")
        }
        if let reason = guarding.restoredRefusal(of: real) { return .refused(reason) }
        var user: ScriptUser?
        if let name = place.user {
            user = ScriptUser.find(name)
            if user == nil { return .refused("this server has no user '\(name)', whom the agent's guard names") }
        }
        switch TrustedPath(users: [geteuid(), user?.uid ?? geteuid()]).follow(path) {
        case .refused(let reason): return .refused(reason)
        case .missing(let missing): return .refused("\(missing) was removed just now")
        case .found(let followed, let status):
            guard followed == real else { return .refused("\(path) was changed just now: it leads to \(followed)") }
            guard status.st_mode & S_IFMT == S_IFREG else { return .refused("\(real) is not a regular file") }
            guard status.st_mode & 0o111 != 0 else { return .refused("\(real) is not executable: chmod u+x it") }
        }
        let pins = guarding.pins(of: path, real: real) + [pinned].compactMap(\.self)
        let digests = pins.map { Digest($0) }
        guard digests.allSatisfy({ $0 != nil }) else { return .refused("\(path) is pinned to what is no SHA-256") }
        return .ready(
            FoundScript(
                path: path, realPath: real, user: user?.uid == geteuid() ? nil : user,
                mayGainPrivileges: place.user == nil || place.mayGainPrivileges, digests: digests.compactMap(\.self)))
    }

    /// The innermost of the allowed directories that holds this real path.
    private static func allowedDirectory(
        of real: String, in allowed: [AgentConfiguration.ScriptDirectory]
    ) -> AgentConfiguration.ScriptDirectory? {
        let places = allowed.compactMap { directory in
            ExecutablePath.resolved(directory.path).map { ($0 == "/" ? "/" : $0 + "/", directory) }
        }
        return places.filter { real.hasPrefix($0.0) }.max { $0.0.utf8.count < $1.0.utf8.count }?.1
    }
}

/// A script that may run, unless its bytes are not those that it is pinned to.
package struct FoundScript: Hashable, Sendable {
    /// Absolute, as the policy names it; it is argument 0.
    package var path: String
    /// Without links.
    package var realPath: String
    /// `nil`: the agent's own.
    package var user: ScriptUser?
    /// sudo and its like work.
    package var mayGainPrivileges: Bool
    /// It has all of these; empty: it is not pinned, and runs from where it is.
    package var digests: [Digest]
}

extension GuardConfiguration {
    /// What the server's own configuration pins a script to.
    fileprivate func pins(of path: String, real: String) -> [String] {
        scripts.filter { $0.path == path || (ExecutablePath.resolved($0.path) ?? $0.path) == real }.map(\.sha256)
    }
}
