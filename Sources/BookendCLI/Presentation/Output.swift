import Glibc
import Synchronization

/// A descriptor that people or programs read.
///
/// What cannot be written is dropped, and the command goes on to its end: a backup that is waited for (`| head`) still
/// says by its exit status how it went. A command that has no end looks at ``isClosed``.
final class OutputStream: Sendable {
    private struct Pending: Sendable {
        var bytes: [UInt8] = []
        /// Why nothing can be written any more.
        var failure: Int32?
    }

    private static let bufferLimit = 64 * 1_024

    private let descriptor: Int32
    private let pending = Mutex(Pending())
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
            pending.bytes += bytes
            drain(&pending)
        }
    }

    /// Writes when there is enough, or at ``flush()``.
    func append(_ text: String) {
        pending.withLock { pending in
            pending.bytes += text.utf8
            if pending.bytes.count >= Self.bufferLimit { drain(&pending) }
        }
    }

    func flush() {
        pending.withLock { drain(&$0) }
    }

    /// Some of what was written is lost, and not because the reader of a pipe had seen enough.
    var isBroken: Bool { pending.withLock { $0.failure.map { $0 != EPIPE } ?? false } }

    /// Nothing more can be written. Also tells that the reader of a pipe went away before anything is written: a program
    /// that only waits would never notice.
    var isClosed: Bool {
        if pending.withLock({ $0.failure != nil }) { return true }
        var state = pollfd(fd: descriptor, events: 0, revents: 0)
        return poll(&state, 1, 0) > 0 && Int32(state.revents) & (POLLERR | POLLHUP | POLLNVAL) != 0
    }

    private func drain(_ pending: inout Pending) {
        defer { pending.bytes.removeAll(keepingCapacity: true) }
        var start = 0
        while start < pending.bytes.count, pending.failure == nil {
            let count = pending.bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + start, $0.count - start)
            }
            let code = errno
            if count >= 0 {
                start += count
            } else if code == EAGAIN {
                var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&wait, 1, -1)
            } else if code != EINTR {
                pending.failure = code
                // Standard error has a lock of its own; ``Output/complain(_:)`` would want the one that is held here.
                if descriptor == STDOUT_FILENO, code != EPIPE {
                    Output.standardError.write(
                        "bookend: cannot write the output: \(String(cString: strerror(code)))\n")
                }
            }
        }
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
