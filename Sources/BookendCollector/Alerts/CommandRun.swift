import BookendDaemon
import BookendFiles
import BookendModel
import Glibc
import Subprocess
import SystemPackage

/// A local command that is told of a message: as JSON on its standard input, and the most important in its environment.
struct CommandRun: Sendable {
    private let command: [String]
    private let timeout: Duration
    private let clock: any DaemonClock

    init(_ configuration: ChannelConfiguration.Command, clock: any DaemonClock) {
        command = configuration.command
        timeout = configuration.timeout
        self.clock = clock
    }

    /// Returns once the command has ended, or was ended with all that it started as its time was over.
    ///
    /// - Throws: `CancellationError`; the command is ended then, too.
    func run(_ text: WebhookText) async throws -> ChannelOutcome {
        // A file and not a pipe: a command that does not read its input hangs nobody, and breaks nothing.
        let input: FileDescriptor
        do {
            input = try Self.file(holding: try text.json())
        } catch {
            return .failed("no room for the command's input: \(error)")
        }
        return try await withThrowingTaskGroup(of: ChannelOutcome?.self) { group in
            group.addTask { try await execute(input, text) }
            group.addTask {
                try await clock.sleep(until: clock.now.boot + timeout)
                return nil
            }
            defer { group.cancelAll() }
            if let outcome = try await group.next() ?? nil { return outcome }
            group.cancelAll()
            // Until it is gone. How a command ends that was ended says nothing.
            while (try? await group.next()) != nil {}
            try Task.checkCancellation()
            return .failed("\(command[0]) took longer than its timeout")
        }
    }

    private func execute(_ input: FileDescriptor, _ text: WebhookText) async throws -> ChannelOutcome {
        var platform = PlatformOptions()
        // To be ended whole.
        platform.createSession = true
        platform.teardownSequence = [
            .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .seconds(5))
        ]
        do {
            let result = try await Subprocess.run(
                .path(FilePath(command[0])), arguments: Arguments(Array(command.dropFirst())),
                environment: .custom(environment(text)), platformOptions: platform,
                input: .fileDescriptor(input, closeAfterSpawningProcess: true), output: .discarded, error: .discarded)
            switch result.terminationStatus {
            case .exited(0): return .accepted
            case .exited(let code): return .failed("\(command[0]) exited with \(code)")
            case .signaled(let signal): return .failed("\(command[0]) was ended by signal \(signal)")
            }
        } catch let error as SubprocessError {
            try Task.checkCancellation()
            return .failed("\(command[0]) could not be started: \(error)")
        }
    }

    private func environment(_ text: WebhookText) -> [Environment.Key: String] {
        let values = text.values
        return [
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
            "BOOKEND_ALERT": values["alert"] ?? "", "BOOKEND_KEY": text.key,
            "BOOKEND_OCCASION": text.content.occasion, "BOOKEND_KIND": values["kind"] ?? "",
            "BOOKEND_SEVERITY": values["severity"] ?? "", "BOOKEND_POLICY": values["policy"] ?? "",
            "BOOKEND_TITLE": values["title"] ?? "",
        ]
    }

    /// A file without a name, to be read from its beginning.
    private static func file(holding bytes: [UInt8]) throws -> FileDescriptor {
        var path = Array("/tmp/bookend-alert-XXXXXX".utf8CString)
        let number = mkstemp(&path)
        guard number >= 0, fcntl(number, F_SETFD, FD_CLOEXEC) == 0 else { throw Errno(rawValue: errno) }
        unlink(path)
        let file = FileDescriptor(rawValue: number)
        do {
            _ = try file.writeAll(bytes)
            _ = try file.seek(offset: 0, from: .start)
        } catch {
            try? file.close()  // The other error says more.
            throw error
        }
        return file
    }
}
