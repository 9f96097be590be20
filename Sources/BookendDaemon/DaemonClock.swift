package import BookendModel
import Glibc

/// Where a daemon takes the time from, and when it wakes: nothing in a daemon asks the machine itself. Tests and simulations
/// put their own in its place.
package protocol DaemonClock: Sendable {
    var now: Moment { get }
    /// Returns at `deadline`, or throws when the task is canceled.
    func sleep(until deadline: BootTime) async throws
}

/// Both clocks of this machine.
package struct SystemClock: DaemonClock {
    package init() {}

    package var now: Moment {
        Moment(
            wall: UnixTime(milliseconds: Self.read(CLOCK_REALTIME)),
            boot: BootTime(milliseconds: Self.read(CLOCK_BOOTTIME)))
    }

    /// Sleeps at most a minute at a time: a timer does not run while the machine is suspended, CLOCK_BOOTTIME does.
    package func sleep(until deadline: BootTime) async throws {
        while true {
            let rest = deadline - now.boot
            guard rest > .zero else { return }
            try await Task.sleep(for: min(rest, .seconds(60)))
        }
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}
