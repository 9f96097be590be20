import BookendDaemon
import BookendModel

/// One computer's clocks.
final class Machine: @unchecked Sendable {
    /// The wall clock when the world begins: 2026-01-01.
    static let epoch: Int64 = 1_767_225_600_000

    let timeline: Timeline
    private(set) var bootedAt: Int64 = -1_000
    /// What the wall clock is wrong by.
    var wallOffset: Int64 = 0 { didSet { hasJumped = true } }
    private(set) var hasJumped = false

    init(_ timeline: Timeline) { self.timeline = timeline }

    var now: Moment {
        Moment(
            wall: UnixTime(milliseconds: Self.epoch + timeline.now + wallOffset),
            boot: BootTime(milliseconds: timeline.now - bootedAt))
    }

    /// On the timeline.
    func time(of boot: BootTime) -> Int64 { boot.milliseconds.addingSaturating(bootedAt) }

    /// What is copied from a server whose clock was wrong has that clock's times.
    func copyPast(of other: Machine) { hasJumped = hasJumped || other.hasJumped }

    func reboot() { bootedAt = timeline.now - 1_000 }
}

/// The clock of one process: sleeping ends when the process dies.
struct SimulatedClock: DaemonClock {
    let life: Life

    var now: Moment { life.machine.now }

    func sleep(until deadline: BootTime) async throws {
        try await life.sleep(until: life.machine.time(of: deadline))
    }
}
