import BookendModel
import Subprocess
import Synchronization
import SystemPackage

/// Runs programs, each below a supervisor of its own that finds every process it leaves behind.
package struct StageProcess: Sendable {
    private let supervisor: String

    /// - Parameter supervisor: The path of `bookend-supervisor`; `nil`: beside this program's own file.
    package init(supervisor: String? = nil) {
        self.supervisor = supervisor ?? ExecutablePath.beside("bookend-supervisor")
    }

    /// Runs one program to its end and returns how it ended; never throws.
    ///
    /// Canceling the task ends the program's tree, and still returns how it ended.
    ///
    /// - Parameters:
    ///   - onLine: Called with each line that the program prints, in order; `nil`: lines are not passed.
    ///   - onStart: Called once the program has begun; never for one that could not be started.
    package func run(
        _ program: StageProgram, handle: StageHandle = StageHandle(),
        onStart: @escaping @Sendable () async -> Void = {},
        onLine: (@Sendable (StageLine) -> Void)? = nil
    ) async -> StageOutcome {
        // A task of its own, awaited here: cancellation must reach the supervisor as an order, not as a broken pipe.
        let work = Task { await supervise(program, handle, onStart, onLine) }
        return await withTaskCancellationHandler {
            await work.value
        } onCancel: {
            handle.end()
        }
    }

    private func supervise(
        _ program: StageProgram, _ handle: StageHandle, _ onStart: @Sendable () async -> Void,
        _ onLine: (@Sendable (StageLine) -> Void)?
    ) async -> StageOutcome {
        let start = ContinuousClock.now
        let state = SharedEvents(StageEvents(leftProcesses: program.leftProcesses))
        let launch = launch(program, passLines: onLine != nil)
        var platform = PlatformOptions()
        platform.createSession = true
        var environment: [Environment.Key: String] = [:]
        for (key, value) in launch.environment { environment[Environment.Key(rawValue: key)!] = value }
        do {
            let run = try await Subprocess.run(
                .path(FilePath(launch.program)), arguments: Arguments(launch.words),
                environment: .custom(environment), platformOptions: platform, input: .inputWriter, output: .sequence,
                error: .discarded
            ) { execution in
                let writer = execution.standardInputWriter
                // A write that fails means that the supervisor has ended; its events say how.
                let send: @Sendable (String) async -> Void = { _ = try? await writer.write($0 + "\n") }
                await withTaskGroup(of: Void.self) { group in
                    if let timeout = program.timeout {
                        group.addTask {
                            // Canceled: the program ended before.
                            guard (try? await Task.sleep(for: timeout, clock: .continuous)) != nil else { return }
                            if state.withLock({ $0.stop(.timeout) }) {
                                await send("end \(program.grace.milliseconds)")
                            }
                        }
                    }
                    group.addTask {
                        for await order in handle.listen() {
                            switch order {
                            case .end(let grace):
                                _ = state.withLock { $0.stop(.order) }  // An earlier cause stays; the order holds.
                                await send("end \(grace.milliseconds)")
                            case .kill: await send("kill")
                            case .interrupt(let patience, let grace):
                                guard state.withLock({ $0.stop(.interrupt) }) else { continue }
                                await send("signal INT")
                                // Canceled: the program ended before.
                                guard (try? await Task.sleep(for: patience, clock: .continuous)) != nil else { return }
                                await send("end \(grace.milliseconds)")
                            }
                        }
                    }
                    var lines = LineSplitter()
                    do {
                        for try await buffer in execution.standardOutput {
                            for line in buffer.withUnsafeBytes({ lines.append($0) }) {
                                if line.hasPrefix("started ") { await onStart() }
                                let (passed, answer) = state.withLock { $0.take(line) }
                                if let passed { onLine?(passed) }
                                if let answer { await send(answer) }
                            }
                        }
                    } catch {
                        // The pipe broke: as if it had ended; what is known by then is the outcome.
                    }
                    group.cancelAll()
                }
            }
            if let service = program.service, case .exited(let code) = run.terminationStatus, code != 0 {
                let reason =
                    "\(service.systemdRun) ended with \(code) and started no service: see journalctl --unit \(service.unit), "
                    + "or write scripts: {as: child} into the agent's configuration"
                state.withLock { $0.supervisorDidNotStart(because: reason, record: program.resultFile) }
            }
        } catch {
            state.withLock { $0.outcome.ending = .couldNotStart("cannot run \(launch.program): \(error)") }
        }
        return state.withLock {
            $0.outcome.duration = ContinuousClock.now - start
            return $0.outcome
        }
    }

    private func launch(
        _ program: StageProgram, passLines: Bool
    ) -> (program: String, words: [String], environment: [String: String]) {
        let words = words(program, passLines: passLines)
        guard let service = program.service else { return (supervisor, words, program.environment) }
        // What systemd adds to a service's environment does not get to the script.
        let exact =
            ["--clean-environment"]
            + program.environment.sorted { $0.key < $1.key }.flatMap {
                ["--environment", "\($0.key)=\($0.value)"]
            }
        return (
            service.systemdRun,
            service.words(supervisor, exact + words, keepsProcesses: program.leftProcesses != .end),
            ["PATH": AgentPath.value, "LANG": "C.UTF-8"]
        )
    }

    private func words(_ program: StageProgram, passLines: Bool) -> [String] {
        var words = ["--output-limit", "\(program.outputLimit)"]
        if passLines { words.append("--pass-lines") }
        if program.appendsOutput { words.append("--append") }
        if let file = program.stdoutFile { words += ["--stdout-file", file] }
        if let file = program.stderrFile { words += ["--stderr-file", file] }
        if let file = program.resultFile { words += ["--result-file", file] }
        if program.mayRunUnrecorded { words.append("--record-optional") }
        if program.niceness != 0 { words += ["--nice", "\(program.niceness)"] }
        if program.isInterruptedWithoutAgent { words += ["--on-orphan", "interrupt"] }
        if program.leftProcesses == .end { words.append("--end-left") }
        if let user = program.user {
            words += ["--user", "\(user.uid):\(user.gid):" + user.groups.map(String.init).joined(separator: ",")]
        }
        if program.dropsCapabilities { words.append("--drop-capabilities") }
        if !program.mayGainPrivileges { words.append("--no-new-privileges") }
        if let copy = program.copy { words += ["--copy", copy] }
        if let executable = program.executable { words += ["--execute", executable] }
        return words + ["--", program.path] + program.arguments
    }
}

/// The events of one run, shared by the tasks that watch it.
private final class SharedEvents: Sendable {
    private let events: Mutex<StageEvents>

    init(_ events: StageEvents) {
        self.events = Mutex(events)
    }

    func withLock<Value: Sendable>(_ body: (inout sending StageEvents) -> Value) -> Value {
        events.withLock { body(&$0) }
    }
}
