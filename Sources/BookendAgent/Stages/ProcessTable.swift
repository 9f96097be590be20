import FoundationEssentials
import Glibc

/// The processes of this machine at one moment, from /proc.
struct ProcessTable {
    struct Entry: Hashable {
        var pid: pid_t
        var parent: pid_t
        var session: pid_t
        /// Clock ticks after the machine's start; with the pid it names one process for good.
        var startTime: UInt64
        var name: String
    }

    /// Without those that are dead and not yet taken by their parents.
    private let entries: [pid_t: Entry]

    static func read() -> ProcessTable {
        // A machine without /proc shows no process, and so nothing to end.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        let found = names.compactMap { pid_t($0) }.compactMap(entry)
        return ProcessTable(entries: Dictionary(found.map { ($0.pid, $0) }, uniquingKeysWith: { $1 }))
    }

    private init(entries: [pid_t: Entry]) {
        self.entries = entries
    }

    /// The process with this pid, if it is the one that started then.
    func process(_ pid: pid_t, startedAt time: UInt64) -> Entry? {
        entries[pid].flatMap { $0.startTime == time ? $0 : nil }
    }

    func descendants(of pid: pid_t) -> [Entry] {
        let children = Dictionary(grouping: entries.values, by: \.parent)
        var found: [Entry] = []
        var open = [pid]
        while let parent = open.popLast() {
            for child in children[parent] ?? [] where child.pid != parent {
                found.append(child)
                open.append(child.pid)
            }
        }
        return found
    }

    func session(_ leader: pid_t) -> [Entry] { entries.values.filter { $0.session == leader } }

    /// `nil` for a process that is gone or dead.
    private static func entry(_ pid: pid_t) -> Entry? {
        guard let data = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return nil }
        // A name may hold spaces and parentheses: the last `)` ends it.
        guard let first = data.firstIndex(of: UInt8(ascii: "(")), let last = data.lastIndex(of: UInt8(ascii: ")")),
            first < last
        else { return nil }
        let fields = String(decoding: data[(last + 1)...], as: UTF8.self).split(separator: " ")
        guard fields.count > 19, !["Z", "X", "x"].contains(fields[0]), let parent = pid_t(fields[1]),
            let session = pid_t(fields[3]), let startTime = UInt64(fields[19])
        else { return nil }
        return Entry(
            pid: pid, parent: parent, session: session, startTime: startTime,
            name: String(decoding: data[(first + 1)..<last], as: UTF8.self))
    }
}
