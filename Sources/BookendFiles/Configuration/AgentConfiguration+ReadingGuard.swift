import BookendModel
import Yams

/// The sections of `agent.yaml` that say what the server allows, and with which secrets.
extension AgentConfiguration {
    static let repositoryKeys = KeyTable(
        "repositories",
        [
            "location": "where the repository is, as restic's --repo takes it",
            "location_file": "the absolute path of a file that holds the location",
            "location_credential": "the name of a systemd credential that holds the location",
            "password_file": "the absolute path of a file that holds the password",
            "password_credential": "the name of a systemd credential that holds the password",
            "initialize": "true or false",
            "environment_file": "the absolute path of a file with lines NAME=value",
            "environment_credential": "the name of a systemd credential with lines NAME=value",
        ])
    static let guardKeys = KeyTable(
        "guard",
        [
            "script_directories": "a list of absolute paths, or of mappings with path and run_as",
            "scripts": "a list of mappings with path and sha256",
            "restore_directories": "a list of absolute paths", "backup_paths": "a list of absolute paths",
            "commands": "a list of absolute paths, or of mappings with path, arguments and sha256",
        ])
    static let scriptDirectoryKeys = KeyTable(
        "guard.script_directories",
        [
            "path": "an absolute path", "run_as": "a user's name",
            "may_gain_privileges": "true or false",
        ])
    static let pinnedScriptKeys = KeyTable(
        "guard.scripts", ["path": "an absolute path", "sha256": "64 hexadecimal digits, as sha256sum prints them"])

    static let commandKeys = KeyTable(
        "guard.commands",
        [
            "path": "an absolute path", "arguments": "a list of texts",
            "sha256": "64 hexadecimal digits, as sha256sum prints them",
        ])

    static func repositories(_ value: YAMLValue?) -> [RepositoryName: Repository] {
        let byName = value?.dictionary { name, value -> Repository? in
            if let problem = TextRules.nameProblem(name) { value.report("'\(name.clipped)' \(problem)") }
            guard let keys = value.mapping(repositoryKeys) else { return nil }
            return Repository(
                location: location(keys), password: secret("password", keys, isRequired: true) ?? .file(""),
                initialize: keys["initialize"]?.bool() ?? false, environment: secret("environment", keys))
        }
        return Dictionary(uniqueKeysWithValues: (byName ?? [:]).map { (RepositoryName(rawValue: $0.key), $0.value) })
    }

    private static func location(_ keys: MappingReader) -> Repository.Location {
        let hasSecret = keys["location_file"] != nil || keys["location_credential"] != nil
        guard hasSecret else { return .plain(keys.required("location")?.repositoryLocation() ?? "") }
        if let plain = keys["location"] { refuse(plain, beside: "location_file or location_credential") }
        return .secret(secret("location", keys) ?? .file(""))
    }

    /// What `NAME_file` or `NAME_credential` says.
    private static func secret(_ name: String, _ keys: MappingReader, isRequired: Bool = false) -> SecretPlace? {
        let file = keys[name + "_file"]
        if let credential = keys[name + "_credential"] {
            if let file { refuse(file, beside: name + "_credential") }
            return credential.nameText().map(SecretPlace.credential)
        }
        return (file ?? (isRequired ? keys.required(name + "_file") : nil))?.absolutePath().map(SecretPlace.file)
    }

    private static func refuse(_ value: YAMLValue, beside other: String) {
        value.findings.report(
            at: value.keyPlace ?? value.place, keyPath: value.keyPath, "\(other) says the same already",
            suggestion: "leave one of them out")
    }

    /// - Parameter programs: What is run here beside scripts and commands, by the keys that name it.
    static func permissions(
        _ value: YAMLValue?, stateDirectory: String, programs: [(key: String, path: String)]
    ) -> Permissions {
        var result = Permissions()
        guard let keys = value?.mapping(guardKeys) else { return result }
        result.scriptDirectories = keys["script_directories"]?.list(scriptDirectory) ?? []
        result.scripts = keys["scripts"]?.list(pinnedScript) ?? []
        result.backupPaths = keys["backup_paths"]?.absolutePaths() ?? []
        result.commands = keys["commands"]?.list(command) ?? []
        let places = RestorePlaces(result, stateDirectory: stateDirectory, others: programs)
        result.restoreDirectories =
            keys["restore_directories"]?.list { item in
                guard let path = item.absolutePath() else { return nil }
                if let problem = places.problem(of: path) {
                    item.report(problem.message, suggestion: problem.suggestion)
                }
                return path
            } ?? []
        return result
    }

    private static func scriptDirectory(_ value: YAMLValue) -> ScriptDirectory? {
        guard value.isMapping else { return value.absolutePath().map { ScriptDirectory(path: $0) } }
        guard let keys = value.mapping(scriptDirectoryKeys) else { return nil }
        let directory = ScriptDirectory(
            path: keys.required("path")?.absolutePath() ?? "", user: keys["run_as"]?.userName(),
            mayGainPrivileges: keys["may_gain_privileges"]?.bool() ?? false)
        if let stray = keys["may_gain_privileges"], keys["run_as"] == nil {
            stray.report(
                "has no meaning without run_as: scripts of the agent's own user keep what that user may do",
                suggestion: "leave it out")
        }
        return directory
    }

    private static func command(_ value: YAMLValue) -> AllowedCommand? {
        guard value.isMapping else { return value.absolutePath().map { AllowedCommand(path: $0) } }
        guard let keys = value.mapping(commandKeys) else { return nil }
        return AllowedCommand(
            path: keys.required("path")?.absolutePath() ?? "",
            arguments: keys["arguments"].map { $0.list { $0.string() } ?? [] }, sha256: keys["sha256"]?.sha256())
    }

    private static func pinnedScript(_ value: YAMLValue) -> PinnedScript? {
        guard let keys = value.mapping(pinnedScriptKeys) else { return nil }
        return PinnedScript(
            path: keys.required("path")?.absolutePath() ?? "", sha256: keys.required("sha256")?.sha256() ?? "")
    }
}

extension YAMLValue {
    fileprivate var isMapping: Bool {
        if case .mapping = node { true } else { false }
    }

    fileprivate func nameText() -> String? {
        guard let text = string() else { return nil }
        guard let problem = TextRules.nameProblem(text) else { return text }
        report("'\(text.clipped)' \(problem)")
        return nil
    }

    fileprivate func userName() -> String? {
        guard let text = string() else { return nil }
        let isName =
            text.utf8.count <= 32
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
                default: false
                }
            }
        if isName, let first = text.utf8.first, first != 0x2D, !text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            return text
        }
        report("'\(text.clipped)' is not a user's name: 1 to 32 of A–Z a–z 0–9 . _ -, and no number")
        return nil
    }

    fileprivate func sha256() -> String? {
        guard let text = string() else { return nil }
        guard let problem = TextRules.sha256Problem(text) else { return text }
        report("'\(text.clipped)' \(problem)")
        return nil
    }
}
