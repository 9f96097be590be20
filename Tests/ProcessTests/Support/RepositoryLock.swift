import Foundation
import Glibc

/// The lock of a real `restic check` on the repository `locked` of a scenario's agent, which exists.
struct RepositoryLock: Sendable {
    private let holder: RunningProgram
    private let pid: pid_t

    /// Runs the body while the check, stopped in the middle, holds its lock.
    static func hold(_ scenario: Scenario, _ body: (RepositoryLock) async throws -> Void) async throws {
        let repository = scenario.site.directory + "/locked"
        let locks = repository + "/locks"
        for _ in 0..<10 {
            let holder = RunningProgram(
                "check", "restic",
                ["--repo", repository, "--password-file", scenario.site.password, "--no-cache", "check"],
                environment: ["HOME": scenario.site.directory])
            let pid = try await holder.pid
            var isHeld = false
            for _ in 0..<2_000 {
                isHeld = try isLocked(locks)
                if isHeld { break }
                try await Task.sleep(for: .milliseconds(5))  // A file's coming can only be looked for.
            }
            kill(pid, SIGSTOP)
            guard isHeld, try isLocked(locks) else {
                await holder.stop(SIGKILL)
                continue
            }
            do {
                try await body(RepositoryLock(holder: holder, pid: pid))
            } catch {
                await holder.stop(SIGKILL)
                throw error
            }
            await holder.stop(SIGKILL)
            return
        }
        throw Missed(description: "restic check was never caught with its lock")
    }

    /// Lets the check go on to its end, which removes the lock.
    func release() async throws {
        kill(pid, SIGCONT)
        _ = await holder.ended()
    }

    /// A file that is still being written has a longer name than a lock, which restic names by its hash.
    private static func isLocked(_ folder: String) throws -> Bool {
        try FileManager.default.contentsOfDirectory(atPath: folder).contains { $0.count == 64 }
    }
}
