import Glibc

/// Space on the journal's disk that is given back when the disk is full, so that what must be recorded still can be: the
/// end of an attempt, and of the post-script that it owed.
///
/// While it cannot be held nothing new begins.
struct SpaceReserve: Sendable {
    let path: String
    let bytes: Int

    var isHeld: Bool {
        var file = stat()
        return stat(path, &file) == 0 && file.st_size == bytes
    }

    /// What its disk has left for this program; `nil`: it does not say.
    var freeBytes: Int? {
        var disk = statvfs()
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        guard statvfs(folder.isEmpty ? "/" : folder, &disk) == 0 else { return nil }
        let blocks = geteuid() == 0 ? disk.f_bfree : disk.f_bavail
        return Int(clamping: blocks.multipliedReportingOverflow(by: disk.f_frsize).partialValue)
    }

    /// Makes it, if it is not there.
    ///
    /// - Returns: `false` when the disk has no room for it.
    func hold() -> Bool {
        if isHeld { return true }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        // Where a file system cannot allocate, glibc writes: the space is taken either way.
        guard posix_fallocate(descriptor, 0, off_t(bytes)) == 0 else {
            unlink(path)
            return false
        }
        return true
    }

    /// - Returns: `false` when there was nothing to give back.
    func release() -> Bool { unlink(path) == 0 }
}
