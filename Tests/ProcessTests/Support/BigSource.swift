import BookendTestSupport
import Foundation
import Glibc
import Testing

/// A file that restic reads for minutes: 200 GiB, none of which is on the disk.
struct BigSource {
    let path: String

    init(below directory: String) throws {
        path = directory + "/big"
        let descriptor = creat(path, 0o644)
        defer { close(descriptor) }
        guard descriptor >= 0, ftruncate(descriptor, 200 << 30) == 0 else {
            throw Missed(description: "\(path): cannot be made")
        }
    }

    /// Puts an empty file in its place. Who has it open reads on to its distant end.
    func moveAside() throws {
        try #require(rename(path, path + ".aside") == 0)
        try Data().write(to: URL(filePath: path))
    }

    /// Awaits that restic holds the repository.
    func isLocked(_ repository: String) async throws {
        try await eventually("restic's lock in \(repository)") { !resticLocks(of: repository).isEmpty }
    }
}
