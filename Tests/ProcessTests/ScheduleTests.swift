import Foundation
import Glibc
import Testing

/// Recurring schedules on a real fleet.
@Suite(.timeLimit(.minutes(60))) struct ScheduleTests {
    /// A minute that begins in no less than this many seconds, as a wall clock in the zone shows it.
    private func minute(in zone: String, notBefore delay: Double) throws -> (start: Date, hour: Int, minute: Int) {
        let start = Date(timeIntervalSince1970: ((Date().timeIntervalSince1970 + delay) / 60).rounded(.up) * 60)
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = try #require(TimeZone(identifier: zone))
        let parts = calendar.dateComponents([.hour, .minute], from: start)
        return (start, try #require(parts.hour), try #require(parts.minute))
    }

    @Test func `a cron schedule in the agent's own zone runs, and is shown before with its job`() async throws {
        try await RealFleet.with("cron", agents: 1) { fleet in
            let site = fleet.layout.sites[0]
            // Nobody lives there by chance.
            let zone = "Asia/Kathmandu"
            let position = fleet.daemon("coordinator").errors.all.count
            await fleet.daemon(site.id).stop()
            try await fleet.goesOffline(site, after: position)
            fleet.launch(site.id, by: RealFleet.Launch(environment: ["TZ": zone]))
            try await fleet.start(site)
            try await fleet.comesOnline(site, after: position)

            let scenario = try await Scenario(fleet: fleet, site: site)
            let (start, hour, minute) = try minute(in: zone, notBefore: 10)
            try await scenario.apply(
                more: "window: 1h\nschedules: [{cron: \"\(minute) \(hour) * * *\", timezone: agent}]")
            let upcoming = try await fleet.json("schedule", "--policy", scenario.policy, "--next", "3")["starts"].list
            let unix = Int64(start.timeIntervalSince1970) * 1_000
            #expect(upcoming.map { $0["start_unix_ms"].int } == [0, 1, 2].map { unix + $0 * 86_400_000 })
            #expect(upcoming.allSatisfy { $0["utc_offset_seconds"].int == 20_700 && $0["timezone"].text == "agent" })
            let first = try #require(upcoming.first?["first_agents"].list.first)
            #expect(first["agent"].text == site.id)
            let job = try #require(first["job_id"].int)

            let clock = (hour < 10 ? "0" : "") + "\(hour):" + (minute < 10 ? "0" : "") + "\(minute)"
            let shown = try await fleet.bookend("schedule", "--agent", site.id).output
            #expect(shown.contains(clock) && shown.contains("\(job)") && shown.contains(scenario.policy), "\(shown)")
            #expect(try await fleet.bookend("agents", site.id).output.contains("\(job)"))

            try await scenario.ended(job, patience: .seconds(180))
            try await scenario.expect(job, is: 0, Integers(0, 0, 0))
            let view = try await fleet.json("job", "\(job)")
            #expect(view["cause"].text == "schedule" && view["scheduled_start_unix_ms"].int == unix)
            // The next ones stay.
            let rest = try await fleet.json("schedule", "--policy", scenario.policy, "--next", "1")["starts"].list
            #expect(rest.first?["start_unix_ms"].int == unix + 86_400_000)
        }
    }

    @Test func `a schedule is shown as of any time, across a change of the clocks`() async throws {
        try await RealFleet.with("schedule-shown", agents: 1) { fleet in
            let scenario = try await Scenario(fleet: fleet, site: fleet.layout.sites[0])
            try await scenario.apply(
                more: "schedules: [{days: daily, start: \"02:30\", timezone: Europe/Berlin, window: 1h}]")
            let shown = try await fleet.bookend("schedule", "--at", "2027-03-27T12:00:00Z", "--next", "2").output
            // It does not exist on the 28th: clocks go from 02:00 to 03:00.
            #expect(shown.contains("2027-03-28 03:00") && shown.contains("2027-03-29 02:30"), "\(shown)")
            let none = try await fleet.bookend("schedule", "--policy", "no-such")
            #expect(none.status == 4 && none.errors.contains("no-such"), "\(none)")
            let wrong = try await fleet.bookend("schedule", "--at", "tomorrow")
            #expect(wrong.status == 2 && wrong.errors.contains("--at"), "\(wrong)")

            let file = "\(fleet.layout.directory)/wrong.yaml"
            try fleet.layout.write(
                """
                policy: wrong
                agents: {ids: [a1]}
                backup: {repository: main, sources: [/etc]}
                schedules: [{cron: "@daily", timezone: Europe/Berlni}]

                """, to: file)
            let refused = try await fleet.bookend("policy", "apply", file)
            #expect(refused.status == 1 && refused.errors.contains("did you mean 'Europe/Berlin'?"), "\(refused)")
        }
    }
}
