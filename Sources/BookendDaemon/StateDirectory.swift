package import Glibc

/// The directory in which a daemon keeps its database, held by one process at a time.
package final class StateDirectory: Sendable {
    package let path: String
    /// Holds the lock until the process ends, however it ends.
    private let lock: Int32

    /// Makes the directory (0700) if it is missing, and locks it.
    ///
    /// - Throws: ``DaemonError``: the directory cannot be made or written, or another process holds it.
    package init(path: String) throws(DaemonError) {
        self.path = path
        if mkdir(path, 0o700) != 0, errno != EEXIST {
            throw DaemonError("\(path): cannot make the state directory: \(String(cString: strerror(errno)))")
        }
        let file = path + "/lock"
        lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else {
            throw DaemonError("\(file): cannot open: \(String(cString: strerror(errno)))")
        }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            close(lock)
            let holder = Self.holder(of: path).map { " (process \($0))" } ?? ""
            throw DaemonError(
                "\(path): another process\(holder) uses this state directory; stop it first, or name another one")
        }
        let text = "\(getpid())\n"
        // For people, and for `drain`. The lock holds without it.
        if ftruncate(lock, 0) == 0 { _ = pwrite(lock, text, text.utf8.count, 0) }
    }

    /// The process that holds the directory; `nil`: none, or nobody may look.
    package static func holder(of path: String) -> pid_t? {
        let file = open(path + "/lock", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        // Free: what stands there is of a process that has ended.
        guard flock(file, LOCK_SH | LOCK_NB) != 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(file, &bytes, bytes.count, 0)
        let digits = bytes.prefix(max(0, count)).prefix { $0 != UInt8(ascii: "\n") }
        return pid_t(String(decoding: digits, as: UTF8.self)).flatMap { $0 > 0 ? $0 : nil }
    }

    deinit { close(lock) }

    /// A file in the directory.
    package func file(_ name: String) -> String { "\(path)/\(name)" }
}

/// What keeps a daemon from starting.
package struct DaemonError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Names the thing, and what the operator can do next.
    package var message: String

    package init(_ message: String) { self.message = message }

    package var description: String { message }
}
