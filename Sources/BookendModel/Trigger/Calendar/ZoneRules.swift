/// How far the wall clocks of a zone are from UTC, at each instant. The model has no table of zones: it is handed in.
package protocol ZoneRules: Sendable {
    /// Seconds to add to UTC to get the wall clock's time; at most 24 hours either way.
    func offset(at time: UnixTime) -> Int64
}

extension ZoneRules {
    /// The day that the wall clock shows at an instant.
    package func day(at time: UnixTime) -> CivilDay {
        UnixTime(milliseconds: time.milliseconds + offset(at: time) * 1_000).day
    }

    /// The instant at which a start at this civil time happens.
    ///
    /// A time that exists twice (clocks were set back) is the first of the two; one that does not exist (set forward) is the
    /// next instant that does. Expects at most one change of the offset within the two days around it.
    package func instant(of civil: CivilTime) -> UnixTime {
        let local = civil.minutes * 60_000
        let margin: Int64 = 86_400_000
        var before = local - margin
        var after = local + margin
        let earlier = offset(at: UnixTime(milliseconds: before))
        let later = offset(at: UnixTime(milliseconds: after))
        let existing = [earlier, later]
            .map { UnixTime(milliseconds: local - $0 * 1_000) }
            .filter { $0.milliseconds + offset(at: $0) * 1_000 == local }
        if let first = existing.min() { return first }
        while after - before > 1 {
            let middle = before + (after - before) / 2
            if offset(at: UnixTime(milliseconds: middle)) == earlier { before = middle } else { after = middle }
        }
        return UnixTime(milliseconds: after)
    }

    /// The starts after the first time, up to and including the second; in order, each once.
    ///
    /// - Parameter times: The civil times of one day at which it starts.
    package func starts(
        after: UnixTime, through: UnixTime, times: (CivilDay) -> [CivilTime]
    ) -> [UnixTime] {
        guard after < through else { return [] }
        var starts: Set<UnixTime> = []
        // A start moved out of a gap may belong to the day before; without a change around the day there is nothing to move.
        for number in (day(at: after).number - 1)...day(at: through).number {
            let times = times(CivilDay(number: number))
            guard !times.isEmpty else { continue }
            let midnight = number * 86_400_000
            let offsets = [-86_400_000, 2 * 86_400_000].map { offset(at: UnixTime(milliseconds: midnight + $0)) }
            for time in times {
                let start =
                    offsets[0] == offsets[1]
                    ? UnixTime(milliseconds: time.minutes * 60_000 - offsets[0] * 1_000) : instant(of: time)
                if start > after, start <= through { starts.insert(start) }
            }
        }
        return starts.sorted()
    }
}
