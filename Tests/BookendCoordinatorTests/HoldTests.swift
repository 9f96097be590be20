import BookendModel
import Testing

/// Policies that are paused and agents in maintenance.
@Suite struct HoldTests {
    private let daily = PolicyName(rawValue: "daily")
    private let start = Moment.start

    /// A machine in which two agents start something every hour.
    private func machine() -> CoordinatorMachine {
        var machine = CoordinatorMachine(CoordinatorState())
        _ = machine.handle(.enrolled([web1: ["role": "web"], web2: ["role": "web"]]), at: start)
        var policy = Policy.sample()
        policy.schedules = [Schedule(.cron("30 * * * *"))]
        policy.window = .seconds(1_200)
        let edits = machine.policies.plan(applying: [policy], by: "test", at: start.wall).edits
        _ = machine.handle(.policiesRecorded(edits), at: start)
        return machine
    }

    /// Plans and numbers as the store would.
    @discardableResult
    private func plan(_ machine: inout CoordinatorMachine, at now: Moment, firstJob: Int64 = 1) throws -> SlotPlan {
        let plan = try #require(machine.planSlots(at: now))
        var records = plan.new.enumerated().map { index, slot in
            var slot = slot
            slot.job = JobID(rawValue: firstJob + Int64(index))
            return TriggerRecord(trigger: slot, state: .planned)
        }
        let all = [web1, web2].flatMap { machine.slots.slots(of: $0) }
        records += plan.withdrawn.compactMap { job in
            all.first { $0.job == job }.map { TriggerRecord(trigger: $0, state: .withdrawn) }
        }
        _ = machine.handle(.slotsRecorded(records, plannedAt: plan.plannedAt), at: now)
        return plan
    }

    private func hold(_ target: Hold.Target, _ duration: Duration, at now: Moment) -> Hold {
        Hold(target: target, reason: "new disks", since: now.wall, until: now.wall + duration, madeBy: "test")
    }

    @Test func `starts of a paused policy are withdrawn, those after its end stay`() throws {
        var machine = machine()
        try plan(&machine, at: start)
        let before = machine.slots.slots(of: web1)
        _ = machine.handle(.holdRecorded(hold(.policy(daily), .seconds(6 * 3_600), at: start)), at: start)
        #expect(try plan(&machine, at: start).withdrawn.count == 12)
        #expect(machine.slots.slots(of: web1) == Array(before.dropFirst(6)))
        #expect(machine.holds.active(at: start.wall).map(\.target) == [.policy(daily)])
        #expect(machine.holds.active(at: start.wall + .seconds(6 * 3_600)) == [])
        let shown = machine.upcoming(StartFilter(limit: 7), zones: NoZones(), at: start).starts.map(\.held)
        #expect(shown == Array(repeating: "paused: new disks", count: 6) + [""])
    }

    @Test func `maintenance of an agent is that agent's alone`() throws {
        var machine = machine()
        try plan(&machine, at: start)
        _ = machine.handle(.holdRecorded(hold(.agent(web1), .seconds(3 * 3_600), at: start)), at: start)
        try plan(&machine, at: start)
        #expect(machine.slots.slots(of: web2).count == machine.slots.slots(of: web1).count + 3)
        let first = machine.upcoming(StartFilter(limit: 1), zones: NoZones(), at: start).starts[0]
        #expect(first.held == "" && first.firstAgents.map(\.held) == ["maintenance: new disks", ""])
        #expect(machine.agentRecords(at: start.wall).map { $0.maintenance?.reason } == ["new disks", nil])
    }

    @Test func `what passed while it was held is not made up for, neither at the end nor when it is released`() throws {
        for isReleased in [false, true] {
            var machine = machine()
            try plan(&machine, at: start)
            _ = machine.handle(.holdRecorded(hold(.policy(daily), .seconds(5_000), at: start)), at: start)
            try plan(&machine, at: start)
            var now = start
            while now.wall < start.wall + .seconds(5_000) {
                now = now + .seconds(300)
                if machine.planSlots(at: now) != nil { try plan(&machine, at: now, firstJob: 9_000) }
                #expect(!machine.handle(.tick, at: now).contains { if case .record(.due) = $0 { true } else { false } })
                if isReleased, now.wall >= start.wall + .seconds(4_200) {
                    machine.outdateSlots()
                    try plan(&machine, at: now, firstJob: 9_000)
                    _ = machine.handle(.holdReleased(.policy(daily)), at: now)
                }
            }
            try plan(&machine, at: now + .seconds(601), firstJob: 10_000)
            let next = try #require(machine.slots.slots(of: web1).map(\.scheduledStart).min())
            #expect(next > now.wall)
        }
    }

    @Test func `a start whose trigger waits for its agent is withdrawn too, and one that was delivered is not`() throws
    {
        var machine = machine()
        try plan(&machine, at: start)
        let slot = try #require(machine.slots.slots(of: web1).first)
        let begin = start + (slot.scheduledStart - start.wall)
        _ = machine.handle(.tick, at: begin)
        let other = try #require(machine.awaits(slot.job, by: web1) ? slot.job : nil)
        _ = machine.handle(.triggerAcknowledged(web2, JobID(rawValue: 2)), at: begin)
        let actions = machine.handle(.holdRecorded(hold(.policy(daily), .seconds(60), at: begin)), at: begin)
        #expect(actions.contains(.record(.withdrawn(other))))
        #expect(!machine.awaits(slot.job, by: web1))
    }

    @Test func `a target is what its text says, and nothing else is one`() {
        for target in [Hold.Target.policy(daily), .agent(web1)] { #expect(Hold.Target(target.description) == target) }
        for text in ["", "policy", "policy ", "agent web 1", "host web-1", "policy a/b"] {
            #expect(Hold.Target(text) == nil)
        }
    }
}
