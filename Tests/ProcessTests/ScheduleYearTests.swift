import BookendCalendar
import BookendModel
import Foundation
import Testing

/// A year of planning against a reference that shares nothing with it.
@Suite(.timeLimit(.minutes(60))) struct ScheduleYearTests {
    private static let zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]
    private static let crons = [
        "30 2 * * *", "0 2 * * *", "59 1 * * *", "0 3 * * *", "15,45 0-3 * * *", "*/10 1-2 * * 0", "@daily", "@weekly",
        "@monthly", "5 4 1,15 * *", "0 22 * * mon-fri", "0 1 13 * 5", "0 3 */2 * 1", "0 3 1-7 * */3", "0 0 31 * *",
        "0 12 29 2 *", "20 1-23/5 * mar,oct-nov sun", "45 23 28-31 * *", "7 1 * 4,10 6,7",
    ]
    private static let agent = AgentID(rawValue: "web-1")

    /// All of 2026, and the turns of the year.
    private static let begin = UnixTime(milliseconds: 1_767_139_200_000)  // 2025-12-31
    private static let end = UnixTime(milliseconds: 1_798_848_000_000)  // 2027-01-02

    private static var schedules: [Schedule] {
        zones.flatMap { zone in
            crons.map { Schedule(.cron($0), zone: .named(zone)) }
                + [
                    Schedule(.days(.daily, start: TimeOfDay(minutes: 150)), zone: .named(zone)),
                    Schedule(.days(Weekdays(bits: 0b0100_0001), start: TimeOfDay(minutes: 105)), zone: .named(zone)),
                    Schedule(.days(Weekdays(bits: 0b0001_0010), start: TimeOfDay(minutes: 0)), zone: .named(zone)),
                ]
        }
    }

    @Test func `no start of a year in five zones differs from the reference`() async throws {
        let schedules = Self.schedules
        let expected = try await Self.reference(schedules)
        let planned = Self.planned(schedules)
        try #require(expected.count == schedules.count)
        var compared = 0
        for (index, schedule) in schedules.enumerated() {
            let (ours, theirs) = (planned[index] ?? [], Set(expected[index]))
            #expect(
                ours == theirs,
                "\(schedule): only ours \(ours.subtracting(theirs).sorted()), only theirs \(theirs.subtracting(ours).sorted())"
            )
            compared += theirs.count
        }
        #expect(compared > 20_000)
    }

    /// What the coordinator plans in the course of the year, by policy: each slot's start in seconds.
    private static func planned(_ schedules: [Schedule]) -> [Int: Set<Int64>] {
        let revisions = schedules.enumerated().map { index, schedule in
            PolicyRevision(
                policy: Policy(
                    name: PolicyName(rawValue: "p\(index)"), selector: Selector(ids: [agent]),
                    engine: .command(CommandPlan(program: "/bin/true")), schedules: [schedule]),
                revision: 1, appliedAt: begin, appliedBy: "test")
        }
        var now = Moment(wall: begin, boot: BootTime(milliseconds: 0))
        var rules = CoordinatorRules()
        rules.slotsPerAgent = .max
        var machine = CoordinatorMachine(CoordinatorState(policies: revisions), rules: rules)
        _ = machine.handle(.enrolled([agent: [:]]), at: now)  // Nobody is online.
        var starts: [Int: Set<Int64>] = [:]
        var job: Int64 = 0
        while now.wall < end {
            if let plan = machine.planSlots(zones: TimeZones(), at: now) {
                let records = plan.new.map { slot in
                    job += 1
                    var slot = slot
                    slot.job = JobID(rawValue: job)
                    return TriggerRecord(trigger: slot, state: .planned)
                }
                _ = machine.handle(.slotsRecorded(records, plannedAt: plan.plannedAt), at: now)  // As above.
                for slot in plan.new where slot.scheduledStart <= end {
                    let place = Int(slot.policy.rawValue.dropFirst()) ?? -1
                    let isNew = starts[place, default: []].insert(slot.scheduledStart.milliseconds / 1_000).inserted
                    if !isNew { starts[-1, default: []].insert(slot.scheduledStart.milliseconds) }
                }
            }
            _ = machine.handle(.tick, at: now)  // As above.
            // The slots of 14 days are there: none may be lost or come twice between two plannings.
            now = now + .seconds(11 * 86_400 + 12_345)
        }
        return starts
    }

    private static func reference(_ schedules: [Schedule]) async throws -> [[Int64]] {
        let python = try await PythonHome.interpreter(
            "python-reference", requirements: "Tests/Reference/requirements.txt", modules: "cronsim, zoneinfo")
        let asked = schedules.map { schedule in
            var item: [String: Any] = ["zone": schedule.zone.text]
            switch schedule.rule {
            case .cron(let text): item["cron"] = text
            case .days(let days, let start):
                item["days"] = days.chosenNames
                item["start"] = start.text
            case .at, .afterSuccess: break
            }
            return item
        }
        let question: [String: Any] = [
            "from": begin.milliseconds / 1_000, "to": end.milliseconds / 1_000, "schedules": asked,
        ]
        let file = NSTemporaryDirectory() + "/bookend-schedules-\(UUID().uuidString).json"
        try JSONSerialization.data(withJSONObject: question).write(to: URL(fileURLWithPath: file))
        defer { try? FileManager.default.removeItem(atPath: file) }  // Nothing depends on it.
        let answer = try await Program.run(python, [SafePlace.checkout + "/Tests/Reference/schedule_year.py", file])
        guard answer.status == 0 else { throw Missed(description: "the reference: \(answer.errors)") }
        return try JSONDecoder().decode([[Int64]].self, from: Data(answer.output.utf8))
    }
}
