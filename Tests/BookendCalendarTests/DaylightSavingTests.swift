import BookendCalendar
import BookendFiles
import BookendModel
import Testing

/// What becomes of starts when clocks are changed.
struct DaylightSavingTests {
    private func starts(_ rule: Schedule.Rule, _ zone: String, from: String, to: String) throws -> [String] {
        let rules = try #require(TimeZones().rules(of: zone))
        let (from, to) = (try #require(InstantText.parse(from)), try #require(InstantText.parse(to)))
        return Schedule(rule, zone: .named(zone)).starts(after: from, through: to, zone: rules).map(InstantText.render)
    }

    @Test func `a start that does not exist is at the next instant that does`() throws {
        // Clocks go from 02:00 to 03:00 on the 29th.
        #expect(
            try starts(.cron("30 2 * * *"), "Europe/Berlin", from: "2026-03-27T12:00:00Z", to: "2026-03-31T00:00:00Z")
                == ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"])
        #expect(
            try starts(
                .days(.daily, start: TimeOfDay(minutes: 150)), "America/New_York", from: "2026-03-07T12:00:00Z",
                to: "2026-03-09T12:00:00Z") == ["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"])
    }

    @Test func `several starts that do not exist are one`() throws {
        #expect(
            try starts(
                .cron("*/15 2 * * *"), "Europe/Berlin", from: "2026-03-29T00:30:00Z", to: "2026-03-29T02:00:00Z")
                == ["2026-03-29T01:00:00Z"])
        // The hour behind it begins at the same instant.
        #expect(
            try starts(
                .cron("30 2,3 * * *"), "Europe/Berlin", from: "2026-03-29T00:30:00Z", to: "2026-03-29T02:00:00Z")
                == ["2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"])
    }

    @Test func `a start that exists twice is the first of both`() throws {
        // Clocks go from 03:00 back to 02:00 on the 25th.
        #expect(
            try starts(.cron("30 2 * * *"), "Europe/Berlin", from: "2026-10-24T12:00:00Z", to: "2026-10-26T12:00:00Z")
                == ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"])
        #expect(
            try starts(
                .days(Weekdays(bits: 0b000_0001), start: TimeOfDay(minutes: 60)), "America/New_York",
                from: "2026-10-31T00:00:00Z", to: "2026-11-03T00:00:00Z") == ["2026-11-01T05:00:00Z"])
    }

    @Test func `clocks that are changed by half an hour are right too`() throws {
        // Lord Howe goes from 02:00 (UTC+11) to 01:30 in April and from 02:00 (UTC+10:30) to 02:30 in October.
        #expect(
            try starts(
                .cron("45 1 * * *"), "Australia/Lord_Howe", from: "2026-04-04T00:00:00Z", to: "2026-04-06T00:00:00Z")
                == ["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"])
        #expect(
            try starts(
                .cron("10 2 * * *"), "Australia/Lord_Howe", from: "2026-10-03T00:00:00Z", to: "2026-10-05T00:00:00Z")
                == ["2026-10-03T15:30:00Z", "2026-10-04T15:10:00Z"])
    }

    @Test func `an offset of three quarters of an hour is right`() throws {
        #expect(
            try starts(.cron("0 2 * * *"), "Asia/Kathmandu", from: "2026-05-01T00:00:00Z", to: "2026-05-02T12:00:00Z")
                == ["2026-05-01T20:15:00Z"])
    }

    @Test func `what is asked for in pieces is what is asked for at once`() throws {
        let rules = try #require(TimeZones().rules(of: "Europe/Berlin"))
        let schedule = Schedule(.cron("*/20 1-4 * * *"), zone: .named("Europe/Berlin"))
        let begin = try #require(InstantText.parse("2026-03-20T00:00:00Z"))
        let whole = schedule.starts(after: begin, through: begin + .seconds(20 * 86_400), zone: rules)
        for step: Int64 in [60, 1_000, 3_600, 100_000] {
            var pieces: [UnixTime] = []
            var time = begin
            while time < begin + .seconds(20 * 86_400) {
                let next = min(time + .seconds(step), begin + .seconds(20 * 86_400))
                pieces += schedule.starts(after: time, through: next, zone: rules)
                time = next
            }
            #expect(pieces == whole, "step \(step)")
        }
        #expect(whole.count > 200)
    }
}

