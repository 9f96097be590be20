import Glibc

/// Directories below which something is allowed, compared once links are resolved.
struct AllowedPaths {
    /// Without links.
    private let roots: [String]
    /// Why some of the directories allow nothing: others could lead them elsewhere.
    let problems: [String]

    /// - Parameter roots: Absolute.
    init(roots paths: [String]) {
        var roots: [String] = []
        var problems: [String] = []
        for path in paths {
            switch TrustedPath(users: [geteuid()]).lead(path) {
            case .found(let real, _), .missing(let real): roots.append(real)
            case .refused(let reason): problems.append("\(path) allows nothing, as \(reason)")
            }
        }
        self.roots = roots
        self.problems = problems
    }

    /// Whether a path without links lies below one of the directories, or is one.
    func hold(_ real: String) -> Bool {
        roots.contains { real == $0 || real.hasPrefix($0 == "/" ? "/" : $0 + "/") }
    }

    /// The real path, without links. What does not exist yet is resolved by its nearest parent that does.
    ///
    /// - Returns: `nil` when the path is not absolute, leads nowhere, or climbs with `..` in the part that does not exist.
    static func resolved(_ path: String) -> String? {
        guard path.hasPrefix("/") else { return nil }
        var existing = path[...]
        var rest: [Substring] = []
        while true {
            if let real = ExecutablePath.resolved(existing.isEmpty ? "/" : String(existing)) {
                return rest.reversed().reduce(real == "/" ? "" : real) { $0 + "/" + $1 }.orRoot
            }
            // A link that leads nowhere may lead somewhere by the time it is used.
            var status = stat()
            guard errno == ENOENT || errno == ENOTDIR, lstat(String(existing), &status) != 0,
                let slash = existing.lastIndex(of: "/")
            else { return nil }
            let name = existing[existing.index(after: slash)...]
            guard name != ".." else { return nil }
            if !name.isEmpty, name != "." { rest.append(name) }
            existing = existing[..<slash]
        }
    }
}

extension String {
    fileprivate var orRoot: String { isEmpty ? "/" : self }
}
