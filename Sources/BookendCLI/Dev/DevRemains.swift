import Glibc

/// Daemons of a fleet's directory that run before it is started: `bookend dev` was killed, or somebody runs them by hand.
/// They hold the sockets, so a new fleet would speak with them.
struct DevRemains {
    /// Those that were told to stop may have post-scripts to run.
    private static let patience = Duration.seconds(10)

    let layout: DevLayout

    /// Waits until they are gone; ends nothing, as who started them may need them.
    ///
    /// - Throws: ``CLIError`` that names those that stay.
    func awaitEnd() async throws {
        let deadline = ContinuousClock.now + Self.patience
        var remains = processes
        guard !remains.isEmpty else { return }
        Output.note("waiting for daemons of an earlier start to end: \(list(remains))")
        while ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(50))
            remains = processes
            if remains.isEmpty { return }
        }
        throw CLIError(
            .failed,
            "daemons of \(layout.directory) run already and were not started here: wait for their end, or ask them for it "
                + "with: kill \(list(remains))")
    }

    private func list(_ processes: [pid_t]) -> String { processes.map(String.init).joined(separator: " ") }

    /// Whose command line names a configuration of this directory behind `--config`.
    private var processes: [pid_t] {
        guard let proc = opendir("/proc") else { return [] }
        defer { closedir(proc) }
        var found: [pid_t] = []
        while let entry = readdir(proc) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let number = pid_t(name), let line = DevFiles.read("/proc/\(name)/cmdline") else { continue }
            let words = line.split(separator: "\0", omittingEmptySubsequences: false)
            guard let option = words.firstIndex(of: "--config"), option + 1 < words.count,
                words[option + 1].hasPrefix(layout.directory + "/"), words[option + 1].hasSuffix(".yaml")
            else { continue }
            found.append(number)
        }
        return found.sorted()
    }
}
