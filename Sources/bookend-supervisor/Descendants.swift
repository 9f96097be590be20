import Glibc

/// One line of /proc/PID/stat.
struct ProcessEntry {
    var pid: pid_t
    var parent: pid_t
    var isZombie: Bool
    /// Clock ticks after the machine's start; with the pid it names one process for good.
    var startTime: UInt64
    var name: String

    /// `nil` when there is no such process any more.
    init?(pid: pid_t) {
        let descriptor = open("/proc/\(pid)/stat", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 2048)
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return nil }
        // A name may hold spaces and parentheses: the last `)` ends it.
        guard let first = buffer[..<count].firstIndex(of: UInt8(ascii: "(")),
            let last = buffer[..<count].lastIndex(of: UInt8(ascii: ")")), first < last
        else { return nil }
        let fields = buffer[(last + 1)..<count].split(separator: UInt8(ascii: " "))
        guard fields.count > 19, let parent = pid_t(String(decoding: fields[1], as: UTF8.self)),
            let startTime = UInt64(String(decoding: fields[19], as: UTF8.self))
        else { return nil }
        self.pid = pid
        self.parent = parent
        self.startTime = startTime
        isZombie = fields[0].first == UInt8(ascii: "Z") || fields[0].first == UInt8(ascii: "X")
        name = String(decoding: buffer[(first + 1)..<last].map { $0 < 0x20 ? UInt8(ascii: "?") : $0 }, as: UTF8.self)
    }

    /// Every living process below this one. As it adopts the orphans of its stage, nobody escapes.
    static func descendants() -> [ProcessEntry] {
        guard let directory = opendir("/proc") else { return [] }
        defer { closedir(directory) }
        var children: [pid_t: [ProcessEntry]] = [:]
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let pid = pid_t(name), let process = ProcessEntry(pid: pid) else { continue }
            children[process.parent, default: []].append(process)
        }
        var found: [ProcessEntry] = []
        var open = [getpid()]
        while let parent = open.popLast() {
            for child in children[parent] ?? [] {
                open.append(child.pid)
                if !child.isZombie { found.append(child) }
            }
        }
        return found
    }
}
