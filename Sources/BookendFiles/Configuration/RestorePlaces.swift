/// What must not come out of a backup: an agent owns what it restores, so a restored script would be one that it trusts.
struct RestorePlaces {
    /// What this server runs: the key of `agent.yaml` that names it, and its path.
    private let programs: [(key: String, path: String)]
    private let scriptDirectories: [String]
    private let stateDirectory: String

    /// The one directory among the agent's own that restores may write below, for agents that may write nowhere else.
    private static let ownName = "restore"

    init(_ permissions: AgentConfiguration.Permissions, stateDirectory: String, others: [(key: String, path: String)]) {
        scriptDirectories = permissions.scriptDirectories.map(\.path)
        programs =
            permissions.scripts.map { ("scripts", $0.path) } + permissions.commands.map { ("commands", $0.path) }
            + others
        self.stateDirectory = stateDirectory
    }

    /// What is wrong with restores below a directory, and what to do instead; `nil`: nothing.
    func problem(of directory: String) -> (message: String, suggestion: String)? {
        let elsewhere = "name a directory for restores only, such as /var/restore"
        let names = Self.names(directory)
        for other in scriptDirectories where Self.isAbove(other, names) || names.starts(with: Self.names(other)) {
            return ("'\(directory)' overlaps script_directories ('\(other)'): what is restored would run", elsewhere)
        }
        for (key, path) in programs where Self.isAbove(path, names) {
            return (
                "\(key) names '\(path)', which lies inside of '\(directory)': what is restored would run", elsewhere
            )
        }
        let state = Self.names(stateDirectory)
        guard !state.starts(with: names) else {
            return ("'\(directory)' holds the agent's state directory ('\(stateDirectory)')", elsewhere)
        }
        guard !names.starts(with: state) || names[state.count] == Self.ownName else {
            return (
                "'\(directory)' lies among the files of the agent's state directory ('\(stateDirectory)')",
                "there, restores may write below \(stateDirectory)/\(Self.ownName)"
            )
        }
        return nil
    }

    /// Whether the path lies below the directory with these names, or is it.
    private static func isAbove(_ path: String, _ directory: [Substring]) -> Bool {
        names(path).starts(with: directory)
    }

    private static func names(_ path: String) -> [Substring] { path.split(separator: "/").filter { $0 != "." } }
}
