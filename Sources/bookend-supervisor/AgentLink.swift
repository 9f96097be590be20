import Glibc

/// The two pipes to the agent: its commands on standard input, our events on standard output.
///
/// Never blocks. Events wait in a bounded queue; passed lines are left out while the agent does not keep up, events about
/// the program's life never are.
struct AgentLink {
    /// The agent is gone: nobody commands, nobody listens.
    private(set) var isOrphaned = false
    private var input: [UInt8] = []
    private var output: [UInt8] = []
    private(set) var linesLeftOut = 0
    private static let bound = 1 << 20

    init() {
        _ = fcntl(0, F_SETFL, O_NONBLOCK)
        _ = fcntl(1, F_SETFL, O_NONBLOCK)
    }

    /// The agent was gone before it could say anything. Unlike an empty input, which a person may give by hand.
    var isHungUp: Bool {
        var poller = pollfd(fd: 0, events: 0, revents: 0)
        return poll(&poller, 1, 0) == 1 && Int32(poller.revents) & POLLHUP != 0
    }

    var hasOutput: Bool { !output.isEmpty && !isOrphaned }

    mutating func send(_ event: String) {
        guard !isOrphaned else { return }
        output += event.utf8
        output.append(0x0A)
    }

    mutating func pass(_ line: [UInt8], from name: String) {
        guard !isOrphaned else { return }
        guard output.count + line.count < AgentLink.bound else {
            linesLeftOut += 1
            return
        }
        output += name.utf8
        output.append(0x20)
        output += line
        output.append(0x0A)
    }

    mutating func flush() {
        while !output.isEmpty && !isOrphaned {
            let count = write(1, output, output.count)
            if count < 0 && errno == EINTR { continue }
            if count < 0 && errno == EAGAIN { return }
            if count <= 0 {
                isOrphaned = true
                return
            }
            output.removeFirst(count)
        }
    }

    /// Before the end: waits until the agent has read everything, or is gone.
    mutating func flushAll() {
        flush()
        while hasOutput {
            var poller = pollfd(fd: 1, events: Int16(POLLOUT), revents: 0)
            poll(&poller, 1, 1_000)
            flush()
        }
    }

    /// The complete command lines that came.
    mutating func commands() -> [[Substring]] {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !isOrphaned {
            let count = read(0, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            if count < 0 && errno == EAGAIN { break }
            if count <= 0 {
                isOrphaned = true
                break
            }
            input += buffer[..<count]
            if input.count > 64 << 10 { input = [] }  // No command is that long.
        }
        guard let end = input.lastIndex(of: 0x0A) else { return [] }
        let text = String(decoding: input[..<end], as: UTF8.self)
        input.removeSubrange(...end)
        return text.split(separator: "\n").map { $0.split(separator: " ") }
    }
}
