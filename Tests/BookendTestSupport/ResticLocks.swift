import Foundation
import Glibc

/// The names of a local repository's locks. No folder holds no lock.
///
/// A file that restic still writes has a longer name than a lock, which is named by its hash; it locks nothing, and stays when
/// restic is ended just then.
package func resticLocks(of repository: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: repository + "/locks")) ?? []
    return names.filter { $0.utf8.count == 64 }
}

/// Runs the body while a real `restic check`, stopped in the middle, holds its exclusive lock on a local repository.
///
/// - Throws: ``DidNotHappen`` when no check of twenty could be stopped before it had ended.
package func withLockedRepository(
    _ repository: String, passwordFile: String, _ body: () async throws -> Void
) async throws {
    for _ in 0..<20 {
        let holder = Process()
        holder.executableURL = URL(filePath: "/usr/bin/env")
        // A kibibyte a second: it lasts until it is caught.
        holder.arguments = [
            "restic", "--repo", repository, "--password-file", passwordFile, "--no-cache", "--limit-download", "1",
            "check", "--read-data",
        ]
        (holder.standardOutput, holder.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
        try holder.run()
        defer {
            if holder.isRunning { kill(holder.processIdentifier, SIGKILL) }
            holder.waitUntilExit()
            removeStaleLocks(of: repository, passwordFile: passwordFile)
        }
        try await eventually("restic's lock in \(repository)") {
            !resticLocks(of: repository).isEmpty || !holder.isRunning
        }
        guard holder.isRunning, kill(holder.processIdentifier, SIGSTOP) == 0, !resticLocks(of: repository).isEmpty
        else { continue }
        return try await body()
    }
    throw DidNotHappen(description: "restic check was never caught with its lock on \(repository)")
}

/// Those of processes that are gone: who comes to the repository next finds it free.
private func removeStaleLocks(of repository: String, passwordFile: String) {
    let unlock = Process()
    unlock.executableURL = URL(filePath: "/usr/bin/env")
    unlock.arguments = ["restic", "--repo", repository, "--password-file", passwordFile, "--no-cache", "unlock"]
    (unlock.standardOutput, unlock.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
    // What could not be removed fails the next test that needs it.
    guard (try? unlock.run()) != nil else { return }
    unlock.waitUntilExit()
}
