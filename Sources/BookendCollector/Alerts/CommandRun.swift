import BookendCurl
import BookendDaemon
import BookendFiles
import BookendModel
import Glibc

/// A local command that is told of a notice: as JSON on its standard input, and the most important in its environment.
struct CommandRun: Sendable {
    private let command: [String]
    private let timeout: Duration

    init(_ configuration: ChannelConfiguration.Command) {
        command = configuration.command
        timeout = configuration.timeout
    }

    /// Returns once the command has ended, or was ended as its time was over.
    func run(_ notice: AlertNotice, key: String) async throws -> ChannelDoor.Outcome {
        let input = try WebhookText(notice: notice, key: key).json()
        let alert = notice.alert
        let environment = [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8",
            "BOOKEND_ALERT=\(alert.id)", "BOOKEND_KEY=\(key)", "BOOKEND_OCCASION=\(notice.occasion.rawValue)",
            "BOOKEND_KIND=\(alert.cause.kind.rawValue)", "BOOKEND_SEVERITY=\(alert.severity.rawValue)",
            "BOOKEND_POLICY=\(alert.cause.policy?.rawValue ?? "")",
            "BOOKEND_TITLE=\(NoticeText(notice: notice).title)",
        ]
        return try await OwnThread.run { execute(input, environment) }
    }

    private func execute(_ input: [UInt8], _ environment: [String]) -> ChannelDoor.Outcome {
        // A file and not a pipe: a command that does not read its input hangs nobody.
        var path = Array("/tmp/bookend-alert-XXXXXX".utf8CString)
        let file = mkstemp(&path)
        guard file >= 0, fcntl(file, F_SETFD, FD_CLOEXEC) == 0 else {
            return .failed("no temporary file: \(Self.text(errno))")
        }
        unlink(path)
        defer { close(file) }
        guard write(file, input, input.count) == input.count, lseek(file, 0, SEEK_SET) == 0 else {
            return .failed("no room for the command's input: \(Self.text(errno))")
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, file, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A group of its own, to be ended whole; and no signal blocked that this daemon's threads block.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
        let arguments = command.map { strdup($0) } + [nil]
        let variables = environment.map { strdup($0) } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var pid = pid_t()
        let code = posix_spawn(&pid, command[0], &actions, &attributes, arguments, variables)
        guard code == 0 else { return .failed("\(command[0]) could not be started: \(Self.text(code))") }
        return wait(for: pid)
    }

    private func wait(for pid: pid_t) -> ChannelDoor.Outcome {
        var left = timeout
        var status: Int32 = 0
        while true {
            let ended = waitpid(pid, &status, WNOHANG)
            if ended == pid { break }
            if ended < 0, errno != EINTR { return .failed("\(command[0]) was lost: \(Self.text(errno))") }
            if left <= .zero {
                kill(-pid, SIGKILL)
                waitpid(pid, &status, 0)
                return .failed("\(command[0]) took longer than its timeout")
            }
            usleep(20_000)
            left -= .milliseconds(20)
        }
        if status & 0x7F != 0 { return .failed("\(command[0]) was ended by signal \(status & 0x7F)") }
        let exit = (status >> 8) & 0xFF
        return exit == 0 ? .accepted : .failed("\(command[0]) exited with \(exit)")
    }

    private static func text(_ code: Int32) -> String { String(cString: strerror(code)) }
}
