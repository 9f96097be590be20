import Foundation
import Glibc

/// The wall clock of one daemon, set by libfaketime. Its other clocks stay what they are.
struct FakeTime {
    private let file: String
    let launch: RealFleet.Launch

    /// The library moves every timer by what it moves the wall clock, also those of clocks that it leaves alone.
    private static let timers = """
        #define _GNU_SOURCE
        #include <sys/syscall.h>
        #include <sys/timerfd.h>
        #include <unistd.h>

        int timerfd_settime(int timer, int flags, const struct itimerspec *new, struct itimerspec *old) {
            return syscall(SYS_timerfd_settime, timer, flags, new, old);
        }

        """

    init(below directory: String) async throws {
        let root = "/usr/lib"
        // Nothing to list: nothing there.
        let folders = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        let libraries = folders.map { "\(root)/\($0)/faketime/libfaketimeMT.so.1" }
        guard let library = libraries.first(where: { FileManager.default.fileExists(atPath: $0) }) else {
            throw Missed(description: "libfaketime is not installed: tools/install-dependencies")
        }
        let (source, timers) = (directory + "/timers.c", directory + "/timers.so")
        try Self.timers.write(toFile: source, atomically: true, encoding: .utf8)
        // Swift brings it along.
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let compiler = try await Program.run(
            "/usr/bin/env", ["clang", "-shared", "-fPIC", "-o", timers, source], environment: ["PATH": path])
        guard compiler.status == 0 else { throw Missed(description: "clang: \(compiler.errors)") }
        file = directory + "/faketime"
        launch = RealFleet.Launch(
            // The library sets a variable when it finds that one missing, and moves the environment by that: a Swift
            // program, which looks for its arguments before it, would then have none. So it happens to `env`.
            wrapper: "/usr/bin/env",
            environment: [
                "LD_PRELOAD": timers + " " + library, "FAKETIME_TIMESTAMP_FILE": file, "FAKETIME_NO_CACHE": "1",
                "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
            ])
        try set(seconds: 0)
    }

    /// Removes what the library shares between the processes of a daemon that has ended.
    static func forget(_ pid: pid_t) {
        for path in ["/dev/shm/faketime_shm_\(pid)", "/dev/shm/sem.faketime_sem_\(pid)"] { unlink(path) }
    }

    /// From now on the clock is so far ahead, or behind when negative.
    func set(seconds: Int) throws {
        let sign = seconds < 0 ? "-" : "+"
        try "\(sign)\(abs(seconds))\n".write(toFile: file, atomically: true, encoding: .utf8)
    }
}
