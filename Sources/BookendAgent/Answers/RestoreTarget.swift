package import BookendModel
import FoundationEssentials
import Glibc

/// The directory that a restore writes into.
///
/// It lies inside of a directory that this server allows, after links are resolved; root or the agent's user alone can
/// write to it and to all above it; and it is new or empty, so that no link in it leads what is restored elsewhere. Each
/// place is opened below the one before, without following links: nothing can be swapped between the look and the use.
package struct RestoreTarget {
    /// Without links.
    package let path: String
    /// Directories that were missing, each below the one before.
    private let made: [String]

    /// Makes the directory (0700) if it is missing.
    ///
    /// Links of the target are resolved once: who changes one of them meanwhile comes too early or too late.
    ///
    /// - Parameter resolving: How links are resolved; `nil`: as this server's file system has them.
    /// - Throws: ``RemoteFailure``: it is not allowed, not safe, not empty, or cannot be made.
    package init(
        _ target: String, allowed: [String], resolving: ((String) -> String?)? = nil
    ) throws(RemoteFailure) {
        guard target.hasPrefix("/"), !target.split(separator: "/").contains("..") else {
            throw RemoteFailure(.invalid, "\(target): a restore needs an absolute path without '..'")
        }
        let roots = AllowedPaths(roots: allowed)
        guard let real = (resolving ?? AllowedPaths.resolved)(target), roots.hold(real) else {
            let names = allowed.isEmpty ? "it allows none" : "it allows " + allowed.joined(separator: ", ")
            let list = ([names] + roots.problems).joined(separator: "; ")
            throw RemoteFailure(
                .refused, "\(target) is not inside of this agent's guard.restore_directories, links resolved: \(list)")
        }
        var made: [String] = []
        do throws(RemoteFailure) {
            let directory = try Self.open(real, &made)
            defer { close(directory) }
            guard try Self.isEmpty(directory, real) else {
                throw RemoteFailure(
                    .refused,
                    "\(target) is not empty, and a link in it could lead files elsewhere: name a new directory")
            }
        } catch {
            Self.remove(made)
            throw error
        }
        path = real
        self.made = made
    }

    /// Removes the directories that were made for the restore, as far as they are empty.
    ///
    /// - Returns: `false`: something lies in the target, and all stays.
    @discardableResult
    package func removeIfEmpty() -> Bool {
        // One that cannot be looked into is left to whoever looks after it.
        guard (try? FileManager.default.contentsOfDirectory(atPath: path))?.isEmpty == true else { return false }
        Self.remove(made)
        return true
    }

    private static func remove(_ directories: [String]) {
        // Another restore may have its own below one of them: that one stays, with all above it.
        for directory in directories.reversed() {
            guard rmdir(directory) == 0 else { return }
        }
    }

    /// Opens the directory name by name, and makes those that are missing.
    private static func open(_ path: String, _ made: inout [String]) throws(RemoteFailure) -> Int32 {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        var directory = Glibc.open("/", flags)
        var place = "/"
        try check(directory, place)
        for name in path.split(separator: "/").map(String.init) {
            place += place == "/" ? name : "/" + name
            var next = openat(directory, name, flags)
            if next < 0, errno == ENOENT {
                // Whoever else makes it first made what is checked next.
                let isOwn = mkdirat(directory, name, 0o700) == 0
                if isOwn { made.append(place) }
                next = isOwn || errno == EEXIST ? openat(directory, name, flags) : -1
            }
            let code = errno
            close(directory)
            guard next >= 0 else {
                throw RemoteFailure(.failed, "\(place): cannot be made or opened: \(String(cString: strerror(code)))")
            }
            directory = next
            try check(directory, place)
        }
        return directory
    }

    /// Closes the descriptor when it throws.
    private static func check(_ directory: Int32, _ place: String) throws(RemoteFailure) {
        var status = stat()
        var reason: String?
        if fstat(directory, &status) != 0 {
            reason = String(cString: strerror(errno))
        } else if status.st_uid != 0, status.st_uid != geteuid() {
            reason = "belongs to user \(status.st_uid), neither root nor the agent's user"
        } else if status.st_mode & 0o022 != 0 {
            reason = "can be written by others: chmod go-w it"
        }
        guard let reason else { return }
        close(directory)
        throw RemoteFailure(.refused, "\(place) \(reason): what is restored there could be led elsewhere")
    }

    private static func isEmpty(_ directory: Int32, _ path: String) throws(RemoteFailure) -> Bool {
        guard let stream = fdopendir(fcntl(directory, F_DUPFD_CLOEXEC, 0)) else {
            throw RemoteFailure(.failed, "\(path): \(String(cString: strerror(errno)))")
        }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { return false }
        }
        return true
    }
}
