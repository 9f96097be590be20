/// How far the wall clocks of a zone are from UTC, at each instant. The model has no table of zones: it is handed in.
package protocol ZoneRules: Sendable {
    /// Seconds to add to UTC to get the wall clock's time; at most 24 hours either way.
    func offset(at time: UnixTime) -> Int64
}

extension ZoneRules {
    /// The day that the wall clock shows at an instant.
    package func day(at time: UnixTime) -> CivilDay {
        let local = time.milliseconds + offset(at: time) * 1_000
        let day: Int64 = 86_400_000
        return CivilDay(number: local >= 0 ? local / day : (local - day + 1) / day)
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
}
