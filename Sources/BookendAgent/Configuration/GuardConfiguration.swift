/// What this server allows, whatever a policy says.
package struct GuardConfiguration: Hashable, Sendable {
    /// Scripts run only from below these; absolute paths.
    package var scriptDirectories: [String]
    /// A restore writes only below these; absolute paths.
    package var restoreDirectories: [String]
    /// Only what is below these is backed up; absolute paths; empty: anything.
    package var backupPaths: [String]
    /// The programs that the engine `command` may run; empty: none.
    package var commands: [String]

    package init(
        scriptDirectories: [String] = [], restoreDirectories: [String] = [], backupPaths: [String] = [],
        commands: [String] = []
    ) {
        self.scriptDirectories = scriptDirectories
        self.restoreDirectories = restoreDirectories
        self.backupPaths = backupPaths
        self.commands = commands
    }
}

extension GuardConfiguration {
    /// Why these sources may not be backed up here; `nil`: they may. Links are resolved; restic itself follows none.
    func refusal(ofSources sources: [String]) -> String? {
        guard !backupPaths.isEmpty else { return nil }
        let allowed = AllowedPaths(roots: backupPaths)
        guard let source = sources.first(where: { !allowed.contain($0) }) else { return nil }
        return "\(source) is not inside of this agent's guard.backup_paths (\(backupPaths.joined(separator: ", ")))"
    }
}

/// A repository, by the secrets that only this server knows.
package struct RepositoryConfiguration: Hashable, Sendable {
    /// As restic takes it; may hold a secret: never printed, never an argument.
    package var location: String
    package var passwordFile: String
    /// A repository that is not there yet is made by the first backup.
    package var initializes: Bool
    /// More for restic's environment, such as the keys of an object store.
    package var environment: [String: String]

    package init(
        location: String, passwordFile: String, initializes: Bool = false, environment: [String: String] = [:]
    ) {
        self.location = location
        self.passwordFile = passwordFile
        self.initializes = initializes
        self.environment = environment
    }
}
