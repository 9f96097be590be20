import Glibc
import Synchronization

/// A descriptor that people or programs read.
///
/// A write to standard output whose reader went away ends the program quietly, as one expects of `| head`.
final class OutputStream: Sendable {
    private static let bufferLimit = 64 * 1_024

    private let descriptor: Int32
    private let pending = Mutex<[UInt8]>([])
    let isTerminal: Bool

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        isTerminal = isatty(descriptor) == 1
    }

    /// Writes at once, after all that was written before.
    func write(_ text: String) {
        write(Array(text.utf8))
    }

    func write(_ bytes: [UInt8]) {
        pending.withLock { pending in
            pending += bytes
            drain(&pending)
        }
    }

    /// Writes when there is enough, or at ``flush()``.
    func append(_ text: String) {
        pending.withLock { pending in
            pending += text.utf8
            if pending.count >= Self.bufferLimit { drain(&pending) }
        }
    }

    func flush() {
        pending.withLock { drain(&$0) }
    }

    /// Whether the reader of a pipe went away: a program that only waits would never notice.
    var isClosed: Bool {
        var state = pollfd(fd: descriptor, events: 0, revents: 0)
        return poll(&state, 1, 0) > 0 && Int32(state.revents) & (POLLERR | POLLHUP | POLLNVAL) != 0
    }

    private func drain(_ bytes: inout [UInt8]) {
        var start = 0
        while start < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + start, $0.count - start) }
            if count < 0 {
                if errno == EINTR { continue }
                if errno == EAGAIN {
                    var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    poll(&wait, 1, -1)
                    continue
                }
                if descriptor == STDOUT_FILENO {
                    // EPIPE: the reader has seen enough. Anything else (a full disk) is a failure, and is said.
                    if errno == EPIPE { _exit(0) }
                    Output.complain("cannot write the output: \(String(cString: strerror(errno)))")
                    _exit(ExitStatus.failed.rawValue)
                }
                break
            }
            start += count
        }
        bytes.removeAll(keepingCapacity: true)
    }
}

/// The program's two outputs.
enum Output {
    static let standardOutput = OutputStream(STDOUT_FILENO)
    static let standardError = OutputStream(STDERR_FILENO)

    /// A line, or several, on standard output; buffered until the program ends.
    static func write(_ text: String) {
        standardOutput.append(text.hasSuffix("\n") || text.isEmpty ? text : text + "\n")
    }

    /// A line on standard error, as `bookend: message`.
    static func complain(_ message: String) {
        guard !message.isEmpty else { return }
        standardOutput.flush()
        standardError.write("bookend: \(SafeText.lines(message))\n")
    }

    /// A line on standard error that is no complaint.
    static func note(_ message: String) {
        standardOutput.flush()
        standardError.write(SafeText.lines(message) + "\n")
    }

    static func flush() {
        standardOutput.flush()
    }
}
