import Glibc

/// The little that `bookend dev` asks of disk and network.
enum DevFiles {
    /// Makes a directory that only its owner may enter. One that is there already must be the user's own.
    static func makeDirectory(_ path: String) throws(CLIError) {
        if mkdir(path, 0o700) == 0 { return }
        guard errno == EEXIST else { throw CLIError(.failed, "\(path): cannot be made: \(reason())") }
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw CLIError(.failed, "\(path) is there and is not a directory: move it away")
        }
        guard status.st_uid == geteuid() else {
            throw CLIError(.failed, "\(path) belongs to another user: name another one with --directory")
        }
    }

    /// Makes what is missing above a directory.
    static func makeDirectories(above path: String) throws(CLIError) {
        var parent = ""
        for part in path.split(separator: "/").dropLast() {
            parent += "/" + part
            if mkdir(parent, 0o700) != 0, errno != EEXIST {
                throw CLIError(.failed, "\(parent): cannot be made: \(reason())")
            }
        }
    }

    /// Replaces a file as a whole; only its owner may read it.
    static func write(_ text: String, to path: String) throws(CLIError) {
        let draft = path + ".new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw CLIError(.failed, "\(draft): cannot be written: \(reason())") }
        let bytes = Array(text.utf8)
        let written = Glibc.write(descriptor, bytes, bytes.count)
        close(descriptor)
        guard written == bytes.count, rename(draft, path) == 0 else {
            throw CLIError(.failed, "\(path): cannot be written: \(reason())")
        }
    }

    /// A small file's text; `nil`: there is none that can be read.
    static func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 64 * 1_024)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
    }

    /// The last lines of a log.
    static func tail(_ path: String, lines: Int) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        let end = lseek(descriptor, 0, SEEK_END)
        var buffer = [UInt8](repeating: 0, count: 8 * 1_024)
        let count = pread(descriptor, &buffer, buffer.count, max(0, end - off_t(buffer.count)))
        let text = String(decoding: buffer[..<max(0, count)], as: UTF8.self)
        return text.split(separator: "\n").suffix(lines).joined(separator: "\n")
    }

    /// Why an agent of this user would refuse scripts in a directory; `nil`: it would not.
    static func distrust(_ directory: String) -> String? {
        guard let resolved = realpath(directory, nil) else { return "\(directory): \(reason())" }
        defer { free(resolved) }
        for start in Set([directory, String(cString: resolved)]) {
            var place = start[...]
            while true {
                let path = place.isEmpty ? "/" : String(place)
                var status = stat()
                guard stat(path, &status) == 0 else { return "\(path): \(reason())" }
                guard status.st_uid == 0 || status.st_uid == geteuid() else {
                    return "\(path) belongs to user \(status.st_uid), neither root nor you"
                }
                guard status.st_mode & 0o022 == 0 else { return "\(path) can be written by others" }
                guard let slash = place.lastIndex(of: "/") else { break }
                place = place[..<slash]
            }
        }
        return nil
    }

    // MARK: Ports

    static func isFree(_ port: UInt16) -> Bool {
        guard let (descriptor, _) = bound(to: port) else { return false }
        close(descriptor)
        return true
    }

    /// Different ones, free at this moment.
    static func freePorts(_ count: Int) throws(CLIError) -> [UInt16] {
        var descriptors: [Int32] = []
        var ports: [UInt16] = []
        defer { for descriptor in descriptors { close(descriptor) } }
        for _ in 0..<count {
            guard let (descriptor, port) = bound(to: 0) else {
                throw CLIError(.failed, "no TCP port is free on 127.0.0.1: \(reason())")
            }
            descriptors.append(descriptor)
            ports.append(port)
        }
        return ports
    }

    private static func bound(to port: UInt16) -> (descriptor: Int32, port: UInt16)? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        // As the daemons do: a port that was used a moment ago is free.
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && listen(descriptor, 1) == 0 && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard isBound else {
            close(descriptor)
            return nil
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    private static func reason() -> String { String(cString: strerror(errno)) }
}
