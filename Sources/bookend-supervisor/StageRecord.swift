import Glibc

/// The file by which the agent that starts after a dead one finds us and our program; nothing without a path.
///
/// One block of fixed size, written anew with each line, what is not used yet as zeros. So whoever reads it finds whole
/// lines, none of what an earlier program of the stage left there, and the first line takes the room of all.
struct StageRecord {
    /// The agent takes as much room before the attempt begins.
    private static let size = 512

    /// `nil`: none is wanted.
    let path: String?
    private let descriptor: Int32
    /// Why the file could not be opened, as errno has it.
    private let problem: Int32
    private var bytes: [UInt8] = []

    init(path: String?) {
        self.path = path
        descriptor = path.map { open($0, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600) } ?? -1
        problem = path != nil && descriptor < 0 ? errno : 0
    }

    /// Adds lines, in one write. Of a line that is too long the beginning is kept.
    ///
    /// - Returns: 0, or why they are not in the file, as errno has it.
    mutating func add(_ lines: String...) -> Int32 {
        guard path != nil else { return 0 }
        guard descriptor >= 0 else { return problem }
        for line in lines {
            bytes += Array(line.utf8).prefix(max(0, Self.size - bytes.count - 1))
            if bytes.count < Self.size { bytes.append(0x0A) }
        }
        let block = bytes + [UInt8](repeating: 0, count: Self.size - bytes.count)
        while true {
            let count = pwrite(descriptor, block, block.count, 0)
            if count < 0 && errno == EINTR { continue }
            guard count == block.count else { return count < 0 ? errno : ENOSPC }
            return 0
        }
    }
}
