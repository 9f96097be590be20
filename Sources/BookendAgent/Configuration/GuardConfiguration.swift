package import BookendFiles

/// What this server allows, whatever a policy says: section `guard` of its configuration.
package typealias GuardConfiguration = AgentConfiguration.Permissions

extension GuardConfiguration {
    /// Why these sources may not be backed up here; `nil`: they may. Links are resolved; restic itself follows none.
    func refusal(ofSources sources: [String]) -> String? {
        guard !backupPaths.isEmpty else { return nil }
        let allowed = AllowedPaths(roots: backupPaths)
        guard let source = sources.first(where: { !allowed.contain($0) }) else { return nil }
        return "\(source) is not inside of this agent's guard.backup_paths (\(backupPaths.joined(separator: ", ")))"
    }
}
