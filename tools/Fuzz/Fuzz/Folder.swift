import Glibc

/// The little that is asked of the disk.
enum Folder {
    /// A folder of this process, in memory; removed by whoever started it.
    static let scratch: String = {
        let root = getenv("FUZZ_SCRATCH").map { String(cString: $0) } ?? "/dev/shm"
        let path = "\(root)/bookend-fuzz-\(getpid())"
        mkdir(path, 0o700)
        return path
    }()

    static func write(_ bytes: [UInt8], to path: String) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0, Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            say("Fuzz: cannot write \(path): \(String(cString: strerror(errno)))")
            exit(2)
        }
        close(descriptor)
    }

    static func read(_ path: String) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = Glibc.read(descriptor, &buffer, buffer.count), count > 0 { bytes += buffer[..<count] }
        return bytes
    }

    /// In the order of their names.
    static func files(in path: String) -> [[UInt8]] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted().map { read("\(path)/\($0)") }
    }
}
