import BookendModel
import Testing

/// How long the starts of a policy wait for their agent, and what becomes of them then.
@Suite struct SlotDeadlineTests {
    private func policy(_ change: (inout Policy) -> Void) -> Policy {
        var policy = Policy.sample()
        policy.schedules = [Schedule(.cron("0 * * * *"))]
        policy.window = .seconds(1_200)
        change(&policy)
        return policy
    }

    /// A machine with this policy, and its first slots of one agent.
    private func planned(_ policy: Policy) throws -> (machine: CoordinatorMachine, slots: [Trigger]) {
        var machine = CoordinatorMachine(CoordinatorState())
        _ = machine.handle(.enrolled([web1: ["role": "web"]]), at: .start)
        let edits = machine.policies.plan(applying: [policy], by: "test", at: Moment.start.wall).edits
        _ = machine.handle(.policiesRecorded(edits), at: .start)
        let plan = try #require(machine.planSlots(at: .start))
        let records = plan.new.enumerated().map { index, slot in
            var slot = slot
            slot.job = JobID(rawValue: Int64(index + 1))
            return TriggerRecord(trigger: slot, state: .planned)
        }
        _ = machine.handle(.slotsRecorded(records, plannedAt: plan.plannedAt), at: .start)
        return (machine, machine.slots.slots(of: web1))
    }

    private func deadlines(_ change: (inout Policy) -> Void) throws -> [Duration] {
        let slots = try planned(policy(change)).slots
        return [
            slots[0].notAfter - slots[0].scheduledStart,
            slots[slots.count - 1].notAfter - slots[slots.count - 1].scheduledStart,
        ]
    }

    @Test func `a start waits to the end of its window`() throws {
        #expect(try deadlines { _ in } == [.seconds(1_200), .seconds(1_200)])
        #expect(try deadlines { $0.window = nil } == [.seconds(3_600), .seconds(3_600)])
    }

    @Test func `a start that does not wait has five minutes, and no more than its window`() throws {
        #expect(try deadlines { $0.whenAgentOffline = .fail } == [.seconds(300), .seconds(300)])
        #expect(
            try deadlines {
                $0.whenAgentOffline = .skip
                $0.window = .seconds(100)
            } == [.seconds(100), .seconds(100)])
    }

    @Test func `a start that is made up for waits for the next one`() throws {
        #expect(try deadlines { $0.catchUp = .latest } == [.seconds(3_600), .seconds(14 * 86_400)])
        let slots = try planned(policy { $0.catchUp = .latest }).slots
        #expect(slots.allSatisfy { $0.windowEnd == $0.scheduledStart + .seconds(1_200) })
    }

    @Test(arguments: OfflineRule.allCases)
    func `what becomes of a start whose agent stays away is what the policy says`(rule: OfflineRule) throws {
        var (machine, slots) = try planned(policy { $0.whenAgentOffline = rule })
        let job = slots[0].job
        let begin = Moment.start + (slots[0].scheduledStart - Moment.start.wall)
        #expect(machine.handle(.tick, at: begin) == [.record(.due(job))])
        let deadline = Moment.start + (slots[0].notAfter - Moment.start.wall)
        let expected: TriggerSettlement =
            switch rule {
            case .queue: .missed(job)
            case .fail: .offline(job)
            case .skip: .withdrawn(job)
            }
        #expect(machine.handle(.tick, at: deadline) == [.record(expected)])
        // Only what was missed is told when the agent is back.
        let actions = machine.handle(.hello(web1, .sample(wall: deadline.wall)), at: deadline)
        let told = actions.contains { action in
            if case .send(.syncSnapshot(let snapshot), _) = action {
                snapshot.triggers.map(\.job) == [job]
            } else {
                false
            }
        }
        #expect(told == (rule == .queue))
    }

    @Test func `a start's own limit of bandwidth travels with it`() throws {
        let slots = try planned(
            policy { $0.schedules = [Schedule(.cron("@daily"), bandwidthLimit: 2_048), Schedule(.cron("0 12 * * *"))] }
        ).slots
        #expect(
            slots.prefix(2).map(\.bandwidthLimit).contains(2_048) && slots.prefix(2).map(\.bandwidthLimit).contains(nil)
        )
    }
}
