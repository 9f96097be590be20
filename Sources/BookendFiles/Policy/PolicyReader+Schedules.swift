package import BookendModel

extension PolicyReader {
    /// A wrong schedule leaves a stand-in, so that those behind it keep their numbers.
    static func schedules(_ value: YAMLValue) -> [Schedule]? {
        var standIn = PolicyLimits.starts.lowerBound
        return value.list { item in
            standIn = standIn + .milliseconds(1)
            return item.mapping(PolicyKeys.schedule).flatMap(schedule) ?? .at(standIn)
        }
    }

    private static func schedule(_ keys: MappingReader) -> Schedule? {
        let forms = ["at", "cron", "days", "after_success"].filter { keys[$0] != nil }
        let findings = keys.value.findings
        if forms.count > 1, let second = keys[forms[1]] {
            findings.report(
                at: second.keyPlace ?? second.place, keyPath: second.keyPath,
                "stands beside \(forms[0]): a schedule has one of at, cron, days with start, and after_success",
                suggestion: "write two schedules, each behind a hyphen of its own")
        }
        if let start = keys["start"], forms.first != "days", forms != [] {
            findings.report(
                at: start.keyPlace ?? start.place, keyPath: start.keyPath,
                "belongs to days, and this schedule has \(forms[0])", suggestion: "leave it out")
        }
        let rule: Schedule.Rule?
        switch forms.first {
        case "at": rule = keys["at"]?.instant().map(Schedule.Rule.at)
        case "cron": rule = keys["cron"]?.string().map(Schedule.Rule.cron)
        case "after_success": rule = keys["after_success"]?.duration().map(Schedule.Rule.afterSuccess)
        case "days":
            let days = keys["days"].flatMap(days)
            let start = keys.required("start")?.timeOfDay()
            rule = days.flatMap { days in start.map { .days(days, start: $0) } }
        default:
            rule = nil
            if keys["start"] != nil {
                _ = keys.required("days")
            } else {
                findings.report(
                    at: keys.value.place, keyPath: keys.value.keyPath,
                    "says no time: expected at, cron, days with start, or after_success")
            }
        }
        let zone = keys["timezone"]?.string().map(ScheduleZone.init(text:))
        let window = keys["window"]?.duration()
        let splay = keys["splay"]?.duration()
        let limit = keys["bandwidth_limit"]?.bandwidth()
        return rule.map {
            Schedule($0, zone: zone ?? .utc, window: window, splay: splay, bandwidthLimit: limit)
        }
    }

    private static func days(_ value: YAMLValue) -> Weekdays? {
        if value.isScalar { return value.choice(of: ["daily"]).map { _ in .daily } }
        var days = Weekdays(bits: 0)
        guard let names = value.list({ $0.choice(of: Weekdays.daily.chosenNames) }) else { return nil }
        for name in names { days.insert(name) }
        return days
    }
}

extension YAMLValue {
    /// Bytes a second.
    func bandwidth() -> Int64? {
        byteCount(in: ByteCount(bytes: PolicyLimits.leastBandwidth)...ByteCount.mebibytes(1_024 * 1_024))?.bytes
    }
}

extension Policy {
    /// The zones of its schedules that are not among those that there are.
    package func zoneProblems(_ zones: any ZoneCatalog) -> [PolicyProblem] {
        schedules.enumerated().compactMap { index, schedule in
            guard case .named(let name) = schedule.zone, zones.rules(of: name) == nil else { return nil }
            let near = Nearest.match(name, among: zones.names)
            return PolicyProblem(
                keyPath: "schedules[\(index)].timezone",
                message: "there is no time zone '\(name.clipped)': "
                    + (near.map { "did you mean '\($0)'?" }
                        ?? "expected a name of the IANA database such as Europe/Berlin, UTC, or agent"))
        }
    }
}
