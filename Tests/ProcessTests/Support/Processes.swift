import Foundation
import Glibc

/// What `/proc` says of this machine's processes.
enum Processes {
    /// Those that have this text in their command line.
    static func find(argument text: String) -> [pid_t] {
        all.filter { commandLine($0).contains(text) }
    }

    /// Its words with spaces between them; empty when it is gone.
    static func commandLine(_ pid: pid_t) -> String {
        // `/proc` has no sizes: it is read to its end.
        guard let file = fopen("/proc/\(pid)/cmdline", "r") else { return "" }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count].map { $0 == 0 ? 0x20 : $0 }, as: UTF8.self)
    }

    static func name(_ pid: pid_t) -> String {
        // Gone: it has no name.
        (try? String(contentsOfFile: "/proc/\(pid)/comm", encoding: .utf8))?.trimmingCharacters(
            in: .whitespacesAndNewlines) ?? ""
    }

    /// The most bytes that it ever had in memory; 0: it is gone.
    static func peakMemory(_ pid: pid_t) -> Int {
        // Gone: it has none.
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
        return (line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) << 10
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
