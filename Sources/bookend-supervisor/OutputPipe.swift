import CLinux
import Glibc

/// One output of the program: read without blocking, kept bounded, and cut into lines for the agent if it asked.
struct OutputPipe {
    let name: String
    /// -1 once nobody can write any more.
    private(set) var reading: Int32
    private(set) var writing: Int32
    private var file: BoundedFile
    private var line: [UInt8] = []
    private let passesLines: Bool
    private static let longestLine = 64 << 10

    init?(name: String, path: String?, limit: Int, appends: Bool, passesLines: Bool) {
        var ends: [Int32] = [-1, -1]
        guard clinux_pipe(&ends) == 0 else { return nil }
        self.name = name
        (reading, writing) = (ends[0], ends[1])
        self.passesLines = passesLines
        file = BoundedFile(path: path, limit: limit, appends: appends)
        _ = fcntl(reading, F_SETFL, O_NONBLOCK)
        _ = fcntl(reading, 1031, 256 << 10)  // F_SETPIPE_SZ: fewer rounds; refused by a user's limit without harm.
    }

    mutating func closeWriting() {
        close(writing)
        writing = -1
    }

    /// Reads what is there, at most `rounds` buffers of it; hands over complete lines. False when nothing is there now.
    mutating func drain(into buffer: UnsafeMutableRawBufferPointer, rounds: Int, each: ([UInt8]) -> Void) -> Bool {
        for _ in 0..<rounds {
            guard reading >= 0 else { return false }
            let count = read(reading, buffer.baseAddress!, buffer.count)
            if count < 0 && errno == EINTR { continue }
            if count < 0 && errno == EAGAIN { return false }
            if count <= 0 {
                close(reading)
                reading = -1
                return false
            }
            let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            file.append(bytes)
            if passesLines { split(bytes, each) }
        }
        return true
    }

    /// Reads what is there and forgets it; for whoever goes on writing after the program is accounted for.
    mutating func discard(into buffer: UnsafeMutableRawBufferPointer) {
        guard reading >= 0, read(reading, buffer.baseAddress!, buffer.count) == 0 else { return }
        close(reading)
        reading = -1
    }

    /// Hands over a last line without an end, and finishes the file; returns how many bytes were left out of it.
    mutating func finish(each: ([UInt8]) -> Void) -> Int {
        if !line.isEmpty { each(line) }
        line = []
        return file.finish()
    }

    private mutating func split(_ bytes: UnsafeRawBufferPointer, _ each: ([UInt8]) -> Void) {
        var rest = bytes[...]
        while let end = rest.firstIndex(of: 0x0A) {
            extend(UnsafeRawBufferPointer(rebasing: rest[..<end]))
            each(line)
            line.removeAll(keepingCapacity: true)
            rest = rest[(end + 1)...]
        }
        extend(UnsafeRawBufferPointer(rebasing: rest))
    }

    private mutating func extend(_ bytes: UnsafeRawBufferPointer) {
        line.append(contentsOf: bytes.prefix(max(0, OutputPipe.longestLine - line.count)))
    }
}
