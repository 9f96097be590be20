import Glibc

/// Files that are whole and on disk before they have their name.
enum StoreFile {
    static func exists(_ path: String) -> Bool {
        var file = stat()
        return lstat(path, &file) == 0
    }

    static func size(of path: String) -> Int64 {
        var file = stat()
        return stat(path, &file) == 0 ? Int64(file.st_size) : 0
    }

    static func areSame(_ one: String, _ other: String) -> Bool {
        var (first, second) = (stat(), stat())
        guard stat(one, &first) == 0, stat(other, &second) == 0 else { return false }
        return first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }

    /// Makes a new file of mode 0600, lets the body fill it, and brings it to disk. Of a body that fails nothing is left.
    static func building<T>(_ path: String, _ body: () throws -> T) throws -> T {
        for suffix in suffixes { unlink(path + suffix) }
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("cannot make", path) }
        defer { close(descriptor) }
        do {
            let result = try body()
            guard fsync(descriptor) == 0 else { throw failure("cannot write", path) }
            return result
        } catch {
            for suffix in suffixes { unlink(path + suffix) }
            throw error
        }
    }

    /// Gives a file its name, which nothing else has.
    static func publish(_ path: String, as name: String) throws {
        if link(path, name) == 0 {
            unlink(path)
        } else {
            // Not every file system has links.
            let isWithoutLinks = errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS
            guard isWithoutLinks, !exists(name), rename(path, name) == 0 else {
                let problem = failure("cannot make", name)
                unlink(path)
                throw problem
            }
        }
        try sync(directoryOf: name)
    }

    /// Renames a database together with its write-ahead log: that of another database would be taken for its own.
    ///
    /// - Returns: The new name; `nil`: there was none.
    static func putAside(_ path: String, suffix: String) throws -> String? {
        let aside = "\(path).\(suffix)"
        guard !exists(aside) else { throw CollectorError(.store, "\(aside): exists already; move it away") }
        let isThere = exists(path)
        for suffix in suffixes where exists(path + suffix) {
            guard rename(path + suffix, aside + suffix) == 0 else { throw failure("cannot rename", path + suffix) }
        }
        try sync(directoryOf: path)
        return isThere ? aside : nil
    }

    /// Of the database and of what SQLite keeps beside it.
    private static let suffixes = ["", "-wal", "-shm", "-journal"]

    private static func sync(directoryOf path: String) throws {
        let end = path.lastIndex(of: "/")
        let directory = end.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("cannot open", directory) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("cannot write", directory) }
    }

    private static func failure(_ what: String, _ path: String) -> CollectorError {
        CollectorError(.store, "\(path): \(what): \(String(cString: strerror(errno)))")
    }
}
