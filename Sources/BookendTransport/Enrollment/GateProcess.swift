package import BookendModel
import CLinux
import Glibc
import Synchronization

/// The coordinator's end of an ``EnrollmentGate``: starts its process, hears newcomers through it, and ends it.
///
/// The process ends with its channel, and so with this one, however this one ends.
package final class GateProcess: Sendable {
    /// A newcomer's message, and the key that it proved.
    package struct Request: Sendable {
        package var number: UInt64
        package var key: PublicKey
        package var message: [UInt8]
    }

    private struct State {
        var channel: Int32
        var hasEnded = false
    }

    /// The newest wait in vain when there are more than the gate lets in at once.
    package let requests: AsyncStream<Request>
    package let pid: Int32
    private let state: Mutex<State>

    /// - Parameter arguments: The program's path, then its arguments. It finds its channel under descriptor 3.
    package init(_ arguments: [String]) throws(TransportError) {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
            throw TransportError(.system, "cannot start the enroller: \(SmallFile.reason())")
        }
        let (own, other) = (ends[0], ends[1])
        defer { close(other) }
        do {
            pid = try Self.spawn(arguments, channel: other)
        } catch {
            close(own)
            throw error
        }
        let (requests, continuation) = AsyncStream.makeStream(
            of: Request.self, bufferingPolicy: .bufferingOldest(EnrollmentGate.Limits().unanswered))
        self.requests = requests
        state = Mutex(State(channel: own))
        let (pid, reader) = (pid, Reader(gate: self))
        let result = DetachedThread.start {
            Self.read(own) { continuation.yield($0) }
            Glibc.kill(pid, SIGKILL)  // it closed its end, or we ours: it is of no more use
            reader.gate?.noteEnd()
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
            close(own)
            continuation.finish()
        }
        guard result == 0 else {
            Glibc.kill(pid, SIGKILL)
            throw TransportError(.system, "cannot start a thread: \(SmallFile.reason(result))")
        }
    }

    private final class Reader: Sendable {
        let box: Mutex<Weak>
        struct Weak { weak var gate: GateProcess? }
        init(gate: GateProcess) { box = Mutex(Weak(gate: gate)) }
        var gate: GateProcess? { box.withLock { $0.gate } }
    }

    deinit { stop() }

    /// The process is gone, or about to be.
    package var hasEnded: Bool { state.withLock(\.hasEnded) }

    /// Answers one request. An answer that cannot be taken is lost: the newcomer asks again.
    package func answer(_ number: UInt64, _ message: [UInt8]) {
        let datagram = number.bytes + message
        state.withLock { state in
            guard !state.hasEnded else { return }
            send(state.channel, datagram, datagram.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
        }
    }

    /// Ends the process. Twice does no harm.
    package func stop() {
        state.withLock { state in
            // Wakes the reader, which does the rest; the descriptor is closed by it alone.
            guard !state.hasEnded else { return }
            shutdown(state.channel, Int32(SHUT_RDWR))
            Glibc.kill(pid, SIGKILL)
        }
    }

    private func noteEnd() { state.withLock { $0.hasEnded = true } }

    private static func read(_ channel: Int32, _ take: (Request) -> Void) {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = recv(channel, &buffer, buffer.count, 0)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            guard count >= EnrollmentGate.headBytes,
                let key = PublicKey(
                    checking: String(
                        decoding: buffer[EnrollmentGate.numberBytes..<EnrollmentGate.headBytes], as: UTF8.self))
            else { continue }
            take(
                Request(
                    number: UInt64(bytes: buffer[..<EnrollmentGate.numberBytes]), key: key,
                    message: Array(buffer[EnrollmentGate.headBytes..<count])))
        }
    }

    private static func spawn(_ arguments: [String], channel: Int32) throws(TransportError) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, channel, 3)
        clinux_spawn_closes_from(&actions, 4)
        // What this program does with signals is not the other's.
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        // Little of the environment, and little memory for the allocator to keep in reserve.
        let environment = ["PATH=/usr/bin:/bin", "MALLOC_ARENA_MAX=1", "SWIFT_BACKTRACE=enable=no"] + libraryPath
        let words = arguments.map { strdup($0) } + [nil]
        let variables = environment.map { strdup($0) } + [nil]
        defer { for text in words + variables { free(text) } }
        var pid: pid_t = 0
        let result = posix_spawn(&pid, arguments[0], &actions, &attributes, words, variables)
        guard result == 0 else {
            throw TransportError(.system, "cannot start \(arguments[0]): \(SmallFile.reason(result))")
        }
        return pid
    }

    private static var libraryPath: [String] {
        getenv("LD_LIBRARY_PATH").map { ["LD_LIBRARY_PATH=" + String(cString: $0)] } ?? []
    }
}
