/// What this server allows, whatever a policy says.
package struct GuardConfiguration: Hashable, Sendable {
    /// Scripts run only from below these; absolute paths.
    package var scriptDirectories: [String]
    /// A restore writes only below these; absolute paths.
    package var restoreDirectories: [String]
    /// The programs that the engine `command` may run; empty: none.
    package var commands: [String]

    package init(scriptDirectories: [String] = [], restoreDirectories: [String] = [], commands: [String] = []) {
        self.scriptDirectories = scriptDirectories
        self.restoreDirectories = restoreDirectories
        self.commands = commands
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
