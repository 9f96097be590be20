import BookendDaemon
package import BookendFiles

/// A repository, by the secrets that only this server knows.
package struct RepositoryConfiguration: Hashable, Sendable {
    package enum Location: Hashable, Sendable {
        /// As restic takes it.
        case plain(String)
        /// In a file, whose text may hold a password: never printed, never an argument, never in an environment.
        case file(String)
    }

    package var location: Location
    package var passwordFile: String
    /// A repository that is not there yet is made by the first backup.
    package var initializes: Bool
    /// More for restic's environment, such as the keys of an object store.
    package var environment: [String: String]
    /// Where the environment was read from.
    private var environmentFile: String?

    package init(
        location: Location, passwordFile: String, initializes: Bool = false, environment: [String: String] = [:]
    ) {
        self.location = location
        self.passwordFile = passwordFile
        self.initializes = initializes
        self.environment = environment
    }

    /// Resolves what a configuration names.
    ///
    /// - Throws: ``AgentError`` when a credential was not given, a file with a secret is open to others, or the environment
    ///   cannot be read.
    package init(
        _ repository: AgentConfiguration.Repository, credentials: CredentialDirectory
    ) throws(AgentError) {
        let location: Location =
            switch repository.location {
            case .plain(let text): .plain(text)
            case .secret(let place): .file(try credentials.path(of: place))
            }
        self.init(
            location: location, passwordFile: try credentials.path(of: repository.password),
            initializes: repository.initialize)
        if let place = repository.environment { environmentFile = try credentials.path(of: place) }
        if let problem = openSecret { throw AgentError(.configuration, problem) }
        if let environmentFile { environment = try EnvironmentFile.read(path: environmentFile) }
    }

    /// Which of the files with its secrets others could read or change now, and what to type; `nil`: none. A file that is
    /// not there is its user's to name.
    package var openSecret: String? {
        var files = [passwordFile]
        if case .file(let path) = location { files.append(path) }
        if let environmentFile { files.append(environmentFile) }
        return files.lazy.compactMap { SecretFileRule.problem(of: $0) }.first
    }

    /// What must be told to nobody: the password, the keys in the environment, a location's password. Read anew each
    /// time, as files may change.
    package var secrets: SecretTexts {
        var texts: [String] = []
        for (name, value) in environment {
            // A proxy may be named without its scheme, and with a password.
            texts +=
                Self.isPublic(name)
                ? SecretTexts.parts(ofLocation: value.contains("://") ? value : "//" + value) : [value]
        }
        texts += SecretTexts.lines(ofFile: passwordFile)
        if case .file(let path) = location {
            for line in SecretTexts.lines(ofFile: path) { texts += SecretTexts.parts(ofLocation: line) }
        }
        return SecretTexts(texts)
    }

    /// Names under which nobody keeps a secret, but for the password of an address; hiding `true` or a region's name in messages would only harm.
    private static func isPublic(_ name: String) -> Bool {
        ["REGION", "PROXY", "PATH", "HOME", "TMPDIR", "LANG", "TZ"].contains { name.uppercased().hasSuffix($0) }
    }
}

/// Where systemd puts the credentials of the agent's unit.
package struct CredentialDirectory: Sendable {
    /// `nil`: the agent was started without any.
    package var path: String?

    package init(path: String?) { self.path = path }

    /// - Throws: ``AgentError`` for a credential that is not there.
    func path(of place: AgentConfiguration.SecretPlace) throws(AgentError) -> String {
        switch place {
        case .file(let path): return path
        case .credential(let name):
            guard let path else {
                throw AgentError(
                    .configuration,
                    "credential '\(name)': this agent was given no credentials; CREDENTIALS_DIRECTORY is not set. "
                        + "Put LoadCredential=\(name):/path into its unit, or name a file instead")
            }
            guard SecretTexts.isReadable("\(path)/\(name)") else {
                throw AgentError(
                    .configuration,
                    "credential '\(name)' is not below \(path): put LoadCredential=\(name):/path into the agent's unit")
            }
            return "\(path)/\(name)"
        }
    }
}
