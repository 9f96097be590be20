import CLinux
import Glibc
import Synchronization

/// What other threads ask of the one that owns the sockets.
enum Command: Sendable {
    case open(SocketPlan, CheckedContinuation<Result<ZeroMQSocket, TransportError>, Never>)
    case close(SocketID, CheckedContinuation<Void, Never>)
    case reconnect(SocketID)
    /// Without a continuation when nobody waits for the end.
    case stop(CheckedContinuation<Void, Never>?)
}

typealias SocketID = Int

/// The way to the thread that owns the sockets, and the descriptor that wakes it.
///
/// Commands are bounded by the tasks that wait for them; of each socket at most one notice waits.
final class Mailbox: Sendable {
    private struct State {
        var commands: [Command] = []
        var toSend: Set<SocketID> = []
        /// The descriptor was written since the thread last read it: no second write is needed.
        var isSignaled = false
        var isClosed = false
    }

    /// Readable when there is something to take.
    let descriptor: Int32
    private let state = Mutex(State())

    init() throws(TransportError) {
        descriptor = clinux_eventfd()
        guard descriptor >= 0 else {
            throw TransportError(
                .system, "cannot make an event descriptor: \(SmallFile.reason()); raise the limit (ulimit -n)")
        }
    }

    deinit {
        Glibc.close(descriptor)
    }

    /// False when the thread has ended; the command was not taken then.
    func post(_ command: Command) -> Bool {
        let isTaken = state.withLock { state in
            if state.isClosed { return false }
            state.commands.append(command)
            return true
        }
        if isTaken { wake() }
        return isTaken
    }

    /// The socket's outbox has news.
    func notice(_ socket: SocketID) {
        state.withLock { state in
            if !state.isClosed { state.toSend.insert(socket) }
        }
        wake()
    }

    /// Makes the thread look around: a consumer has room again, or there is something to take.
    func wake() {
        let isFirst = state.withLock { state in
            defer { state.isSignaled = true }
            return !state.isSignaled
        }
        guard isFirst else { return }
        var one: UInt64 = 1
        // Can only fail when the counter is full, and then the thread wakes anyway.
        _ = Glibc.write(descriptor, &one, 8)
    }

    /// All there is; the descriptor is quiet again.
    func take() -> (commands: [Command], toSend: Set<SocketID>) {
        var count: UInt64 = 0
        _ = Glibc.read(descriptor, &count, 8)  // EAGAIN: nothing was written since
        return state.withLock { state in
            defer {
                state.commands = []
                state.toSend = []
                state.isSignaled = false
            }
            return (state.commands, state.toSend)
        }
    }

    /// Takes nothing more; hands over the commands that came too late.
    func close() -> [Command] {
        state.withLock { state in
            state.isClosed = true
            defer { state.commands = [] }
            return state.commands
        }
    }
}
