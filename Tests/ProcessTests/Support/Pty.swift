import Foundation

/// Runs the CLI as on a person's terminal.
enum Pty {
    /// - Returns: The exit status, and as output all that was drawn, with its control sequences; lines end in CR and LF.
    static func run(
        _ words: [String], columns: Int = 80, rows: Int = 24, environment: [String: String]
    ) async throws -> Program.End {
        let program = """
            import fcntl, os, pty, struct, sys, termios
            columns, rows, *words = sys.argv[1:]
            pid, terminal = pty.fork()
            if pid == 0:
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", int(rows), int(columns), 0, 0))
                os.execv(words[0], words)
            while True:
                try:
                    data = os.read(terminal, 65536)
                except OSError:
                    break  # its last owner has gone
                if not data:
                    break
                sys.stdout.buffer.write(data)
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            """
        return try await Program.run(
            "python3", ["-c", program, "\(columns)", "\(rows)", Program.path("bookend")] + words,
            environment: ["TERM": "xterm"].merging(environment) { $1 })
    }
}
