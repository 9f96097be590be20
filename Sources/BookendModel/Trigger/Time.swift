/// A point on the wall clock, in milliseconds since 1970-01-01 00:00 UTC. The wall clock may jump.
package struct UnixTime: Hashable, Comparable, Sendable {
    package var milliseconds: Int64

    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    package static func < (left: UnixTime, right: UnixTime) -> Bool { left.milliseconds < right.milliseconds }

    package static func + (time: UnixTime, duration: Duration) -> UnixTime {
        UnixTime(milliseconds: time.milliseconds.addingSaturating(duration.milliseconds))
    }

    package static func - (left: UnixTime, right: UnixTime) -> Duration {
        .milliseconds(left.milliseconds.subtractingSaturating(right.milliseconds))
    }
}

/// A point on the clock that only goes forward, sleep included: milliseconds since this machine started.
///
/// Means nothing on another machine or after a restart of this one.
package struct BootTime: Hashable, Comparable, Sendable {
    package var milliseconds: Int64

    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    package static func < (left: BootTime, right: BootTime) -> Bool { left.milliseconds < right.milliseconds }

    package static func + (time: BootTime, duration: Duration) -> BootTime {
        BootTime(milliseconds: time.milliseconds.addingSaturating(duration.milliseconds))
    }

    package static func - (left: BootTime, right: BootTime) -> Duration {
        .milliseconds(left.milliseconds.subtractingSaturating(right.milliseconds))
    }
}

/// Both clocks, read at one moment: what every machine takes as the time.
package struct Moment: Hashable, Sendable {
    package var wall: UnixTime
    package var boot: BootTime

    package init(wall: UnixTime, boot: BootTime) {
        self.wall = wall
        self.boot = boot
    }

    /// Both clocks moved by the same amount.
    package static func + (moment: Moment, duration: Duration) -> Moment {
        Moment(wall: moment.wall + duration, boot: moment.boot + duration)
    }
}

extension Duration {
    /// Whole milliseconds, cut off below; saturates.
    package var milliseconds: Int64 {
        let (whole, overflow) = components.seconds.multipliedReportingOverflow(by: 1_000)
        if overflow { return components.seconds < 0 ? .min : .max }
        return whole.addingSaturating(components.attoseconds / 1_000_000_000_000_000)
    }
}

extension Int64 {
    package func addingSaturating(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }

    package func subtractingSaturating(_ other: Int64) -> Int64 {
        let (difference, overflow) = subtractingReportingOverflow(other)
        return overflow ? (other > 0 ? .min : .max) : difference
    }
}
