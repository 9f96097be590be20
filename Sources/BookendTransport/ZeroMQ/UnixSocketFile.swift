import Glibc

/// The file of a Unix socket that is about to be bound.
enum UnixSocketFile {
    /// Removes what a dead server left; libzmq itself would also remove the file of a living one.
    ///
    /// - Throws: ``TransportError`` when somebody listens there, or when the file is something else.
    static func clear(_ path: String) throws(TransportError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }  // nothing there, or bind will say why it cannot be
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw TransportError(.addressInUse, "\(path) is there and is no socket: move it away")
        }
        let descriptor = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw TransportError(.system, "cannot look at \(path): \(SmallFile.reason())") }
        defer { close(descriptor) }
        let address = try unixAddress(of: path)
        let result = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        if result != 0 && errno == ECONNREFUSED {
            guard unlink(path) == 0 else {
                throw TransportError(.addressInUse, "cannot remove the stale socket \(path): \(SmallFile.reason())")
            }
            return
        }
        guard result != 0, errno == ENOENT else {
            throw TransportError(.addressInUse, "somebody listens at \(path) already: is another daemon running?")
        }
    }

    /// Makes the file, which lets in whom the access names and no one else: nobody can connect before it does, since the
    /// socket listens last. The umask is the whole process's and stays alone.
    ///
    /// - Returns: A descriptor that listens.
    static func listen(_ path: String, _ access: UnixSocketAccess) throws(TransportError) -> Int32 {
        let address = try unixAddress(of: path)
        let descriptor = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw cannotListen(path) }
        do throws(TransportError) {
            // The file is made with the mode of its descriptor. The group gets its right only once it is the one that is meant.
            guard fchmod(descriptor, 0o600) == 0 else { throw failure("set the mode of", path) }
            let result = withUnsafePointer(to: address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            guard result == 0 else { throw cannotListen(path) }
            try protect(path, access)
            guard Glibc.listen(descriptor, 128) == 0 else { throw cannotListen(path) }
            return descriptor
        } catch {
            close(descriptor)
            throw error
        }
    }

    private static func cannotListen(_ path: String) -> TransportError {
        errno == EADDRINUSE
            ? TransportError(.addressInUse, "somebody listens at ipc://\(path) already: is another daemon running?")
            : TransportError(.unavailable, "cannot listen at ipc://\(path): \(SmallFile.reason())")
    }

    private static func unixAddress(of path: String) throws(TransportError) -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw TransportError(.unavailable, "cannot listen at ipc://\(path): the path is too long")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return address
    }

    private static func protect(_ path: String, _ access: UnixSocketAccess) throws(TransportError) {
        if let group = access.group {
            guard chown(path, uid_t.max, try number(of: group)) == 0 else {
                throw failure("give group \(group) to", path, "; the daemon's user must be in it")
            }
        }
        guard chmod(path, access.mode.bits) == 0 else { throw failure("set the mode of", path) }
    }

    private static func number(of group: String) throws(TransportError) -> gid_t {
        var entry = Glibc.group()
        var found: UnsafeMutablePointer<Glibc.group>?
        var buffer = [CChar](repeating: 0, count: 65_536)
        let result = getgrnam_r(group, &entry, &buffer, buffer.count, &found)
        guard found != nil else {
            let reason = result == 0 ? "make it with groupadd --system \(group)" : SmallFile.reason(result)
            throw TransportError(.insecure, "there is no group \(group): \(reason)")
        }
        return entry.gr_gid
    }

    private static func failure(_ what: String, _ path: String, _ hint: String = "") -> TransportError {
        TransportError(.insecure, "cannot \(what) \(path): \(SmallFile.reason())\(hint)")
    }
}
