import Glibc
import Subprocess
import Synchronization
import SystemPackage

/// A program that goes on while the test does: a daemon, or `bookend watch`.
final class RunningProgram: Sendable {
    let name: String
    /// Lines of standard output.
    let output: Board<String>
    /// Lines of standard error: a daemon's log.
    let errors: Board<String>
    private let process: Board<pid_t>
    private let end = Mutex<Int32?>(nil)
    /// Awaited by ``stop(_:patience:)``, which every owner calls.
    private let task: Mutex<Task<Void, Never>?>

    init(
        _ name: String, _ program: String, _ arguments: [String], environment: [String: String] = [:],
        onOutput: (@Sendable (String) -> Void)? = nil
    ) {
        self.name = name
        output = Board("\(name)'s output")
        errors = Board("\(name)'s log")
        process = Board("\(name)'s process id")
        task = Mutex(nil)
        let task = Task {
            do {
                let result = try await Subprocess.run(
                    .path(FilePath(Program.path(program))), arguments: Arguments(arguments),
                    environment: Program.custom(environment), input: .none, output: .sequence, error: .sequence
                ) { execution in
                    self.process.append(execution.processIdentifier.value)
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            for try await line in execution.standardOutput.strings(
                                bufferingPolicy: .maxLineLength(16 << 20))
                            {
                                let line = line.trimmed
                                onOutput?(line)
                                if onOutput == nil { self.output.append(line) }
                            }
                        }
                        group.addTask {
                            for try await line in execution.standardError.strings() { self.errors.append(line.trimmed) }
                        }
                        try await group.waitForAll()
                    }
                }
                end.withLock { $0 = result.terminationStatus.shellNumber }
            } catch {
                errors.append("could not be run: \(error)")
            }
            process.close()
            output.close()
            errors.close()
        }
        self.task.withLock { $0 = task }
    }

    /// Awaits a line of the log.
    func logged(_ text: String, after position: Int = 0, patience: Duration = .seconds(60)) async throws {
        do {
            _ = try await errors.first("'\(text)'", after: position, patience: patience) { $0.contains(text) }
        } catch {
            throw Missed(description: "\(error)\n" + errors.all.suffix(20).joined(separator: "\n"))
        }
    }

    var pid: pid_t {
        get async throws { try await process.first("the start") { _ in true } }
    }

    /// Sends a signal and goes on.
    func signal(_ number: Int32) async throws { kill(try await pid, number) }

    /// Sends a signal, and SIGKILL after the patience; returns the exit status once the process is gone.
    @discardableResult
    func stop(_ signal: Int32 = SIGTERM, patience: Duration = .seconds(20)) async -> Int32? {
        // Without a process id it never ran.
        if let pid = try? await pid, end.withLock({ $0 }) == nil { kill(pid, signal) }
        let killer = Task {
            // Canceled: it ended in time.
            guard (try? await Task.sleep(for: patience)) != nil, let pid = try? await pid else { return }
            kill(pid, SIGKILL)
        }
        let status = await ended()
        killer.cancel()
        return status
    }

    /// The exit status, once it has ended by itself.
    func ended() async -> Int32? {
        await task.withLock { $0 }?.value
        return end.withLock { $0 }
    }
}

extension String {
    fileprivate var trimmed: String {
        var text = self[...]
        while text.last?.isNewline == true { text.removeLast() }
        return String(text)
    }
}
