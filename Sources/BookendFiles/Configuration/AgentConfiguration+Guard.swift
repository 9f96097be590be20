extension AgentConfiguration {
    /// Where a secret is; the secret itself stands in no configuration.
    package enum SecretPlace: Hashable, Sendable {
        /// An absolute path.
        case file(String)
        /// A name that systemd's LoadCredential= or SetCredentialEncrypted= gave, below `$CREDENTIALS_DIRECTORY`.
        case credential(String)
    }

    package struct Repository: Hashable, Sendable {
        package enum Location: Hashable, Sendable {
            /// Without a password.
            case plain(String)
            /// One line, which may hold a password.
            case secret(SecretPlace)
        }

        /// `location`: as restic's `--repo` takes it, an absolute path when it is local; without a password. Or
        /// `location_file` or `location_credential`. One of the three is required.
        package var location: Location
        /// `password_file` or `password_credential`; one of the two is required.
        package var password: SecretPlace
        /// `initialize`: make the repository when it is missing; default false.
        package var initialize: Bool
        /// `environment_file` or `environment_credential`: lines `NAME=value` that restic gets as its environment; default
        /// none.
        package var environment: SecretPlace?

        package init(
            location: Location, password: SecretPlace, initialize: Bool = false, environment: SecretPlace? = nil
        ) {
            self.location = location
            self.password = password
            self.initialize = initialize
            self.environment = environment
        }
    }

    package struct Permissions: Hashable, Sendable {
        /// `script_directories`: absolute paths, or mappings; scripts run only from inside of these. Default none: no
        /// script runs.
        package var scriptDirectories: [ScriptDirectory] = []
        /// `scripts`: scripts that run only with the SHA-256 that stands here. Default none.
        package var scripts: [PinnedScript] = []
        /// `restore_directories`: absolute paths; restores write only inside of these. Default none: no restore.
        package var restoreDirectories: [String] = []
        /// `backup_paths`: absolute paths; only what is inside of these is backed up. Default empty: anything.
        package var backupPaths: [String] = []
        /// `commands`: absolute paths of the programs that engine `command` may run, or mappings. Default none.
        package var commands: [AllowedCommand] = []

        package init() {}
    }

    /// A directory that scripts may run from. As an item of the list it is its path alone, or a mapping.
    package struct ScriptDirectory: Hashable, Sendable, ExpressibleByStringLiteral {
        /// `path`: absolute; required.
        package var path: String
        /// `run_as`: a user's name; default: the agent's own user.
        package var user: String?
        /// `may_gain_privileges`: with `run_as`, whether sudo and its like work in these scripts; default false.
        package var mayGainPrivileges: Bool

        package init(path: String, user: String? = nil, mayGainPrivileges: Bool = false) {
            self.path = path
            self.user = user
            self.mayGainPrivileges = mayGainPrivileges
        }

        package init(stringLiteral path: String) { self.init(path: path) }
    }

    package struct PinnedScript: Hashable, Sendable {
        /// `path`: absolute; required.
        package var path: String
        /// `sha256`: 64 hexadecimal digits in lower case; required.
        package var sha256: String

        package init(path: String, sha256: String) {
            self.path = path
            self.sha256 = sha256
        }
    }

    /// A program that engine `command` may run. As an item of the list it is its path alone, or a mapping.
    package struct AllowedCommand: Hashable, Sendable, ExpressibleByStringLiteral {
        /// `path`: absolute; required.
        package var path: String
        /// `arguments`: all of its arguments, in order; the program runs with these and no others. Default: with any. An
        /// item more of the same path allows others.
        package var arguments: [String]?
        /// `sha256`: 64 hexadecimal digits in lower case; it holds for every item of the same path. Default: not pinned.
        package var sha256: String?

        package init(path: String, arguments: [String]? = nil, sha256: String? = nil) {
            self.path = path
            self.arguments = arguments
            self.sha256 = sha256
        }

        package init(stringLiteral path: String) { self.init(path: path) }
    }
}
