import Glibc

/// Follows a path as the kernel would, name by name and link by link, and looks at each place on the way: only root and the
/// trusted users may own it, and nobody else may write to it. A sticky bit does not excuse. What was followed so can be
/// changed by nobody else afterwards.
struct TrustedPath {
    /// Beside root.
    let users: Set<uid_t>

    enum Finding {
        /// Without links, and what is there.
        case found(path: String, status: stat)
        /// Without links: nothing is there, and nobody else can put something there.
        case missing(path: String)
        /// What is in the way, for people.
        case refused(String)
    }

    private static let mostLinks = 40

    /// - Parameter path: Absolute, of something that is there.
    func follow(_ path: String) -> Finding { walk(path, trustsEnd: true) }

    /// Where a path leads, whoever may write to what is there: nobody else can lead it elsewhere.
    ///
    /// - Parameter path: Absolute. What is not there yet must not climb with `..`.
    func lead(_ path: String) -> Finding { walk(path, trustsEnd: false) }

    private func walk(_ path: String, trustsEnd: Bool) -> Finding {
        var done: [Substring] = []
        var rest = Array(path.split(separator: "/").reversed())
        var links = 0
        var status = stat()
        guard lstat("/", &status) == 0 else { return .refused("/: \(Self.lastError)") }
        // Of the place that `done` names: it matters once a name is looked up there.
        var reason = distrust("/", status)
        while let name = rest.popLast() {
            if name == "." { continue }
            if let reason { return .refused(reason) }
            if name == ".." {
                // Of a link: the parent of a real directory, which was looked at on the way to it.
                _ = done.popLast()
                continue
            }
            let place = "/" + (done + [name]).joined(separator: "/")
            guard lstat(place, &status) == 0 else {
                let code = errno
                guard !trustsEnd, code == ENOENT, !rest.contains("..") else {
                    return .refused(
                        "\(place)\(links > 0 ? ", where a link leads to" : ""): \(String(cString: strerror(code)))")
                }
                let further = rest.reversed().filter { $0 != "." }.map { "/" + $0 }
                return .missing(path: place + further.joined())
            }
            guard status.st_mode & S_IFMT == S_IFLNK else {
                reason = distrust(place, status)
                done.append(name)
                continue
            }
            links += 1
            guard links <= Self.mostLinks else { return .refused("\(path): too many links") }
            guard let target = Self.target(of: place) else { return .refused("\(place): \(Self.lastError)") }
            if target.hasPrefix("/") { done = [] }
            rest += target.split(separator: "/").reversed()
        }
        if trustsEnd, let reason { return .refused(reason) }
        let real = "/" + done.joined(separator: "/")
        guard lstat(real, &status) == 0 else { return .refused("\(real): \(Self.lastError)") }
        return .found(path: real, status: status)
    }

    private func distrust(_ path: String, _ place: stat) -> String? {
        guard place.st_uid == 0 || users.contains(place.st_uid) else {
            return "\(path) belongs to user \(place.st_uid), neither root nor \(whose)"
        }
        guard place.st_mode & 0o022 == 0 else { return "\(path) can be written by others: chmod go-w it" }
        return nil
    }

    private var whose: String {
        users.isSubset(of: [geteuid()]) ? "the agent's user" : "the agent's user, nor the one that it would run as"
    }

    private static func target(of link: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = buffer.withUnsafeMutableBytes { readlink(link, $0.baseAddress!, $0.count) }
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }

    private static var lastError: String { String(cString: strerror(errno)) }
}
