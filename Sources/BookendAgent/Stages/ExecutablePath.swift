import Glibc

/// Where programs are.
enum ExecutablePath {
    /// The path of a program in the folder of this program's own file.
    static func beside(_ name: String) -> String {
        guard let own = resolved("/proc/self/exe"), let slash = own.lastIndex(of: "/") else { return name }
        return own[...slash] + name
    }

    /// The path with all links resolved; `nil` with `errno` when there is nothing.
    static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    /// The first executable of this name in the folders of PATH; a name with a slash is a path already.
    static func find(_ name: String, in path: String) -> String? {
        if name.contains("/") { return name }
        return path.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }
}
