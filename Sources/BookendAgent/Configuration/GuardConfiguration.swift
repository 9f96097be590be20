package import BookendFiles
import Glibc

/// What this server allows, whatever a policy says: section `guard` of its configuration.
package typealias GuardConfiguration = AgentConfiguration.Permissions

extension GuardConfiguration {
    /// Why these sources may not be backed up here; `nil`: they may.
    ///
    /// restic follows the links on the way to a source, at a time of its own, and a source that is a link itself it does not
    /// follow. So only root and the agent's user may be able to change that way: what was looked at here is what restic
    /// reads. Who owns the source, and the directory that it lies in, does not matter.
    package func refusal(ofSources sources: [String]) -> String? {
        guard !backupPaths.isEmpty else { return nil }
        let allowed = AllowedPaths(roots: backupPaths)
        return sources.lazy.compactMap { refusal(of: $0, allowed) }.first
    }

    private func refusal(of source: String, _ allowed: AllowedPaths) -> String? {
        let names = source.split(separator: "/").filter { $0 != "." }
        guard source.hasPrefix("/"), !names.contains("..") else {
            return "\(source): a source needs an absolute path without '..'"
        }
        switch TrustedPath(users: [geteuid()]).lead("/" + names.dropLast().joined(separator: "/")) {
        case .refused(let reason):
            return
                "\(source) could be led out of this agent's guard.backup_paths, as \(reason); or back up a directory further up"
        case .found(let parent, _), .missing(let parent):
            let place = names.last.map { parent == "/" ? "/\($0)" : "\(parent)/\($0)" } ?? "/"
            // A link out would be backed up as a link, which nobody wants.
            if allowed.hold(place), AllowedPaths.resolved(source).map(allowed.hold) == true { return nil }
            let list = ([backupPaths.joined(separator: ", ")] + allowed.problems).joined(separator: "; ")
            return "\(source) is not inside of this agent's guard.backup_paths, links resolved (\(list))"
        }
    }

    /// Why a program may not be run from this place, links resolved: a restore could have put it there. The configuration
    /// refuses that by names; links may lead there all the same. `nil`: it may.
    func restoredRefusal(of real: String) -> String? {
        guard AllowedPaths(roots: restoreDirectories).hold(real) else { return nil }
        return "\(real) lies in one of this agent's guard.restore_directories: a restore could have put it there"
    }
}
