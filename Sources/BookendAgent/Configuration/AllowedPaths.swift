import Glibc

/// Paths below which something is allowed, compared once links are resolved.
struct AllowedPaths {
    /// Absolute.
    let roots: [String]

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

    /// Whether the path lies below one of the roots, or is one.
    func contain(_ path: String) -> Bool {
        guard let real = Self.resolved(path) else { return false }
        return roots.contains { root in
            guard let root = Self.resolved(root) else { return false }
            return real == root || real.hasPrefix(root == "/" ? "/" : root + "/")
        }
    }
}

extension String {
    fileprivate var orRoot: String { isEmpty ? "/" : self }
}