struct TimeZonesTests {
    @Test(arguments: ["Europe/Berlin", "UTC", "Etc/UTC", "US/Eastern", "Asia/Calcutta", "EST5EDT"])
    func `a zone of the database is known`(name: String) {
        #expect(TimeZones().rules(of: name) != nil)
    }

    @Test(arguments: ["", "Europe/Berln", "Mars/Base", "PDT", "GMT+5", "europe/berlin/x", "../etc/passwd", "agent"])
    func `what is no zone of the database is not known`(name: String) {
        #expect(TimeZones().rules(of: name) == nil)
    }

    @Test func `a zone that there is not is named with the nearest that there is`() throws {
        let text = """
            policy: p
            agents: {ids: [web-1]}
            backup: {repository: main, sources: [/etc]}
            schedules:
              - {cron: "@daily", timezone: Europe/Berln}
              - {cron: "@daily", timezone: Mars/Olympus_Mons}
              - {cron: "@daily", timezone: Asia/Kathmandu}
            """
        let error = #expect(throws: FileError.self) {
            try PolicyFile.read(text: text, file: "p.yaml", zones: TimeZones())
        }
        #expect(
            error?.diagnostics.map(\.summary) == [
                "p.yaml:5:32: schedules[0].timezone: there is no time zone 'Europe/Berln': did you mean 'Europe/Berlin'?",
                "p.yaml:6:32: schedules[1].timezone: there is no time zone 'Mars/Olympus_Mons': expected a name of the "
                    + "IANA database such as Europe/Berlin, UTC, or agent",
            ])
    }
}

struct SplayTests {
    private let policy = Policy(
        name: PolicyName(rawValue: "nightly"), selector: Selector(patterns: ["*"]),
        engine: .command(CommandPlan(program: "/x")), window: .seconds(14_400), splay: .seconds(1_800),
        schedules: [Schedule(.cron("0 2 * * *")), Schedule(.cron("0 12 * * *"), window: .seconds(60), splay: .zero)])
    private let begin = UnixTime(milliseconds: 1_767_225_600_000)  // 2026-01-01

    private func starts(_ agent: Int, from: Int64 = 0, hours: Int64 = 24) -> [PolicyStart] {
        let (after, through) = (begin + .seconds(from), begin + .seconds(hours * 3_600))
        let nominal = policy.nominalStarts(after: after, through: through, agentZone: "", zones: NoZones())
        return policy.starts(of: nominal, on: AgentID(rawValue: "a-\(agent)"), after: after, through: through)
    }

    @Test func `each agent has its own part of the splay, always the same, and no agent more than that`() {
        let delays = (0..<500).map { (starts($0)[0].time - starts($0)[0].nominal).milliseconds }
        #expect(
            delays == (0..<500).map { (starts($0, hours: 48)[2].time - starts($0, hours: 48)[2].nominal).milliseconds })
        #expect(delays.allSatisfy { (0...1_800_000).contains($0) && $0 % 1_000 == 0 })
        #expect(Set(delays).count > 300)
        #expect(delays.filter { $0 < 900_000 }.count > 150 && delays.filter { $0 >= 900_000 }.count > 150)
    }

    @Test func `the window begins without the splay, and a schedule's own window and splay win`() {
        let (night, noon) = (starts(7)[0], starts(7)[1])
        #expect(night.windowEnd == begin + .seconds(6 * 3_600))
        #expect(noon.time == begin + .seconds(12 * 3_600) && noon.windowEnd == noon.time + .seconds(60))
    }

    @Test func `a start whose splay has begun is still to come`() {
        let agent = (0..<100).first { (starts($0)[0].time - starts($0)[0].nominal) > .seconds(900) } ?? 0
        #expect(starts(agent, from: 7_200 + 600).first?.nominal == begin + .seconds(7_200))
    }
}
