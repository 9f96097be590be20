import Glibc
import Subprocess
import Synchronization
import SystemPackage

/// One daemon of a fleet on this machine: its real program, in a session of its own, so that Ctrl-C reaches it in turn.
/// When this process is killed, the daemon is told to stop.
final class DevDaemon: Sendable {
    private enum Order { case run, stop, kill }

    /// Has the kernel send SIGTERM when the thread that started the daemon ends. Subprocess starts all from one thread that
    /// lives as long as the process.
    private static let leash = ["/usr/bin/setpriv", "--pdeathsig", "TERM", "--"]
    private static let pollInterval = Duration.milliseconds(50)

    let name: String
    private let program: String
    private let configuration: String
    private let log: String
    private let order = Mutex(Order.run)
    private let hasEnded = Atomic(false)

    init(_ name: String, program: String, layout: DevLayout) {
        self.name = name
        self.program = program
        configuration = layout.configuration(name)
        log = layout.log(name)
    }

    var isRunning: Bool { !hasEnded.load(ordering: .acquiring) }

    /// It was not asked to end yet.
    var isWanted: Bool { order.withLock { $0 == .run } }

    /// Asks it to stop: an agent pays owed post-scripts first.
    func stop() { order.withLock { $0 = .stop } }

    /// Ends it at once.
    func kill() { order.withLock { $0 = .kill } }

    /// Runs the program to its end.
    ///
    /// - Returns: How it ended, when that is not as it was asked to.
    func run() async -> CLIError? {
        defer { hasEnded.store(true, ordering: .releasing) }
        guard isWanted else { return nil }
        do {
            let log = try FileDescriptor.open(
                FilePath(log), .writeOnly, options: [.append, .create, .closeOnExec], permissions: .ownerReadWrite)
            var platform = PlatformOptions()
            platform.createSession = true
            let words = [program, "run", "--config", configuration]
            // Where there is no setpriv, daemons outlive a `kill -9`; the next start then finds them.
            let line = access(Self.leash[0], X_OK) == 0 ? Self.leash + words : words
            let result = try await Subprocess.run(
                .path(FilePath(line[0])), arguments: Arguments(Array(line.dropFirst())), platformOptions: platform,
                input: .none, output: .fileDescriptor(log, closeAfterSpawningProcess: false),
                error: .fileDescriptor(log, closeAfterSpawningProcess: true)
            ) { execution in
                await supervise(execution.processIdentifier.value)
            }
            if result.closureResult { return nil }
            return CLIError(.failed, "\(name) ended by itself (\(result.terminationStatus)):\n\(tail)")
        } catch {
            return CLIError(.failed, "\(program) cannot be run: \(error)")
        }
    }

    /// - Returns: It ended since it was asked to.
    private func supervise(_ process: pid_t) async -> Bool {
        var told = Order.run
        while true {
            var info = siginfo_t()
            // Left for Subprocess to reap; an error means that it is gone already.
            let result = waitid(P_PID, id_t(process), &info, WEXITED | WNOHANG | WNOWAIT)
            if result != 0 || info.si_signo != 0 { return told != .run }
            let wanted = order.withLock { $0 }
            if wanted != told {
                Glibc.kill(process, wanted == .kill ? SIGKILL : SIGTERM)
                told = wanted
            }
            // Not to be broken off: it goes on until the process is gone.
            try? await Task.sleep(for: Self.pollInterval)
            if Task.isCancelled { stop() }
        }
    }

    var tail: String { DevFiles.tail(log, lines: 10) + "\n(\(log))" }
}
