import Foundation
import Glibc

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

    func locks(_ repository: String) -> [String] {
        // No folder holds no lock.
        (try? FileManager.default.contentsOfDirectory(atPath: repository + "/locks")) ?? []
    }

    /// Awaits that restic holds the repository.
    func isLocked(_ repository: String) async throws {
        for _ in 0..<3_000 {
            if !locks(repository).isEmpty { return }
            try await Task.sleep(for: .milliseconds(10))  // A file's coming can only be looked for.
        }
        throw Missed(description: "restic never locked \(repository)")
    }
}
