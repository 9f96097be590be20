#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The little that is asked of the disk: a file's bytes, a directory's names.
enum FileSystem {
    /// What a command line calls it. A file of this name is `./-`.
    static let standardInput = "-"

    /// The bytes of a file, at most one more than ``SourceText/byteLimit``, so that a longer one is noticed without being
    /// read whole. Pipes and devices are read too: `policy apply <(generate)` is fair.
    static func bytes(of path: String) throws(FileError) -> [UInt8] {
        let descriptor = path == standardInput ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw notReadable(path, errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while bytes.count <= SourceText.byteLimit {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw notReadable(path, errno) }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return bytes
    }

    /// The path itself when it is a file; for a directory its `*.yaml` and `*.yml` by name, hidden ones left out.
    static func yamlFiles(at path: String) throws(FileError) -> [String] {
        guard path != standardInput else { return [path] }
        var status = stat()
        guard stat(path, &status) == 0 else { throw notReadable(path, errno) }
        guard status.st_mode & S_IFMT == S_IFDIR else { return [path] }
        guard let directory = opendir(path) else { throw notReadable(path, errno) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix("."), name.hasSuffix(".yaml") || name.hasSuffix(".yml") { names.append(name) }
        }
        guard !names.isEmpty else {
            let message = "is a directory without any *.yaml or *.yml file"
            throw FileError(code: .wrong, diagnostics: [Diagnostic(file: path, message: message)])
        }
        return names.sorted().map { path.hasSuffix("/") ? path + $0 : "\(path)/\($0)" }
    }

    private static func notReadable(_ path: String, _ code: Int32) -> FileError {
        let message = "cannot be read: \(String(cString: strerror(code)))"
        return FileError(code: .notReadable, diagnostics: [Diagnostic(file: path, message: message)])
    }

    static func isMissing(_ path: String) -> Bool {
        access(path, F_OK) != 0 && errno == ENOENT
    }
}
