import Foundation
import Glibc

/// Ways to hit a daemon in the middle of what it does.
enum Strike {
    /// Kills the process as soon as the file changes: in the transaction that writes it, or right after.
    ///
    /// - Returns: The file changed within the patience; otherwise nobody was killed.
    static func killed(_ pid: pid_t, whenWritten path: String, patience: Duration = .seconds(20)) async -> Bool {
        await withCheckedContinuation { continuation in
            // A thread of its own, as it looks without a pause.
            Thread.detachNewThread {
                let deadline = ContinuousClock.now + patience
                let start = changeTime(path)
                while ContinuousClock.now < deadline {
                    if changeTime(path) != start {
                        kill(pid, SIGKILL)
                        return continuation.resume(returning: true)
                    }
                    usleep(50)
                }
                continuation.resume(returning: false)
            }
        }
    }

    private static func changeTime(_ path: String) -> [Int] {
        var place = stat()
        guard stat(path, &place) == 0 else { return [] }
        return [place.st_mtim.tv_sec, place.st_mtim.tv_nsec, Int(place.st_size)]
    }

    /// Runs the body while another process holds the write lock of an SQLite database.
    static func withLocked(_ database: String, _ body: () async throws -> Void) async throws {
        let program = """
            import sqlite3, sys
            database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
            database.execute("BEGIN IMMEDIATE")
            print("locked", flush=True)
            import time
            time.sleep(60)
            """
        let holder = RunningProgram("the holder of a lock", "/usr/bin/python3", ["-c", program, database])
        do {
            _ = try await holder.output.first("the lock", patience: .seconds(30)) { $0 == "locked" }
            try await body()
        } catch {
            await holder.stop(SIGKILL)
            throw error
        }
        await holder.stop(SIGKILL)
    }
}
