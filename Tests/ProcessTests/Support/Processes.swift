import Foundation

/// What `/proc` says of this machine's processes.
enum Processes {
    /// Those that have this text in their command line.
    static func find(argument text: String) -> [pid_t] {
        all.filter { pid in
            guard let bytes = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") else { return false }
            return String(decoding: bytes, as: UTF8.self).contains(text)
        }
    }

    static func name(_ pid: pid_t) -> String {
        // Gone: it has no name.
        (try? String(contentsOfFile: "/proc/\(pid)/comm", encoding: .utf8))?.trimmingCharacters(
            in: .whitespacesAndNewlines) ?? ""
    }

    static func parent(_ pid: pid_t) -> pid_t? {
        // Gone: it has no parent.
        guard let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let end = stat.lastIndex(of: ")")
        else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        return fields.count > 1 ? pid_t(fields[1]) : nil
    }

    static func children(of parent: pid_t) -> [pid_t] { all.filter { self.parent($0) == parent } }

    private static var all: [pid_t] {
        // It is always there on Linux.
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { pid_t($0) }
    }
}
