import Glibc

/// A file that is read and written whole.
enum SmallFile {
    static func read(_ path: String, limit: Int) throws(TransportError) -> (text: String, mode: mode_t, owner: uid_t) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw TransportError(.keyFile, "cannot read \(path): \(reason())") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw TransportError(.keyFile, "cannot read \(path): \(reason())")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw TransportError(.keyFile, "\(path) is not a regular file")
        }
        var bytes = [UInt8](repeating: 0, count: min(Int(status.st_size), limit) + 1)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress! + count, $0.count - count) }
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw TransportError(.keyFile, "cannot read \(path): \(reason())") }
            if got == 0 { break }
            count += got
        }
        guard count < bytes.count else {
            throw TransportError(
                .keyFile, "\(path) grew while it was read, or is larger than \(limit) bytes: not a key file")
        }
        return (String(decoding: bytes[..<count], as: UTF8.self), status.st_mode, status.st_uid)
    }

    static func reason(_ number: Int32 = errno) -> String {
        String(cString: strerror(number))
    }

    /// Puts a text in the place of what is there, for its owner's eyes alone: whole or not at all, and on the disk when
    /// this returns.
    static func replace(_ path: String, with text: String) throws(TransportError) {
        let fresh = path + ".new"
        unlink(fresh)  // of somebody who died while he wrote it
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw TransportError(.keyFile, "cannot write \(fresh): \(reason())") }
        let bytes = Array(text.utf8)
        let isWritten = Glibc.write(descriptor, bytes, bytes.count) == bytes.count && fsync(descriptor) == 0
        let problem = reason()
        close(descriptor)
        guard isWritten else {
            unlink(fresh)
            throw TransportError(.keyFile, "cannot write \(fresh): \(problem)")
        }
        try move(fresh, to: path)
    }

    /// Gives a file that is on the disk the place of another one; that is on the disk too when this returns.
    static func move(_ old: String, to new: String) throws(TransportError) {
        guard rename(old, new) == 0 else {
            throw TransportError(.keyFile, "cannot make \(new): \(reason())")
        }
        let folder = new.lastIndex(of: "/").map { String(new[...$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }  // It may be entered and not read: the file is there all the same.
        fsync(descriptor)
        close(descriptor)
    }
}
